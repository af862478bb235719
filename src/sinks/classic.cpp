#include "sinks/classic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "base/text.h"
#include "explain/netfilter.h"
#include "sinks/summary_words.h"

namespace tracepkt::sinks {
namespace {

std::string type_of(const decode::Packet& packet) {
  switch (packet.echo_kind()) {
    case decode::EchoKind::kRequest:
      return "request";
    case decode::EchoKind::kReply:
      return "reply";
    case decode::EchoKind::kError:
      return "error";
    case decode::EchoKind::kNone:
      break;
  }
  return packet.protocol_name();
}

// The original's " %7s.%-12s:%s".
std::string chain_column(const journey::ChainWalk& walk) {
  std::string verdict(explain::verdict_name(walk.base));
  std::ranges::transform(verdict, verdict.begin(), [](unsigned char c) { return std::toupper(c); });
  return " " + pad_left(printable(walk.base.table), 7) + "." +
         pad_right(printable(explain::chain_name(walk.base)), 12) + ":" + verdict;
}

}  // namespace

void ClassicSink::header() {
  if (!header_done_) {
    out_.write(fmt::format("{:>14} {:>16} {:>7} {:<34} {}\n", "NETWORK NS", "INTERFACE", "TYPE",
                           "ADDRESSES", "IPTABLES"));
    header_done_ = true;
  }
}

void ClassicSink::journey(const journey::Journey& journey) {
  header();
  const decode::Packet* packet_now = &journey.packet;
  for (const journey::Hop& hop : journey.hops) {
    if (hop.packet) {
      packet_now = &*hop.packet;
    }
    if (!hop.is_crossing() && !hop.chain) {
      continue;
    }
    const decode::Packet& packet = *packet_now;
    const std::string addresses =
        packet.is_ip() ? fmt::format("{} -> {}", packet.src.text(), packet.dst.text()) : "";
    out_.write(fmt::format("[{:>12}] {} {:>7} {:<34}{}\n", hop.netns.inode,
                           pad_left(printable(hop.device.name.view()), 16), type_of(packet),
                           addresses, hop.chain ? chain_column(*hop.chain) : ""));
  }
}

void ClassicSink::exchange(const PingExchange& exchange) {
  header();
  for (const journey::Journey& one : exchange.journeys) {
    journey(one);
  }
  if (!exchange.trouble.empty()) {
    err_.write(fmt::format("tracepkt: {}\n", exchange.trouble));
    err_.flush();
  }
}

void ClassicSink::summary(const Summary& summary) {
  header();
  out_.offer();
  err_.write(summary_words(summary));
  err_.flush();
}

}  // namespace tracepkt::sinks
