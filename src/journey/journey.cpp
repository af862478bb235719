#include "journey/journey.h"

#include <fmt/format.h>

namespace tracepkt::journey {

std::string Netns::label() const {
  if (!name.empty()) {
    return name;
  }
  return inode == 0 ? "?" : fmt::format("netns {}", inode);
}

const Rule* ChainWalk::decisive() const {
  if (by_policy || rules.empty()) {
    return nullptr;
  }
  const Rule& last = rules.back();
  return last.raw.kind == NETFILTER_RULE && last.raw.verdict >= 0 ? &last : nullptr;
}

std::string_view outcome_name(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kDelivered:
      return "delivered";
    case OutcomeKind::kDropped:
      return "dropped";
    case OutcomeKind::kLeft:
      return "left";
    case OutcomeKind::kConsumed:
      return "consumed";
    case OutcomeKind::kLost:
      return "lost";
  }
  return "";
}

std::string_view direction_name(Direction direction) {
  switch (direction) {
    case Direction::kOriginal:
      return "original";
    case Direction::kRequest:
      return "request";
    case Direction::kReply:
      return "reply";
  }
  return "";
}

}  // namespace tracepkt::journey
