#include "journey/legacy_walk.h"

#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <string>

namespace tracepkt::journey {
namespace {

Rule rule(netfilter_kind said, const char* chain, std::uint64_t number, const char* text = "") {
  Rule one;
  one.raw = {.kind = said,
             .backend = NETFILTER_XTABLES,
             .verdict = NFT_CONTINUE,
             .rule = number,
             .table = "filter",
             .chain = chain};
  one.text = text;
  return one;
}

// "INPUT 1 jump, deep 1 drop"
std::string words(const std::vector<Rule>& rules) {
  std::string text;
  for (const Rule& one : rules) {
    const char* verdict = one.raw.kind == NETFILTER_RETURN  ? "back"
                          : one.raw.verdict == NFT_JUMP     ? "jump"
                          : one.raw.verdict == NFT_GOTO     ? "goto"
                          : one.raw.verdict == NFT_CONTINUE ? "on"
                          : one.raw.verdict == NF_DROP      ? "drop"
                                                            : "accept";
    text += text.empty() ? "" : ", ";
    text += one.raw.chain + " " + std::to_string(one.raw.rule) + " " + verdict;
  }
  return text;
}

decode::Netfilter base(int verdict) {
  return {.backend = NETFILTER_XTABLES, .verdict = verdict, .table = "filter"};
}

TEST(LegacyWalk, ThreeJumpsDeep) {
  std::vector<Rule> rules = {rule(NETFILTER_RULE, "INPUT", 1, "-A INPUT -j LOG"),
                             rule(NETFILTER_RULE, "INPUT", 2, "-A INPUT -p icmp -j other"),
                             rule(NETFILTER_RETURN, "other", 2, ":other -"),
                             rule(NETFILTER_RULE, "INPUT", 3, "-A INPUT -p icmp -j mid"),
                             rule(NETFILTER_RULE, "mid", 1, "-A mid -p icmp -g deep"),
                             rule(NETFILTER_RULE, "deep", 4, "-A deep -s 10.0.0.1/32 -j DROP")};
  EXPECT_FALSE(complete_legacy_walk(base(NF_DROP), rules));
  EXPECT_EQ(words(rules),
            "INPUT 1 on, INPUT 2 jump, other 2 back, INPUT 3 jump, mid 1 goto, deep 4 drop");
}

TEST(LegacyWalk, ThePolicyIsNoRule) {
  std::vector<Rule> rules = {rule(NETFILTER_RULE, "INPUT", 1, "-A INPUT -p icmp -j LOG"),
                             rule(NETFILTER_POLICY, "INPUT", 2, ":INPUT DROP")};
  EXPECT_TRUE(complete_legacy_walk(base(NF_DROP), rules));
  EXPECT_EQ(words(rules), "INPUT 1 on");
}

TEST(LegacyWalk, WhatTheKernelCallsThePolicyMayBeARule) {
  std::vector<Rule> rules = {rule(NETFILTER_POLICY, "INPUT", 2, "-A INPUT -j DROP")};
  EXPECT_FALSE(complete_legacy_walk(base(NF_DROP), rules));
  EXPECT_EQ(words(rules), "INPUT 2 drop");
  rules = {rule(NETFILTER_RULE, "INPUT", 1, "-A INPUT -p icmp -j deep"),
           rule(NETFILTER_RETURN, "deep", 1, "-A deep -j DROP")};
  EXPECT_FALSE(complete_legacy_walk(base(NF_DROP), rules));
  EXPECT_EQ(words(rules), "INPUT 1 jump, deep 1 drop");
}

TEST(LegacyWalk, ARuleThatReturnsIsAReturn) {
  std::vector<Rule> rules = {rule(NETFILTER_RULE, "INPUT", 1, "-A INPUT -p icmp -j deep"),
                             rule(NETFILTER_RULE, "deep", 1, "-A deep -p icmp -j RETURN"),
                             rule(NETFILTER_RULE, "INPUT", 2, "-A INPUT -p icmp -j ACCEPT")};
  EXPECT_FALSE(complete_legacy_walk(base(NF_ACCEPT), rules));
  EXPECT_EQ(words(rules), "INPUT 1 jump, deep 1 back, INPUT 2 accept");
}

TEST(LegacyWalk, OurOwnTableIsNoFirewall) {
  const auto own = [](const char* name) {
    return is_own_table({.backend = NETFILTER_NFTABLES, .table = name});
  };
  EXPECT_TRUE(own("tracepkt_192_marks"));
  EXPECT_FALSE(own("tracepkt_192"));
  EXPECT_FALSE(own("tracepkt__marks"));
  EXPECT_FALSE(own("tracepkt_marks"));
  EXPECT_FALSE(own("tracepkt_my_marks"));
  EXPECT_FALSE(is_own_table({.backend = NETFILTER_XTABLES, .table = "tracepkt_1_marks"}));
}

TEST(LegacyWalk, NumbersAlone) {
  std::vector<Rule> rules = {rule(NETFILTER_RULE, "INPUT", 1),  rule(NETFILTER_RULE, "deep", 1),
                             rule(NETFILTER_RULE, "INPUT", 2),  rule(NETFILTER_RULE, "deep", 2),
                             rule(NETFILTER_RETURN, "deep", 3), rule(NETFILTER_POLICY, "INPUT", 3)};
  EXPECT_FALSE(complete_legacy_walk(base(NF_DROP), rules));
  EXPECT_EQ(words(rules), "INPUT 1 jump, deep 1 back, INPUT 2 jump, deep 2 on, deep 3 back");
  rules = {rule(NETFILTER_POLICY, "OUTPUT", 1)};
  EXPECT_FALSE(complete_legacy_walk(base(NF_ACCEPT), rules));
  EXPECT_EQ(words(rules), "");
  rules = {rule(NETFILTER_RULE, "INPUT", 1), rule(NETFILTER_RULE, "INPUT", 3)};
  EXPECT_FALSE(complete_legacy_walk(base(NF_DROP), rules));
  EXPECT_EQ(words(rules), "INPUT 1 on, INPUT 3 drop");
  rules.clear();
  EXPECT_FALSE(complete_legacy_walk(base(NF_DROP), rules));
}

}  // namespace
}  // namespace tracepkt::journey
