// A packet filter, as pcap-filter(7) describes it, ready to be written into a BPF object (patch.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "filter/program.h"

namespace tracepkt::filter {

// l3 is for packets that begin with an IP header, l2 for all others that have a MAC header. An
// expression that is about the link layer (ether, vlan, arp, ...) has no l3: then l2 is for every
// packet with a MAC header, and a packet that has none yet, or no more, cannot match.
//
// Both see the packet's bytes alone: `vlan` matches a tag that is in them, not one that the
// device keeps beside the packet; `len`, `less` and `greater` count from the respective header on.
struct Filter {
  std::string expression;
  std::optional<ClassicProgram> l2;
  std::optional<ClassicProgram> l3;
};

// Compiles an expression with libpcap, which may ask the resolver for names. An empty one matches
// every packet. Fails if the expression is wrong, in libpcap's words and with a line that points at
// the place, or if it is too long for the stubs. Not for two threads at once.
Result<Filter> compile(std::string_view expression);

// Does a packet match, of which only the bytes from its network header on are known? `len` is its
// whole length, from there. Of a link layer header, only what kind of packet follows can be asked.
bool matches(const Filter& filter, std::uint16_t ethertype, std::uint32_t len,
             std::span<const std::byte> bytes);

}  // namespace tracepkt::filter
