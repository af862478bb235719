#include "journey/flows.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <memory>

namespace tracepkt::journey {
namespace {

FlowKey key_of(const decode::Packet& packet) {
  return {.protocol = packet.protocol,
          .sport = packet.sport,
          .dport = packet.dport,
          .src = packet.src,
          .dst = packet.dst};
}

FlowKey reversed(const FlowKey& key) {
  return {.protocol = key.protocol,
          .sport = key.dport,
          .dport = key.sport,
          .src = key.dst,
          .dst = key.src};
}

bool has(const decode::Packet& packet, std::uint8_t tcp_flag) {
  return packet.protocol == IPPROTO_TCP && (packet.tcp_flags & tcp_flag) != 0;
}

}  // namespace

std::size_t Flows::KeyHash::operator()(const FlowKey& key) const {
  const std::size_t addresses = decode::hash_of(key.src) * 31 + decode::hash_of(key.dst);
  return addresses * 31 + (static_cast<std::size_t>(key.protocol) << 32) +
         (static_cast<std::size_t>(key.sport) << 16) + key.dport;
}

void Flows::learn(const decode::Packet& packet, Sight& sight, Journey& journey,
                  std::uint64_t& next_exchange) {
  const bool is_first = sight.len == 0;
  const bool is_of_a_question = journey.exchange != 0 && !journey.in_flow;
  if (!packet.has_ports || is_of_a_question) {
    sight.len = is_first ? packet.len : sight.len;
    return;
  }
  const FlowKey key = key_of(packet);
  if (key == sight.key) {
    return;
  }
  if (is_first || packet.len < sight.len) {
    // What came out of a tunnel is of its own flow, not of the tunnel's.
    join(key, packet, journey, next_exchange);
  } else if (packet.len == sight.len && key.protocol == sight.key.protocol) {
    const bool is_reply = journey.direction == Direction::kReply;
    const auto known = flows_.find(is_reply ? reversed(sight.key) : sight.key);
    if (known != flows_.end()) {
      keep(is_reply ? reversed(key) : key, Flow(known->second));
    }
  } else {
    return;  // put into a tunnel, whose header many flows have
  }
  sight = {.key = key, .len = packet.len};
}

Flows::Opening Flows::opening(const Sight& sight) const {
  const auto it = flows_.find(sight.key);
  return it != flows_.end() ? it->second.connection->opening : Opening();
}

void Flows::join(const FlowKey& key, const decode::Packet& packet, Journey& journey,
                 std::uint64_t& next_exchange) {
  const bool opens = has(packet, TH_SYN) && !has(packet, TH_ACK);
  const bool answers = has(packet, TH_SYN) && !opens;
  journey.in_flow = true;
  journey.direction = Direction::kOriginal;
  if (const auto it = flows_.find(key); it != flows_.end()) {
    Flow& flow = it->second;
    Connection& connection = *flow.connection;
    if (const bool again = connection.opened && connection.tcp_seq == packet.tcp_seq;
        !opens || again) {
      connection.opening.sent_again |= opens;
      flow.is_used = true;
      journey.exchange = flow.exchange;
      return;
    }
  }
  if (const auto it = flows_.find(reversed(key)); it != flows_.end() && !opens) {
    Flow& flow = it->second;
    flow.connection->opening.answered |= answers;
    flow.is_used = true;
    journey.exchange = flow.exchange;
    journey.direction = Direction::kReply;
    return;
  }
  journey.exchange = next_exchange++;
  journey.direction = answers ? Direction::kReply : Direction::kOriginal;
  keep(answers ? reversed(key) : key,
       {.exchange = journey.exchange,
        .connection = std::make_shared<Connection>(Connection{
            .opened = opens, .tcp_seq = packet.tcp_seq, .opening = {.answered = answers}})});
}

void Flows::keep(const FlowKey& key, const Flow& flow) {
  if (!flows_.insert_or_assign(key, flow).second) {
    return;
  }
  order_.push_back(key);
  while (order_.size() > max_keys_) {
    const auto oldest = flows_.find(order_.front());
    if (oldest->second.is_used) {
      oldest->second.is_used = false;
      order_.push_back(order_.front());
    } else {
      flows_.erase(oldest);
    }
    order_.pop_front();
  }
}

}  // namespace tracepkt::journey
