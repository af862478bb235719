// Hops of tunnels, of which no hook tells: what is seen of the packet before and after does.
#pragma once

#include <vector>

#include "journey/journey.h"

namespace tracepkt::journey {

// Can `outer` be a packet with `inner` in it, by its protocol and length?
bool may_carry(const decode::Packet& outer, const decode::Packet& inner);

// Adds the hops. The same buffer holds first the one, then the other.
void infer_tunnels(std::vector<Hop>& hops);

}  // namespace tracepkt::journey
