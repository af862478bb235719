#include "explain/netfilter.h"

#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

namespace tracepkt::explain {
namespace {

using decode::Netfilter;

Netfilter chain(const char* name, int verdict) {
  return {.family = NFPROTO_INET,
          .pf = NFPROTO_IPV4,
          .hook = NF_INET_FORWARD,
          .verdict = verdict,
          .table = "guard",
          .chain = name};
}

journey::Rule rule(netfilter_kind kind, const char* name, std::uint64_t handle, int verdict,
                   const char* text = "") {
  Netfilter raw = chain(name, verdict);
  raw.kind = kind;
  raw.rule = handle;
  return {.raw = raw, .text = text};
}

journey::ChainWalk three_deep() {
  return {
      .base = chain("in", NF_DROP),
      .rules = {rule(NETFILTER_RULE, "in", 3, NFT_JUMP),
                rule(NETFILTER_RULE, "other", 4, NFT_CONTINUE),
                rule(NETFILTER_RETURN, "other", 0, NFT_RETURN),
                rule(NETFILTER_RULE, "in", 5, NFT_JUMP), rule(NETFILTER_RULE, "mid", 6, NFT_JUMP),
                rule(NETFILTER_RULE, "deep", 7, NF_DROP, "udp dport 9 drop\033[1m")}};
}

TEST(Netfilter, TheWayThroughItsChains) {
  EXPECT_EQ(chain_words(three_deep()), "forward: inet guard/in > mid > deep drop, handle 7");
  EXPECT_EQ(chain_words({.base = chain("in", NF_ACCEPT)}), "forward: inet guard/in accept");
  EXPECT_EQ(chain_words({.base = chain("in", NF_DROP), .rules = {}, .by_policy = true}),
            "forward: inet guard/in drop, the policy");
}

TEST(Netfilter, WhoDroppedIt) {
  const FirewallWords words = firewall_words(three_deep(), "q1");
  EXPECT_EQ(words.sentence,
            "Dropped by a firewall rule in namespace q1 (nftables, table inet guard, chain deep, "
            "handle 7)");
  EXPECT_EQ(words.check, "{in}nft -a list chain inet guard deep");
  EXPECT_EQ(words.text.find('\033'), std::string::npos) << "texts are the user's";
}

TEST(Netfilter, WhatIsBetweenBracesIsListedWithItsRule) {
  const char* const text = "udp dport 5 jump { ip ttl < 100 drop }";
  journey::ChainWalk walk{.base = chain("in", NF_DROP),
                          .rules = {rule(NETFILTER_RULE, "in", 5, NFT_JUMP, text),
                                    rule(NETFILTER_RULE, "__chain2", 3, NFT_JUMP),
                                    rule(NETFILTER_RULE, "mid", 6, NFT_JUMP),
                                    rule(NETFILTER_RETURN, "mid", 0, NFT_CONTINUE),
                                    rule(NETFILTER_RULE, "__chain2", 4, NF_DROP)}};
  EXPECT_EQ(chain_words(walk), "forward: inet guard/in > __chain2 drop, handle 4");
  const FirewallWords words = firewall_words(walk, "q1");
  EXPECT_EQ(words.sentence,
            "Dropped by a firewall rule in namespace q1 (nftables, table inet guard, chain in, "
            "handle 5)");
  EXPECT_EQ(words.text, text);
  EXPECT_EQ(words.check, "{in}nft -a list chain inet guard in");
  walk.rules.erase(walk.rules.begin(), walk.rules.begin() + 4);  // the record was lost
  EXPECT_EQ(firewall_words(walk, "q1").sentence,
            "Dropped by a firewall rule in namespace q1 (nftables, table inet guard, chain in)");
  EXPECT_EQ(firewall_words(walk, "q1").check, "{in}nft -a list chain inet guard in");
}

TEST(Netfilter, ARuleThatMatchedWithoutDecidingIsNotTheOne) {
  const journey::ChainWalk walk{.base = chain("in", NF_DROP),
                                .rules = {rule(NETFILTER_RULE, "in", 3, NFT_CONTINUE)}};
  EXPECT_EQ(walk.decisive(), nullptr);
  EXPECT_EQ(firewall_words(walk, "q1").sentence,
            "Dropped by a firewall in namespace q1 (nftables, table inet guard, chain in)");
}

TEST(Netfilter, LegacyTablesCallTheirChainsAsTheHooksAreCalled) {
  Netfilter legacy = chain("", NF_DROP);
  legacy.backend = NETFILTER_XTABLES;
  legacy.family = NFPROTO_IPV6;
  legacy.table = "filter";
  EXPECT_EQ(chain_words({.base = legacy}), "forward: legacy ip6 filter/FORWARD drop");
  EXPECT_EQ(firewall_words({.base = legacy}, "q1").check,
            "{in}ip6tables-legacy -t filter -L FORWARD -v -n");
}

TEST(Netfilter, ARuleOfALegacyTable) {
  const auto legacy = [](Netfilter raw) {
    raw.backend = NETFILTER_XTABLES;
    raw.family = NFPROTO_IPV4;
    raw.table = "filter";
    return raw;
  };
  journey::Rule deep = rule(NETFILTER_RULE, "de;ep", 4, NF_DROP, "-A de;ep -j DROP");
  deep.raw = legacy(deep.raw);
  EXPECT_EQ(chain_words({.base = deep.raw, .rules = {deep}}),
            "forward: legacy ip filter/de;ep rule 4")
      << "alone, as it is told";
  journey::Rule first = rule(NETFILTER_RULE, "FORWARD", 1, NFT_JUMP);
  first.raw = legacy(first.raw);
  const journey::ChainWalk walk{.base = legacy(chain("", NF_DROP)), .rules = {first, deep}};
  EXPECT_EQ(chain_words(walk), "forward: legacy ip filter/FORWARD > de;ep drop, rule 4");
  const FirewallWords words = firewall_words(walk, "q1");
  EXPECT_EQ(words.sentence,
            "Dropped by a firewall rule in namespace q1 (legacy xtables, ip filter, chain de;ep, "
            "rule 4)");
  EXPECT_EQ(words.check, "{in}iptables-legacy -t filter -L 'de;ep' -v -n --line-numbers");
}

TEST(Netfilter, BackFromAChainThatItWentToForGood) {
  const journey::ChainWalk walk{
      .base = chain("in", NF_DROP),
      .rules = {rule(NETFILTER_RULE, "in", 3, NFT_JUMP), rule(NETFILTER_RULE, "mid", 4, NFT_GOTO),
                rule(NETFILTER_RETURN, "deep", 0, NFT_RETURN),
                rule(NETFILTER_RULE, "in", 5, NF_DROP)}};
  EXPECT_EQ(chain_words(walk), "forward: inet guard/in drop, handle 5");
}

TEST(Netfilter, NumbersOfALaterKernelAreNoNames) {
  Netfilter later = chain("in", 17);
  later.hook = 200;
  later.family = 99;
  later.connection = Netfilter::Connection{.info = 6};
  EXPECT_EQ(hook_name(later), "?");
  EXPECT_EQ(family_name(later), "?");
  EXPECT_EQ(verdict_name(later), "?");
  EXPECT_EQ(connection_state(later), "?");
}

TEST(Netfilter, WhatConntrackCallsInvalidIsToldByTheRulesThatAskForIt) {
  const auto invalid = [](const char* text, int verdict = NF_DROP) {
    return is_called_invalid(
        {.base = chain("in", NF_DROP), .rules = {rule(NETFILTER_RULE, "in", 3, verdict, text)}});
  };
  EXPECT_TRUE(invalid("ct state invalid drop"));
  EXPECT_TRUE(invalid("ip saddr 10.0.0.1 ct state invalid,new counter packets 0 bytes 0 drop"));
  EXPECT_TRUE(invalid("ct state { invalid, untracked } drop"));
  EXPECT_TRUE(invalid("ct state vmap { established : accept, invalid : drop }"));
  EXPECT_TRUE(invalid("-A FORWARD -m conntrack --ctstate INVALID -j DROP"));
  EXPECT_TRUE(
      invalid("-A FORWARD -m comment --comment \"a \\\" b\" -m state --state INVALID -j DROP"));
  EXPECT_FALSE(invalid("ct state new drop"));
  EXPECT_FALSE(invalid("ct state != invalid drop"));
  EXPECT_FALSE(invalid("-A FORWARD -m conntrack ! --ctstate INVALID -j DROP"));
  EXPECT_FALSE(invalid("ct state new log prefix \"invalid\" drop"));
  EXPECT_FALSE(invalid("drop comment \"ct state invalid\""));
  EXPECT_FALSE(invalid("ct state new jump invalid")) << "a chain";
  EXPECT_FALSE(invalid("ct state"));
  EXPECT_FALSE(invalid("")) << "its text is not known";
  journey::ChainWalk of_a_connection{
      .base = chain("in", NF_DROP),
      .rules = {rule(NETFILTER_RULE, "in", 3, NF_DROP, "ct state invalid,new drop")}};
  of_a_connection.base.connection = Netfilter::Connection{.info = 2};
  EXPECT_FALSE(is_called_invalid(of_a_connection)) << "it is the new one of those";
}

TEST(Netfilter, DroppedAsInvalidByThatRuleOrWhereItLeads) {
  journey::ChainWalk walk{
      .base = chain("in", NF_DROP),
      .rules = {rule(NETFILTER_RULE, "in", 3, NFT_JUMP, "ct state invalid jump bad"),
                rule(NETFILTER_RULE, "bad", 4, NF_DROP, "counter drop")}};
  EXPECT_TRUE(is_dropped_as_invalid(walk));
  walk.rules[0] = rule(NETFILTER_RULE, "in", 3, NFT_CONTINUE, "ct state invalid counter");
  EXPECT_TRUE(is_called_invalid(walk));
  EXPECT_FALSE(is_dropped_as_invalid(walk)) << "it was counted, and dropped for something else";
}

TEST(Netfilter, TheNumberOfAQueueIsNoPartOfTheVerdict) {
  EXPECT_EQ(verdict_name(chain("in", 5 << 16 | NF_QUEUE)), "queue");
}

TEST(Netfilter, WhatNatChanged) {
  decode::Packet from{.ethertype = 0x0800, .protocol = 17};
  from.src = {.family = 4, .bytes = {10, 0, 0, 1}};
  from.dst = {.family = 4, .bytes = {10, 0, 0, 2}};
  from.has_ports = true;
  from.sport = 1000;
  from.dport = 80;
  decode::Packet to = from;
  to.dst.bytes = {10, 0, 0, 3};
  to.dport = 8080;
  EXPECT_EQ(nat_words({.from = from, .to = to}), "destination 10.0.0.2:80, now 10.0.0.3:8080");
  to.sport = 1001;
  EXPECT_EQ(nat_words({.from = from, .to = to}),
            "source 10.0.0.1:1000, now 10.0.0.1:1001; destination 10.0.0.2:80, now 10.0.0.3:8080");
}

}  // namespace
}  // namespace tracepkt::explain
