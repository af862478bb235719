// The events of one packet in the order in which they are told.
#pragma once

#include <vector>

#include "decode/event.h"

namespace tracepkt::journey {

// CPUs write side by side, and some things are told later than they were: puts all in place. What
// is another packet's is left out.
void put_in_order(std::vector<decode::Event>& events);

}  // namespace tracepkt::journey
