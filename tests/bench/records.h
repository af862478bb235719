// Records like those of tools/bench's flood: packets of five events each, some of them under way at
// the same time. For the benchmarks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "decode/event.h"
#include "journey/journey.h"
#include "wire/record.h"

namespace tracepkt::bench {

inline constexpr int kPackets = 20'000;
// So many packets are under way at once: the kernel frees them by the batch.
inline constexpr int kUnderWay = 64;

class FewNames : public journey::Names {
 public:
  std::string netns(const decode::NetnsId& id) override {
    return id.inode == 1 ? "tpbench-1234-a" : "tpbench-1234-b";
  }
  std::string netns_file(std::uint32_t) override { return ""; }
  std::string drop_reason(std::uint32_t reason) override {
    return "REASON_" + std::to_string(reason);
  }
  std::string symbol(std::uint64_t) override { return "function+0x1"; }
  std::string rule(std::uint32_t, const decode::Netfilter&) override { return ""; }
};

struct Place {
  stage_id stage;
  std::uint32_t netns;
  std::uint32_t ifindex;
  std::uint32_t iif;
  const char* name;
};
inline constexpr Place kWay[] = {{STAGE_tx, 1, 2, 0, "br0"},
                                 {STAGE_tx, 1, 3, 0, "veth0"},
                                 {STAGE_rx, 2, 2, 0, "eth0"},
                                 {STAGE_in, 2, 2, 2, "eth0"},
                                 {STAGE_end, 0, 0, 2, ""}};

struct Records {
  std::vector<std::byte> bytes;
  std::vector<std::span<const std::byte>> all;
};

inline void append(Records& records, int number, const Place& place, std::uint64_t time_ns) {
  struct {
    record_header header;
    packet_section packet;
  } record = {};
  record.header.stage = static_cast<std::uint8_t>(place.stage);
  record.header.flags = static_cast<std::uint8_t>((place.stage == STAGE_end ? RECORD_LAST : 0) |
                                                  (&place == kWay ? RECORD_FIRST : 0));
  record.header.time_ns = time_ns;
  record.header.packet = static_cast<std::uint64_t>(number) + 1;
  record.header.netns = place.netns;
  record.header.netns_cookie = place.netns;
  record.header.ifindex = place.ifindex;
  record.header.iif = place.iif;
  std::strncpy(record.header.ifname, place.name, sizeof(record.header.ifname) - 1);
  std::size_t size = sizeof(record.header);
  if (place.stage != STAGE_end) {
    constexpr std::uint8_t kHeaders[28] = {0x45, 0, 0,    92,   0,    0,    0x40, 0,  64,
                                           17,   0, 0,    10,   99,   0,    1,    10, 99,
                                           0,    2, 0xc3, 0x50, 0x17, 0x71, 0,    72};
    record.packet.section = {.id = SECTION_packet, .size = offsetof(packet_section, bytes) + 64};
    record.packet.len = 92;
    record.packet.protocol = 0x0800;
    record.packet.captured = 64;
    std::memcpy(record.packet.bytes, kHeaders, sizeof(kHeaders));
    size += record.packet.section.size;
  }
  const auto* begin = reinterpret_cast<const std::byte*>(&record);
  records.bytes.insert(records.bytes.end(), begin, begin + size);
  records.all.emplace_back(static_cast<const std::byte*>(nullptr), size);
}

// `first`: so many packets were made before, in another call.
inline Records make_records(int first = 0) {
  Records records;
  std::uint64_t time_ns = 1'000'000 + static_cast<std::uint64_t>(first) * std::size(kWay) * 700;
  for (int number = 0; number < kPackets + kUnderWay; ++number) {
    for (const Place& place : std::span(kWay).first(number < kPackets ? std::size(kWay) - 1 : 0)) {
      append(records, first + number, place, time_ns += 700);
    }
    if (number >= kUnderWay) {
      append(records, first + number - kUnderWay, kWay[std::size(kWay) - 1], time_ns += 700);
    }
  }
  std::size_t at = 0;
  for (auto& record : records.all) {
    record = std::span(records.bytes).subspan(at, record.size());
    at += record.size();
  }
  return records;
}

}  // namespace tracepkt::bench
