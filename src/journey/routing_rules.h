// The rules by which the kernel chooses the routing tables that it asks (ip-rule(8)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "decode/event.h"

namespace tracepkt::journey {

struct DropInfo;

struct RoutingRule {
  std::uint32_t priority = 0;
  std::string text;  // "from all iif eth1 lookup 100", as `ip -N rule show` has it
  // RTN_BLACKHOLE, RTN_UNREACHABLE or RTN_PROHIBIT; 0: it leads to a table.
  std::uint8_t refuses = 0;

  bool operator==(const RoutingRule&) const = default;
};

// Would the namespace's rules say more of what a table answered?
bool asks_rules(const decode::Route& route);

// The rule that led to the table that answered; or, where no table had a way and the packet was
// dropped for it (`drop`, named), the one that ended the search before the others were asked.
// `rules` is what `ip -N rule show` prints of the namespace and the route's family. `packet` as it
// was when it was routed; null: not known. Nothing where several may have been the one.
std::optional<RoutingRule> rule_behind(std::string_view rules, const decode::Route& route,
                                       const decode::Packet* packet, const DropInfo* drop);

}  // namespace tracepkt::journey
