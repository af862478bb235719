#include "journey/asks.h"

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <variant>

namespace tracepkt::journey {
namespace {

// Who does not answer within seconds does not answer.
constexpr std::uint64_t kPatienceNs = 5'000'000'000;
constexpr std::size_t kMaxAsks = 1024;

constexpr std::uint16_t kArpRequest = 1;
constexpr std::uint16_t kArpReply = 2;
constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;

struct Question {
  bool is_answer = false;
  decode::Address target;
  decode::Address asker;
};

// Family 0 of the target: it is neither.
Question question_of(const decode::Packet& packet) {
  if (packet.arp && packet.arp->op == kArpRequest) {
    return {.is_answer = false, .target = packet.arp->target, .asker = packet.arp->sender};
  }
  if (packet.arp && packet.arp->op == kArpReply) {
    return {.is_answer = true, .target = packet.arp->sender, .asker = packet.arp->target};
  }
  if (packet.icmp && packet.icmp->type == kSolicitation) {
    return {.is_answer = false, .target = packet.nd_target, .asker = packet.src};
  }
  if (packet.icmp && packet.icmp->type == kAdvertisement) {
    return {.is_answer = true, .target = packet.nd_target, .asker = packet.dst};
  }
  return {};
}

}  // namespace

void Asks::learn(const decode::Event& event, Journey& journey, std::uint64_t& next_exchange) {
  if (!event.packet || journey.exchange != 0) {
    return;
  }
  const Question question = question_of(*event.packet);
  if (question.target.family == 0) {
    return;
  }
  if (!question.is_answer) {
    journey.exchange = next_exchange++;
    journey.direction = Direction::kRequest;
    asks_.push_back({.target = question.target,
                     .asker = question.asker,
                     .netns = event.netns.inode,
                     .time_ns = event.time_ns,
                     .journey = journey.id,
                     .exchange = journey.exchange});
    if (asks_.size() > kMaxAsks) {
      asks_.pop_front();
    }
    return;
  }
  const auto reversed = std::views::reverse(asks_);
  const auto ask = std::ranges::find_if(reversed, [&](const Ask& one) {
    return one.target == question.target && one.asker == question.asker &&
           one.time_ns <= event.time_ns && event.time_ns < one.time_ns + kPatienceNs;
  });
  if (ask != reversed.end()) {
    ask->answered = true;
    journey.exchange = ask->exchange;
    journey.direction = Direction::kReply;
  }
}

bool Asks::was_in_vain(const Journey& journey) const {
  // An answer is sent before its request is freed. Of oneself one asks to be told of another one.
  const auto& arp = journey.packet.arp;
  if (!arp || arp->op != kArpRequest || arp->sender == arp->target || journey.hops.size() < 2 ||
      journey.hops.front().stage != STAGE_tx || journey.hops.back().stage != STAGE_rx ||
      journey.outcome.kind != OutcomeKind::kConsumed || !journey.outcome.seen) {
    return false;
  }
  const auto ask = std::ranges::find(asks_, journey.id, &Ask::journey);
  return ask != asks_.end() && !ask->answered;
}

void Asks::refer(Journey& journey) const {
  for (Hop& hop : journey.hops) {
    const auto* neighbour = std::get_if<decode::Neighbour>(&hop.note);
    if (neighbour == nullptr) {
      continue;
    }
    const auto reversed = std::views::reverse(asks_);
    const auto ask = std::ranges::find_if(reversed, [&](const Ask& one) {
      return one.target == neighbour->address && one.netns == hop.netns.inode &&
             one.time_ns <= neighbour->told_ns && neighbour->told_ns < one.time_ns + kPatienceNs;
    });
    if (ask != reversed.end()) {
      hop.asked_by = ask->journey;
    }
  }
}

}  // namespace tracepkt::journey
