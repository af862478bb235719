// Whose socket took a packet that nobody was seen reading?
#pragma once

#include <vector>

#include "journey/assemble.h"
#include "journey/journey.h"

namespace tracepkt::journey {

// A datagram, or a segment that opens a connection, that the IP layer took in: finds the socket
// that is there for it. Where the kernel was done with it as well, it was delivered.
void find_taker(Journey& journey, const std::vector<decode::Event>& events,
                const AssembleContext& context);

// What came to a connection that nobody has accepted yet came to a socket without a process: finds
// whose it is by now.
void find_who_accepted(Journey& journey, const AssembleContext& context);

}  // namespace tracepkt::journey
