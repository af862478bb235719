// What a capture file says of a packet in words: the comment on its block. It has a grammar
// (docs/capture-format.md), by which wireshark/tracepkt.lua takes it apart.
#pragma once

#include <string>

#include "journey/journey.h"

namespace tracepkt::cli {

// "web eth0 drop: NO_SOCKET; udp 10.0.0.1:7 -> 10.0.0.2:53, 40 bytes"
std::string hop_comment(const journey::Hop& hop);

}  // namespace tracepkt::cli
