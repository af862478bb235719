#include "journey/translations.h"

#include <algorithm>
#include <ranges>

namespace tracepkt::journey {

using decode::Event;
using decode::Packet;

void Translations::learn(const std::vector<Event>& events) {
  const Event& last = events.back();
  const bool is_changed = last.stage == STAGE_nat && last.packet && last.packet->has_ports;
  const bool has_ended = last.stage == STAGE_end || last.stage == STAGE_deliver;
  if (!is_changed && (!has_ended || known_.empty())) {
    return;
  }
  const auto reversed = std::views::reverse(events);
  const auto in = std::ranges::find(reversed, STAGE_in, &Event::stage);
  const bool was_changed =
      !is_changed && std::ranges::find(events, STAGE_nat, &Event::stage) != events.end();
  if (was_changed || in == reversed.end() || !in->packet || !in->packet->has_ports) {
    return;
  }
  const Packet& from = *in->packet;
  const Key key(in->netns.inode, from.protocol, {from.dst, from.dport}, {from.src, from.sport});
  if (!is_changed) {
    known_.erase(key);
    return;
  }
  const Packet& to = *last.packet;
  const Ends ends = {.local = {to.dst, to.dport}, .remote = {to.src, to.sport}};
  if (!known_.insert_or_assign(key, ends).second) {
    return;
  }
  order_.push_back(key);
  if (order_.size() > max_) {
    known_.erase(order_.front());
    order_.pop_front();
  }
}

std::optional<Packet> Translations::before(const Packet& packet, std::uint32_t netns) const {
  const auto it = known_.find(
      Key(netns, packet.protocol, {packet.src, packet.sport}, {packet.dst, packet.dport}));
  if (!packet.has_ports || it == known_.end()) {
    return std::nullopt;
  }
  Packet made = packet;
  made.src = it->second.local.address;
  made.sport = it->second.local.port;
  made.dst = it->second.remote.address;
  made.dport = it->second.remote.port;
  return made;
}

}  // namespace tracepkt::journey
