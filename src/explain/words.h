// Hops, packets and outcomes in words that a person reads without a manual.
#pragma once

#include <cstdint>
#include <string>

#include "journey/journey.h"

namespace tracepkt::explain {

// "icmp 10.0.0.1 -> 10.0.0.2, echo request 7/1, 84 bytes"
std::string packet_words(const decode::Packet& packet);
void append_packet_words(std::string& out, const decode::Packet& packet);

// What was decided at this hop; may be empty. `before` is the hop before it in the journey, or
// null: what did not change since is not repeated.
std::string hop_words(const journey::Hop& hop, const journey::Hop* before);

// "delivered in web", "DROPPED in web", ...; "freed in web" where a drop is no fault.
std::string outcome_words(const journey::Journey& journey);

// Why it ended badly, one sentence with reason and place; empty for an end as it should be.
std::string cause_words(const journey::Journey& journey);

// The text of the firewall rule that dropped it; empty where none did, or none is known.
std::string rule_text(const journey::Journey& journey);

// Was it dropped, though somebody may have wanted it?
bool is_fault(const journey::Journey& journey);
// The same of one drop on the way of `packet`.
bool is_fault(const journey::DropInfo& drop, const decode::Packet& packet);

// 184'000 -> "184 us", 2'500'000 -> "2.50 ms"
std::string duration_words(std::uint64_t duration_ns);

}  // namespace tracepkt::explain
