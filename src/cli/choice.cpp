#include "cli/choice.h"

#include <algorithm>
#include <string>

#include "cli/moment.h"

namespace tracepkt::cli {
namespace {

bool passes(const filter::Filter& filter, std::span<const std::byte> record) {
  const auto bytes = decode::packet_bytes(record);
  return filter::matches(filter, bytes.ethertype, bytes.len, bytes.bytes);
}

}  // namespace

void Choice::see(const decode::Event& event, std::span<const std::byte> record) {
  if (!has_begun_) {
    has_begun_ = true;
    const std::int64_t begin_ns = clock_.wall_ns(event.time_ns);
    since_ns_ = options_.since ? resolve(*options_.since, begin_ns) : INT64_MIN;
    until_ns_ = options_.until ? resolve(*options_.until, begin_ns) : INT64_MAX;
  }
  if (!filter_ || !event.packet || records_.contains(event.packet_id)) {
    return;
  }
  records_.emplace(event.packet_id, std::vector<std::byte>(record.begin(), record.end()));
  order_.push_back(event.packet_id);
  if (order_.size() > kMaxKept) {
    records_.erase(order_.front());
    order_.pop_front();
  }
}

bool Choice::passes_filter(std::uint64_t packet_id) {
  const auto it = records_.find(packet_id);
  if (it == records_.end()) {
    return false;
  }
  const bool result = passes(*filter_, it->second);
  records_.erase(it);
  return result;
}

bool Choice::is_in_time(std::uint64_t monotonic_ns) const {
  const std::int64_t wall_ns = clock_.wall_ns(monotonic_ns);
  return wall_ns >= since_ns_ && wall_ns < until_ns_;
}

bool Choice::is_place(const journey::Netns& netns, const decode::Device& device) const {
  return (options_.netns.empty() || netns.name == options_.netns ||
          std::to_string(netns.inode) == options_.netns) &&
         (options_.device.empty() || device.name.view() == options_.device);
}

bool Choice::wants(const journey::Journey& journey) {
  const auto here = [&](const journey::Hop& hop) { return is_place(hop.netns, hop.device); };
  return (!filter_ || passes_filter(journey.packet_id)) &&
         (!outcome_ || journey.outcome.kind == *outcome_) && is_in_time(journey.begin_ns()) &&
         ((options_.netns.empty() && options_.device.empty()) ||
          std::ranges::any_of(journey.hops, here));
}

bool Choice::wants(const decode::Event& event, std::span<const std::byte> record,
                   const journey::Netns& netns) const {
  return (!filter_ || passes(*filter_, record)) && is_in_time(event.time_ns) &&
         is_place(netns, event.device);
}

}  // namespace tracepkt::cli
