// Journeys for tests, and what a sink makes of them. Test code only.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "sinks/sink.h"

namespace tracepkt::sinks::testing {

inline decode::Packet echo(bool reply) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = 1, .ttl = 64, .len = 84};
  packet.src = {.family = 4, .bytes = {10, 0, 0, static_cast<std::uint8_t>(reply ? 2 : 1)}};
  packet.dst = {.family = 4, .bytes = {10, 0, 0, static_cast<std::uint8_t>(reply ? 1 : 2)}};
  packet.icmp =
      decode::Icmp{.type = static_cast<std::uint8_t>(reply ? 0 : 8), .code = 0, .id = 7, .seq = 1};
  return packet;
}

// A namespace's inode is the sum of its name's bytes. An empty device: on none.
inline journey::Hop hop(std::uint64_t time_ns, const std::string& netns, const std::string& device,
                        stage_id stage, bool reply = false) {
  journey::Hop hop{
      .time_ns = time_ns, .netns = {.name = netns}, .stage = stage, .packet = echo(reply)};
  for (const char c : netns) {
    hop.netns.inode += static_cast<unsigned char>(c);
  }
  hop.device.index = device.empty() ? 0 : 3;
  std::memcpy(hop.device.name.bytes.data(), device.data(),
              std::min<std::size_t>(device.size(), 15));
  return hop;
}

// web eth0 -> host veth0, veth1 -> db eth0, answered.
inline journey::Journey request() {
  journey::Journey request{
      .id = 1, .exchange = 1, .direction = journey::Direction::kRequest, .packet = echo(false)};
  request.hops = {hop(1000, "web", "eth0", STAGE_tx),   hop(3000, "host", "veth0", STAGE_rx),
                  hop(4000, "host", "veth1", STAGE_tx), hop(5000, "db", "eth0", STAGE_rx),
                  hop(6000, "db", "eth0", STAGE_in),    hop(9000, "db", "eth0", STAGE_deliver)};
  request.hops.back().answered = true;
  request.outcome = {.kind = journey::OutcomeKind::kDelivered, .netns = request.hops.back().netns};
  return request;
}

// The same way back.
inline journey::Journey reply() {
  journey::Journey reply{
      .id = 2, .exchange = 1, .direction = journey::Direction::kReply, .packet = echo(true)};
  reply.hops = {
      hop(7000, "db", "eth0", STAGE_tx, true),    hop(8000, "host", "veth1", STAGE_rx, true),
      hop(8500, "host", "veth0", STAGE_tx, true), hop(8800, "web", "eth0", STAGE_rx, true),
      hop(9100, "web", "eth0", STAGE_in, true),   hop(9500, "web", "eth0", STAGE_deliver, true)};
  reply.outcome = {.kind = journey::OutcomeKind::kDelivered, .netns = reply.hops.back().netns};
  return reply;
}

inline const std::string kHostileNetns = "<img src=x onerror=hostile=1>\x1b[31m";
inline const std::string kHostileDevice = "e<u>0\"&%%{i";
inline const std::string kHostileReason = "</script><script>hostile=1</script>\xe2\x80\xa8--><!--";

// One whose names mean to be something else, dropped.
inline journey::Journey hostile(std::uint64_t id = 3) {
  journey::Journey one{.id = id, .packet = echo(false)};
  one.hops = {hop(1000, kHostileNetns, kHostileDevice, STAGE_tx),
              hop(2000, kHostileNetns, kHostileDevice, STAGE_drop)};
  one.hops.back().drop =
      journey::DropInfo{.reason = kHostileReason, .function = "`\\N\"]%%{init: 1}%%"};
  one.outcome = {.kind = journey::OutcomeKind::kDropped,
                 .netns = one.hops.back().netns,
                 .device = one.hops.back().device,
                 .drop = one.hops.back().drop};
  return one;
}

// A firewall's chain that a packet went through.
inline journey::Hop chain(std::uint64_t time_ns, const std::string& netns, std::int32_t verdict) {
  journey::Hop asked = hop(time_ns, netns, "", STAGE_netfilter);
  asked.chain = journey::ChainWalk{.base = {.verdict = verdict}};
  return asked;
}

// A file that `write` wrote to, as text.
template <typename Write>
std::string written(Write write) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
  const int fd = fileno(file.get());
  {
    Output out(fd, ColorMode::kNever);
    write(out);
    out.flush();
  }
  std::string text(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
  return pread(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())
             ? text
             : "it cannot be read";
}

inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; ++at) {
    ++count;
  }
  return count;
}

}  // namespace tracepkt::sinks::testing
