#include "kernel/nftables.h"

#include <gtest/gtest.h>

namespace tracepkt::kernel {
namespace {

TEST(Nftables, RulesByTableAndHandle) {
  const RuleTexts rules =
      parse_rules(
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
          "}\n")
          .texts;
  EXPECT_EQ(rules.size(), 3u);
  EXPECT_EQ(rules.at({.table = 1, .rule = 8}),
            "udp dport @bad counter drop comment \"x # handle 3\"");
  EXPECT_EQ(rules.at({.table = 1, .rule = 9}), "ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3 } accept");
  EXPECT_EQ(rules.at({.table = 2, .rule = 8}), "accept");
}

TEST(Nftables, ATableMadeAnewIsAnotherOne) {
  const char* const kChain = "\tchain in { # handle 1\n\t\taccept # handle 2\n\t}\n}\n";
  EXPECT_EQ(parse_rules(std::string("table ip f { # handle 7\n") + kChain).texts.begin()->first,
            (RuleId{.table = 7, .rule = 2}));
  EXPECT_EQ(
      parse_rules(std::string("table ip f { # handle 8 progname nft\n\tflags owner\n") + kChain)
          .texts.begin()
          ->first,
      (RuleId{.table = 8, .rule = 2}));
}

TEST(Nftables, AnythingElseIsPassedOver) {
  EXPECT_TRUE(parse_rules("").texts.empty());
  EXPECT_TRUE(
      parse_rules("table\n\tchain\nno # handle 1\n\t\t# handle x\ntable inet").texts.empty());
  EXPECT_TRUE(
      parse_rules("table inet t { # handle 1\n\tchain c { # handle 1\n\t\tcut").texts.empty());
}

constexpr const char* kByIptables =
    "table ip filter { # handle 1\n"
    "\tchain INPUT { # handle 1\n"
    "\t\ttype filter hook input priority filter; policy accept;\n"
    "\t\ttcp dport 80 counter packets 0 bytes 0 accept # handle 2\n"
    "\t\tmeta l4proto udp xt match string counter packets 0 bytes 0 drop # handle 7\n"
    "\t}\n"
    "\tchain MINE { # handle 3\n"
    "\t\txt match \"u32\" counter drop # handle 9\n"
    "\t}\n"
    "}\n"
    "table ip6 filter { # handle 2\n"
    "\tchain INPUT { # handle 1\n"
    "\t\txt match string drop # handle 7\n"
    "\t}\n"
    "}\n";

TEST(Nftables, WhatIptablesAloneCanSay) {
  RuleListing listing = parse_rules(kByIptables);
  std::string asked;
  name_foreign(listing, [&](const std::string& family) {
    asked += family + ' ';
    return family != "ip" ? LegacyTexts()
                          : parse_legacy_rules(
                                "*filter\n:INPUT DROP [0:0]\n:MINE - [0:0]\n"
                                "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
                                "-A INPUT -p udp -m string --string \"x\" -j DROP\n"
                                "-A MINE -m u32 --u32 \"0=1\" -j DROP\nCOMMIT\n");
  });
  EXPECT_EQ(asked, "ip ip6 ");
  const auto text = [&](std::uint64_t table, std::uint64_t rule) {
    return listing.texts.at({.table = table, .rule = rule});
  };
  EXPECT_EQ(text(1, 2), "tcp dport 80 counter packets 0 bytes 0 accept") << "nft can say it";
  EXPECT_EQ(text(1, 7), "-A INPUT -p udp -m string --string \"x\" -j DROP");
  EXPECT_EQ(text(1, 9), "-A MINE -m u32 --u32 \"0=1\" -j DROP");
  EXPECT_EQ(text(2, 7), "xt match string drop");
}

TEST(Nftables, AChainOfOtherRulesIsNotTheSame) {
  for (const char* rules :
       {"-A INPUT -m string -j DROP\n", "-A INPUT 1\n-A INPUT 2\n-A INPUT 3\n"}) {
    RuleListing listing = parse_rules(kByIptables);
    name_foreign(listing, [&](const std::string&) {
      return parse_legacy_rules(std::string("*filter\n:INPUT DROP\n") + rules + "COMMIT\n");
    });
    EXPECT_TRUE(listing.texts.at({.table = 1, .rule = 7}).contains("xt match string")) << rules;
  }
}

}  // namespace
}  // namespace tracepkt::kernel
