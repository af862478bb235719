#include "journey/journey.h"

#include <algorithm>

#include <fmt/format.h>

#include <charconv>

namespace tracepkt::journey {

std::string Netns::label() const {
  if (!name.empty()) {
    return name;
  }
  return inode == 0 ? "?" : fmt::format("netns {}", inode);
}

std::string owner_text(const std::optional<Process>& process) {
  return process ? fmt::format("{} {}", process->pid, process->name) : "";
}

std::optional<Process> process_of(std::string_view owner_text) {
  const std::size_t space = owner_text.find(' ');
  if (space == std::string_view::npos) {
    return std::nullopt;
  }
  Process process{.name = std::string(owner_text.substr(space + 1))};
  const char* const begin = owner_text.data();
  const char* const end = begin + space;
  const auto [rest, error] = std::from_chars(begin, end, process.pid);
  return error == std::errc() && rest == end ? std::optional(process) : std::nullopt;
}

std::string queue_text(const std::optional<ListenQueue>& queue) {
  return queue ? fmt::format("{} {}", queue->waiting, queue->backlog) : "";
}

std::optional<ListenQueue> queue_of(std::string_view queue_text) {
  ListenQueue queue;
  const char* const begin = queue_text.data();
  const char* const end = begin + queue_text.size();
  const auto waiting = std::from_chars(begin, end, queue.waiting);
  if (waiting.ec != std::errc() || waiting.ptr == end || *waiting.ptr != ' ') {
    return std::nullopt;
  }
  const auto backlog = std::from_chars(waiting.ptr + 1, end, queue.backlog);
  return backlog.ec == std::errc() && backlog.ptr == end ? std::optional(queue) : std::nullopt;
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

const decode::Queue* waiting_queue(const Journey& journey) {
  if (journey.outcome.kind != OutcomeKind::kLeft || journey.outcome.seen) {
    return nullptr;
  }
  const auto* queue = std::get_if<decode::Queue>(&journey.hops.back().note);
  return queue != nullptr && queue->waits ? queue : nullptr;
}

void for_each_hop(const Journey& journey, const std::function<void(const Hop&)>& take) {
  auto step = journey.functions.begin();
  const auto take_until = [&](std::uint64_t time_ns) {
    for (; step != journey.functions.end() && step->time_ns < time_ns; ++step) {
      take(Hop{.time_ns = std::max(step->time_ns, journey.begin_ns()),
               .cpu = step->cpu,
               .netns = {.inode = step->netns.inode, .name = step->netns_name},
               .device = step->device,
               .stage = STAGE_function,
               .note = step->call,
               .function = step->name,
               .reset_reason = {}});
    }
  };
  for (const Hop& hop : journey.hops) {
    take_until(hop.time_ns);
    take(hop);
  }
  take_until(UINT64_MAX);
}

SocketPlace place_of(const decode::Packet& packet, std::uint32_t netns, std::uint32_t ifindex) {
  return {.netns = netns,
          .ifindex = ifindex,
          .protocol = packet.protocol,
          .local = packet.dst,
          .local_port = packet.dport,
          .remote = packet.src,
          .remote_port = packet.sport};
}

}  // namespace tracepkt::journey
