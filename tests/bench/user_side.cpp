// What the user side costs a packet: records like those of tools/bench's flood, through decoding,
// journeys and a sink that writes to /dev/null. Nanoseconds of CPU, so that a busy machine disturbs
// little. No root needed.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decode/event.h"
#include "journey/builder.h"
#include "sinks/sink.h"
#include "wire/record.h"

namespace {

using tracepkt::journey::Builder;
using tracepkt::journey::Journey;

constexpr int kPackets = 20'000;
constexpr int kRounds = 7;
// So many packets are under way at once: the kernel frees them by the batch.
constexpr int kUnderWay = 64;

class FewNames : public tracepkt::journey::Names {
 public:
  std::string netns(const tracepkt::decode::NetnsId& id) override {
    return id.inode == 1 ? "tpbench-1234-a" : "tpbench-1234-b";
  }
  std::string netns_file(std::uint32_t) override { return ""; }
  std::string drop_reason(std::uint32_t reason) override {
    return "REASON_" + std::to_string(reason);
  }
  std::string symbol(std::uint64_t) override { return "function+0x1"; }
  std::string rule(std::uint32_t, const tracepkt::decode::Netfilter&) override { return ""; }
};

struct Place {
  stage_id stage;
  std::uint32_t netns;
  std::uint32_t ifindex;
  std::uint32_t iif;
  const char* name;
};
constexpr Place kWay[] = {{STAGE_tx, 1, 2, 0, "br0"},
                          {STAGE_tx, 1, 3, 0, "veth0"},
                          {STAGE_rx, 2, 2, 0, "eth0"},
                          {STAGE_in, 2, 2, 2, "eth0"},
                          {STAGE_end, 0, 0, 2, ""}};

struct Records {
  std::vector<std::byte> bytes;
  std::vector<std::span<const std::byte>> all;
};

void append(Records& records, int number, const Place& place, std::uint64_t time_ns) {
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

Records make_records() {
  Records records;
  std::uint64_t time_ns = 1'000'000;
  for (int number = 0; number < kPackets + kUnderWay; ++number) {
    for (const Place& place : std::span(kWay).first(number < kPackets ? std::size(kWay) - 1 : 0)) {
      append(records, number, place, time_ns += 700);
    }
    if (number >= kUnderWay) {
      append(records, number - kUnderWay, kWay[std::size(kWay) - 1], time_ns += 700);
    }
  }
  std::size_t at = 0;
  for (auto& record : records.all) {
    record = std::span(records.bytes).subspan(at, record.size());
    at += record.size();
  }
  return records;
}

double cpu_ns() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// The best of some rounds.
double ns_per_packet(const std::function<void()>& work) {
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < kRounds; ++round) {
    const double begin = cpu_ns();
    work();
    best = std::min(best, (cpu_ns() - begin) / kPackets);
  }
  return best;
}

std::uint64_t feed(const Records& records, const Builder::Handler& handler) {
  FewNames names;
  std::uint64_t journeys = 0;
  Builder builder(names, [&](Journey&& journey) {
    ++journeys;
    handler(std::move(journey));
  });
  for (const auto record : records.all) {
    if (auto event = tracepkt::decode::decode_record(record)) {
      builder.add(*std::move(event));
    }
  }
  builder.finish();
  return journeys;
}

}  // namespace

// With the name of a format, only that one, to profile it.
int main(int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";
  const Records records = make_records();
  std::uint64_t sum = 0;
  const double decode = ns_per_packet([&] {
    for (const auto record : records.all) {
      const auto event = tracepkt::decode::decode_record(record);
      sum += event ? event->time_ns : 0;
    }
  });
  const double journeys = ns_per_packet([&] { sum += feed(records, [](Journey&&) {}); });
  fmt::print("{} packets of {} events; ns of CPU a packet, each line with what is above it:\n",
             kPackets, std::size(kWay));
  fmt::print("decode   {:6.0f}\njourneys {:6.0f}\n", decode, journeys);
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  using tracepkt::sinks::Format;
  for (const auto& [format, name] :
       {std::pair(Format::kTable, "table"), std::pair(Format::kClassic, "classic"),
        std::pair(Format::kJson, "json")}) {
    if (!only.empty() && only != name) {
      continue;
    }
    tracepkt::sinks::Output out(null, tracepkt::sinks::ColorMode::kNever);
    const auto sink = tracepkt::sinks::make_sink(format, out, out, {}, false);
    fmt::print("+ {:7}{:6.0f}\n", name, ns_per_packet([&] {
                 sum += feed(records, [&](Journey&& journey) { sink->journey(journey); });
               }));
  }
  close(null);
  return sum == 0 ? 1 : 0;
}
