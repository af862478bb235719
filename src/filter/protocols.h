// Which protocols a packet can have that a filter matches: the kernel side's first and cheapest
// question, asked before it copies a byte of the packet.
#pragma once

#include <span>

#include "filter/program.h"
#include "wire/filter.h"

namespace tracepkt::filter {

// By the version nibble of the IP header and, in IPv4, its protocol field; in IPv6, the next header
// of the fixed header, be it an extension or not. `program` is for packets that begin with an IP
// header. A protocol may be named that never matches, but none is left out that can.
protocol_sets possible_protocols(std::span<const sock_filter> program);

}  // namespace tracepkt::filter
