// What rules of legacy iptables led to, which the kernel does not say of them: it tells of each
// that matched its chain and number.
#pragma once

#include <vector>

#include "journey/journey.h"

namespace tracepkt::journey {

// Gives the rules of a walk through a base chain their kind and verdict, from their texts as
// iptables-save(8) writes them (":INPUT DROP" is the policy of a chain, or its end) and from what
// comes after each. Without a text the policy cannot be told from a rule of a base chain that has
// no condition: which of the two decided is not known then, and neither is told. True: the policy
// decided; it is removed.
bool complete_legacy_walk(const decode::Netfilter& base, std::vector<Rule>& rules);

// Is it a table that tracepkt itself made, to mark packets (kernel/legacy_marks.h)? It decides
// nothing.
bool is_own_table(const decode::Netfilter& netfilter);

}  // namespace tracepkt::journey
