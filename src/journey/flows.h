// Which packets belong to one flow: what goes between two ports, both ways, and through NAT. By
// what is in the packets alone, wherever they are seen: two flows of the same protocol, addresses
// and ports, in namespaces that know nothing of each other, are one at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>

#include "decode/packet.h"
#include "journey/journey.h"

namespace tracepkt::journey {

struct FlowKey {
  std::uint8_t protocol = 0;  // 0: none
  std::uint16_t sport = 0;
  std::uint16_t dport = 0;
  decode::Address src;
  decode::Address dst;

  bool operator==(const FlowKey&) const = default;
};

class Flows {
 public:
  // Of how many flows it remembers the keys; NAT gives one two or three. Beyond it one is forgotten
  // of which nothing came for long, and what comes of it later is of another exchange.
  explicit Flows(std::size_t max_keys = 16384) : max_keys_(max_keys) {}

  // As what a journey's packet was seen last.
  struct Sight {
    FlowKey key;
    std::uint32_t len = 0;  // 0: it was not seen yet
  };

  // What is known of a TCP connection that a SYN is to begin.
  struct Opening {
    bool answered = false;    // by a SYN ACK
    bool sent_again = false;  // the same SYN
  };

  // The packet, as it is seen now, of a journey: joins it to the exchange of its flow, or begins
  // one with the next free number. Leaves alone what has no ports.
  void learn(const decode::Packet& packet, Sight& sight, Journey& journey,
             std::uint64_t& next_exchange);

  // Of the flow of a packet that was seen so.
  Opening opening(const Sight& sight) const;

 private:
  struct Connection {
    bool opened = false;  // by a SYN, with this number
    std::uint32_t tcp_seq = 0;
    Opening opening;
  };
  struct Flow {
    std::uint64_t exchange = 0;
    std::shared_ptr<Connection> connection;
    bool is_used = false;  // since it came to be the oldest last
  };
  struct KeyHash {
    std::size_t operator()(const FlowKey& key) const;
  };

  void join(const FlowKey& key, const decode::Packet& packet, Journey& journey,
            std::uint64_t& next_exchange);
  void keep(const FlowKey& key, const Flow& flow);

  std::size_t max_keys_;
  std::unordered_map<FlowKey, Flow, KeyHash> flows_;  // by the way that began it
  std::deque<FlowKey> order_;                         // the next to be looked at first
};

}  // namespace tracepkt::journey
