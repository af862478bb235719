// By what a capture file tells names of a kind apart where that is more than a number. In files:
// never changed.
#pragma once

#include <cstdint>
#include <string_view>

#include "decode/event.h"
#include "journey/journey.h"

namespace tracepkt::cli {

// Of rules with the same handle. FNV-1a (64 bits) over the namespace's inode (4 bytes, little
// endian), the table's family (1), its name, and a 0; of nftables, where it is known (0.1.0's first
// builds did not look), also the table's handle (4); of legacy iptables, whose rules have numbers
// in their chain, also the chain's name and a 0.
std::uint64_t rule_scope(std::uint32_t inode, const decode::Netfilter& netfilter);

// Of sockets. FNV-1a over the namespace's inode, the protocol (1), and of the local and of the
// remote end the address (family: 1, 4 or 6; 16 bytes) and the port (2, little endian).
std::uint64_t place_key(const journey::SocketPlace& place);

// A number as a name's text has it; 0 where it is none.
std::uint64_t number_in(std::string_view text);

}  // namespace tracepkt::cli
