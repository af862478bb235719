// Which row of advice.def is about a packet: what happened, how to check it, what usually mends it.
#pragma once

#include <optional>
#include <string_view>

#include "journey/journey.h"

namespace tracepkt::explain {

struct Advice {
  std::string_view key;  // stable: for scripts
  // Texts in which {in}, {dev}, ... stand for what is known of a packet: see advice_words.h.
  std::string_view cause;
  std::string_view check;
  std::string_view mend;
  bool harmless = false;  // freed because nobody needed it any more: no fault
};

// There always is one: of what is not in the table it says so, and names what the kernel names.
// `packet`, as it was when it was dropped, may tell more; it may be null.
Advice find_advice(const journey::DropInfo& drop, const decode::Packet* packet = nullptr);

// Does this reason, by the kernel's name without SKB_DROP_REASON_, have its row? NOT_SPECIFIED
// counts: it is for the function to say.
bool knows_reason(std::string_view reason);

// Of a journey: of its drop, or of a consumed packet that somebody waits for. Nothing where there
// is no advice to give. What a program or a firewall's chain says more is not in it.
std::optional<Advice> find_advice(const journey::Journey& journey);

// Of a request that was delivered, but not answered; nothing where that is not for the kernel to
// do, or was done.
std::optional<Advice> find_silence(const journey::Journey& request);

// The packet as it was when its journey ended: NAT may have changed it since it was first seen.
const decode::Packet& packet_at_end(const journey::Journey& journey);

// Where it went into the tunnel in which it ended, by another interface than that; null: in none.
const journey::Hop* tunnel_at_end(const journey::Journey& journey);

// Where it came in before it was sent here past IP, by tc, a program or a netdev chain; null: it
// was not.
const journey::Hop* redirected_at(const journey::Journey& journey);

// Was it answered with "port unreachable" just before it ended?
bool is_said_to_be_closed(const journey::Journey& journey);

// "tcp_v4_rcv.cold+0x7" is in tcp_v4_rcv: the compiler takes functions apart.
std::string_view plain_function(std::string_view function);

}  // namespace tracepkt::explain
