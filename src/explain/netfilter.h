// What a firewall's chain decided, and what NAT changed, in words.
#pragma once

#include <string>
#include <string_view>

#include "journey/journey.h"

namespace tracepkt::explain {

// As nft(8) has it: "ip", "ip6", "inet", "arp", "bridge", "netdev".
std::string_view family_name(const decode::Netfilter& netfilter);
// "prerouting", "input", "forward", "output", "postrouting", "ingress", ...
std::string_view hook_name(const decode::Netfilter& netfilter);
// xtables calls its chains as the hooks are called.
std::string chain_name(const decode::Netfilter& netfilter);
// "accept", "drop", ...; of rules also "jump", "return", ...
std::string_view verdict_name(const decode::Netfilter& netfilter);
// Of the packet's connection: "new", "established", "related", "untracked"; empty: of none.
std::string_view connection_state(const decode::Netfilter& netfilter);
// Did a rule match because conntrack calls the packet INVALID? It is of no connection then, like
// one that conntrack has not seen yet: which of the two, only a rule's text tells.
bool is_called_invalid(const journey::ChainWalk& walk);
// Was it dropped for that: by such a rule, or in a chain that such a rule jumps to?
bool is_dropped_as_invalid(const journey::ChainWalk& walk);

// "forward: inet guard/in > mid > deep drop"
std::string chain_words(const journey::ChainWalk& walk);

// "source 10.0.0.2:4000, now 192.0.2.1:4000"
std::string nat_words(const journey::AddressChange& change);

// Who dropped the packet: a sentence without its end, and the rule's text in `text`.
struct FirewallWords {
  std::string
      sentence;  // "Dropped by a firewall rule in namespace q1 (nftables, table inet guard, ..)"
  std::string text;   // empty: not known
  std::string check;  // a command to see it by; {in} as in advice.def
};
FirewallWords firewall_words(const journey::ChainWalk& walk, std::string_view netns);

}  // namespace tracepkt::explain
