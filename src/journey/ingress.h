// What is asked about a packet between an interface and the IP layer behind it.
#pragma once

#include <vector>

#include "journey/journey.h"

namespace tracepkt::journey {

// The kernel's tracepoint for `in` is before generic XDP, tc and netfilter's chains of the
// interface are asked on the way in (__netif_receive_skb_core, the same from 5.10 to 7.2). Puts the
// hop behind theirs; what they did not let pass did not come to the IP layer, so that it has none.
// What a flowtable forwards there does not come to it either, and gets a hop that says so. Wants
// the drops' names, and what NAT changed.
void settle_ingress(std::vector<Hop>& hops, Names& names);

}  // namespace tracepkt::journey
