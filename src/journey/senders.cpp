#include "journey/senders.h"

#include <algorithm>

#include "journey/hop_list.h"

namespace tracepkt::journey {

using decode::Event;

void Senders::learn(const std::vector<Event>& events, Names& names) {
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
  decode::Socket socket = *sent->socket;
  const auto [known, is_new] = sockets_.try_emplace(key, socket);
  if (is_new || known->second.inode != socket.inode) {
    // Now: it may be closed when this is asked for.
    name_owner(socket, names);
  }
  // What a connection says last comes from a socket that its process has closed.
  if (socket.pid != 0 || known->second.pid == 0) {
    known->second = socket;
  }
  if (!is_new) {
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
