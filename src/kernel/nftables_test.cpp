#include "kernel/nftables.h"

#include <gtest/gtest.h>

namespace tracepkt::kernel {
namespace {

TEST(Nftables, RulesByTableAndHandle) {
  const RuleTexts rules = parse_rules(
      "# Warning: table ip filter is managed by iptables-nft, do not touch!\n"
      "table inet guard { # handle 1\n"
      "\tset bad { # handle 5\n"
      "\t\ttype inet_service\n"
      "\t\telements = { 6002 }\n"
      "\t}\n"
      "\n"
      "\tchain in { # handle 1\n"
      "\t\tcomment \"of a chain # handle 4\"\n"
      "\t\ttype filter hook input priority filter; policy accept;\n"
      "\t\tudp dport @bad counter drop comment \"x # handle 3\" # handle 8\n"
      "\t\tip saddr { 10.0.0.1, 10.0.0.2,\n"
      "\t\t\t   10.0.0.3 } accept # handle 9\n"
      "\t}\n"
      "}\n"
      "table ip6 guard { # handle 2\n"
      "\tchain in { # handle 1\n"
      "\t\taccept # handle 8\n"
      "\t}\n"
      "}\n");
  EXPECT_EQ(rules.size(), 3u);
  EXPECT_EQ(rules.at({.table = 1, .rule = 8}),
            "udp dport @bad counter drop comment \"x # handle 3\"");
  EXPECT_EQ(rules.at({.table = 1, .rule = 9}), "ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3 } accept");
  EXPECT_EQ(rules.at({.table = 2, .rule = 8}), "accept");
}

TEST(Nftables, ATableMadeAnewIsAnotherOne) {
  const char* const kChain = "\tchain in { # handle 1\n\t\taccept # handle 2\n\t}\n}\n";
  EXPECT_EQ(parse_rules(std::string("table ip f { # handle 7\n") + kChain).begin()->first,
            (RuleId{.table = 7, .rule = 2}));
  EXPECT_EQ(
      parse_rules(std::string("table ip f { # handle 8 progname nft\n\tflags owner\n") + kChain)
          .begin()
          ->first,
      (RuleId{.table = 8, .rule = 2}));
}

TEST(Nftables, AnythingElseIsPassedOver) {
  EXPECT_TRUE(parse_rules("").empty());
  EXPECT_TRUE(parse_rules("table\n\tchain\nno # handle 1\n\t\t# handle x\ntable inet").empty());
  EXPECT_TRUE(parse_rules("table inet t { # handle 1\n\tchain c { # handle 1\n\t\tcut").empty());
}

}  // namespace
}  // namespace tracepkt::kernel
