#include "journey/senders.h"

#include <algorithm>

namespace tracepkt::journey {

using decode::Event;

void Senders::learn(const std::vector<Event>& events) {
  const auto sent = std::ranges::find_if(events, [](const Event& event) {
    return event.stage == STAGE_out && event.socket && event.socket->inode != 0;
  });
  const auto seen =
      std::ranges::find_if(events, [](const Event& event) { return event.packet.has_value(); });
  if (sent == events.end() || seen == events.end() || !seen->packet->has_ports) {
    return;
  }
  const decode::Packet& packet = *seen->packet;
  const Key key(sent->netns.inode, packet.protocol, packet.src, packet.sport);
  if (!sockets_.insert_or_assign(key, *sent->socket).second) {
    return;
  }
  order_.push_back(key);
  if (order_.size() > max_places_) {
    sockets_.erase(order_.front());
    order_.pop_front();
  }
}

const decode::Socket* Senders::find(const SocketPlace& place) const {
  const auto it = sockets_.find(Key(place.netns, place.protocol, place.local, place.local_port));
  return it == sockets_.end() ? nullptr : &it->second;
}

}  // namespace tracepkt::journey
