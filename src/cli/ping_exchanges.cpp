#include "cli/ping_exchanges.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace tracepkt::cli {
namespace {

// A request that is answered again and again (by a bridge that loops) is not kept without end.
constexpr std::size_t kMaxJourneys = 16384;

std::uint16_t wire_seq(const journey::Journey& journey) {
  const decode::Packet& packet = journey.packet;
  return packet.quoted_echo ? packet.quoted_echo->icmp.seq : packet.icmp ? packet.icmp->seq : 0;
}

// An answer that had to wait, for its neighbour's link address, was not seen yet when the request's
// journey ended.
void mark_answered(std::vector<journey::Journey>& journeys) {
  const auto reply = std::ranges::find_if(journeys, [](const journey::Journey& one) {
    return one.packet.echo_kind() == decode::EchoKind::kReply;
  });
  if (reply == journeys.end() || reply->hops.empty()) {
    return;
  }
  for (journey::Journey& one : journeys) {
    if (one.direction != journey::Direction::kRequest || one.hops.empty()) {
      continue;
    }
    journey::Hop& end = one.hops.back();
    end.answered = end.answered || (end.stage == STAGE_deliver && !end.socket &&
                                    end.netns.inode == reply->hops.front().netns.inode);
  }
}

}  // namespace

void PingExchanges::expect(std::uint64_t seq) { ++kept_[static_cast<std::uint16_t>(seq)].expected; }

std::optional<journey::Journey> PingExchanges::keep(journey::Journey&& journey) {
  const auto it = kept_.find(wire_seq(journey));
  if (it == kept_.end() || journeys_ >= kMaxJourneys) {
    return std::move(journey);
  }
  it->second.journeys.push_back(std::move(journey));
  ++journeys_;
  return std::nullopt;
}

std::span<const journey::Journey> PingExchanges::journeys(std::uint64_t seq) const {
  const auto it = kept_.find(static_cast<std::uint16_t>(seq));
  return it == kept_.end() ? std::span<const journey::Journey>() : it->second.journeys;
}

std::vector<journey::Journey> PingExchanges::take(std::uint64_t seq) {
  const auto it = kept_.find(static_cast<std::uint16_t>(seq));
  if (it == kept_.end()) {
    return {};
  }
  std::vector<journey::Journey> journeys = std::exchange(it->second.journeys, {});
  journeys_ -= journeys.size();
  if (--it->second.expected == 0) {
    kept_.erase(it);
  }
  // Requests first: an error about one may be seen before the request's own end.
  std::ranges::sort(journeys, {}, [](const journey::Journey& one) {
    return std::pair(one.direction == journey::Direction::kReply, one.id);
  });
  mark_answered(journeys);
  return journeys;
}

std::vector<journey::Journey> PingExchanges::take_rest() {
  std::vector<journey::Journey> rest;
  for (auto& [seq, kept] : kept_) {
    std::ranges::move(kept.journeys, std::back_inserter(rest));
  }
  kept_.clear();
  journeys_ = 0;
  std::ranges::sort(rest, {}, &journey::Journey::id);
  return rest;
}

sinks::PingExchange shown_exchange(const capture::Exchange& exchange,
                                   std::span<const journey::Journey> journeys) {
  return {.seq = exchange.seq,
          .host = exchange.host,
          .target = exchange.target,
          .payload_bytes = exchange.payload_bytes,
          .rtt_ns = exchange.rtt_ns,
          .ttl = exchange.ttl ? static_cast<int>(*exchange.ttl) : -1,
          .trouble = exchange.trouble,
          .journeys = journeys};
}

}  // namespace tracepkt::cli
