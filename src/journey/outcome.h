// How a packet's way ended, from its hops.
#pragma once

#include <vector>

#include "journey/assemble.h"
#include "journey/journey.h"

namespace tracepkt::journey {

// Does the hop tell that TCP gave the packet to a connection's socket?
bool is_arrival(const Hop& hop);

// Where the packet was when it was answered; null if it was not. What set out before the packet
// came there answers an earlier one.
Hop* answered_hop(std::vector<Hop>& hops, const AssembleContext& context);

// `answered`: answered_hop().
Outcome judge(const Journey& journey, const std::vector<decode::Event>& events,
              const AssembleContext& context, const Hop* answered);

}  // namespace tracepkt::journey
