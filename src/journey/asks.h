// Who asked for which link address: ARP requests and neighbour solicitations, the answers to them,
// and the packets that waited meanwhile.
#pragma once

#include <cstdint>
#include <deque>

#include "journey/journey.h"

namespace tracepkt::journey {

class Asks {
 public:
  // The first sight of a packet: a request begins an exchange, with the next free number, and an
  // answer to one that is known is joined to it. Anything else is left alone.
  void learn(const decode::Event& event, Journey& journey, std::uint64_t& next_exchange);

  // Says in the hops of a packet that waited which journey the request was that was answered, or
  // sent last.
  void refer(Journey& journey) const;

  // Was it a request for a link address, made on this machine, that ended without any answer?
  bool was_in_vain(const Journey& journey) const;

 private:
  struct Ask {
    decode::Address target;
    decode::Address asker;
    std::uint32_t netns = 0;  // where it was sent from
    std::uint64_t time_ns = 0;
    std::uint64_t journey = 0;
    std::uint64_t exchange = 0;
    bool answered = false;
  };

  std::deque<Ask> asks_;  // the oldest first
};

}  // namespace tracepkt::journey
