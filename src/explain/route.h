// What a routing table answered, in words.
#pragma once

#include <string>
#include <string_view>

#include "decode/event.h"
#include "journey/routing_rules.h"

namespace tracepkt::explain {

// "main", "local", "default", or the number of a table of the user's; empty: none was asked.
std::string route_table(const decode::Route& route);

// Of the destination, as ip-route(8) has it: "unicast", "local", "blackhole", ...; "none" where
// the table knows none.
std::string_view route_type(const decode::Route& route);

// Why the packet cannot go there: "no route", ...; empty if it can.
std::string_view route_error(const decode::Route& route);

// "main: via 10.0.0.1 dev eth0", "7: dev eth1; rule 50: from all fwmark 0x7 lookup 7", "rule 100:
// from 10.1.0.0/24 prohibit". `rule` may be null: none is known.
std::string route_words(const decode::Route& route, const journey::RoutingRule* rule = nullptr);

}  // namespace tracepkt::explain
