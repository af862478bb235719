#include "journey/routing_rules.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <string>
#include <utility>

#include "journey/journey.h"

namespace tracepkt::journey {
namespace {

constexpr std::string_view kPlain =
    "0:\tfrom all lookup 255\n"
    "32766:\tfrom all lookup 254\n"
    "32767:\tfrom all lookup 253\n";

// With these before the last two.
std::string rules_with(std::string_view more) {
  std::string rules(kPlain);
  return rules.insert(rules.find("32766"), more);
}

decode::Route by_table(std::uint32_t table) { return {.table = table, .type = RTN_UNICAST}; }
// Of a packet that went on, and of one that was dropped there for this reason, in this function.
std::optional<RoutingRule> found(std::string_view rules, const decode::Route& route) {
  return rule_behind(rules, route, nullptr, nullptr);
}
std::optional<RoutingRule> refused(std::string_view rules, const decode::Route& route,
                                   const char* reason = "", const decode::Packet* packet = nullptr,
                                   const char* function = "ip_error+0x94") {
  const DropInfo drop{.raw = {}, .reason = reason, .function = function};
  return rule_behind(rules, route, packet, &drop);
}

decode::Packet from_to(const char* src, const char* dst) {
  decode::Packet packet;
  for (const auto& [text, address] : {std::pair{src, &packet.src}, std::pair{dst, &packet.dst}}) {
    address->family = 4;
    inet_pton(AF_INET, text, address->bytes.data());
  }
  return packet;
}

decode::Route nothing_in(std::uint32_t table) { return {.table = table, .error = EAGAIN}; }

TEST(RoutingRules, TheOneThatLeadsToTheTable) {
  const auto rule = found(rules_with("50:\tfrom all iif eth1 lookup 100 \n"
                                     "51:\tfrom all fwmark 0x7 lookup 1000 proto static\n"),
                          by_table(100));
  EXPECT_EQ(rule, (RoutingRule{.priority = 50, .text = "from all iif eth1 lookup 100"}));
  EXPECT_EQ(
      found(rules_with("51:\tfrom all fwmark 0x7 lookup 1000 proto static\n"), by_table(1000)),
      (RoutingRule{.priority = 51, .text = "from all fwmark 0x7 lookup 1000"}));
}

TEST(RoutingRules, NoneOfSeveralThatMayHave) {
  EXPECT_EQ(found(rules_with("50:\tfrom 10.0.0.1 lookup 100\n51:\tfrom 10.0.0.2 lookup 100\n"),
                  by_table(100)),
            std::nullopt);
}

TEST(RoutingRules, TheOneOfAllVrfs) {
  const std::string rules = rules_with("1000:\tfrom all lookup [l3mdev-table]\n");
  decode::Route route = by_table(10);
  EXPECT_EQ(found(rules, route), std::nullopt);
  route.vrf.bytes = {'b', 'l', 'u', 'e'};
  EXPECT_EQ(found(rules, route),
            (RoutingRule{.priority = 1000, .text = "from all lookup [l3mdev-table]"}));
}

TEST(RoutingRules, WhatEverybodyHasIsNotWorthAWord) {
  EXPECT_FALSE(asks_rules(by_table(RT_TABLE_MAIN)));
  EXPECT_FALSE(asks_rules(by_table(RT_TABLE_LOCAL)));
  EXPECT_FALSE(asks_rules({.table = 7, .kept = true}));
  EXPECT_TRUE(asks_rules(by_table(100)));
  EXPECT_TRUE(asks_rules(nothing_in(RT_TABLE_LOCAL)));
}

TEST(RoutingRules, TheOneThatRefuses) {
  for (const auto& [word, type] : {std::pair<const char*, int>{"prohibit", RTN_PROHIBIT},
                                   {"blackhole", RTN_BLACKHOLE},
                                   {"unreachable", RTN_UNREACHABLE}}) {
    const std::string text = std::string("from 10.1.0.0/24 ") + word;
    const decode::Packet packet = from_to("10.1.0.5", "10.9.0.1");
    const char* const reason = type == RTN_UNREACHABLE ? "IP_INNOROUTES" : "NOT_SPECIFIED";
    const auto rule =
        refused(rules_with("100:\t" + text + "\n"), nothing_in(RT_TABLE_LOCAL), reason, &packet);
    ASSERT_TRUE(rule) << word;
    EXPECT_EQ(rule->text, text);
    EXPECT_EQ(rule->priority, 100u);
    EXPECT_EQ(rule->refuses, type);
    EXPECT_EQ(refused(rules_with("100:\tfrom 10.1.0.0/24 " + std::to_string(type) + "\n"),
                      nothing_in(RT_TABLE_LOCAL), reason, &packet),
              rule)
        << "as ip(8) of Debian 12 writes it";
  }
}

TEST(RoutingRules, ARefusalThatNoPacketComesTo) {
  // The main table was asked, and knew no way: not the rule before it.
  const std::string before = rules_with("100:\tfrom 10.1.0.0/24 prohibit\n");
  EXPECT_EQ(refused(before, nothing_in(RT_TABLE_MAIN)), std::nullopt);
  // Behind it one for some packets only, and one for all.
  EXPECT_EQ(refused(std::string(kPlain) + "40000:\tfrom 10.1.0.0/24 prohibit\n",
                    nothing_in(RT_TABLE_MAIN)),
            std::nullopt);
  const auto last =
      refused(std::string(kPlain) + "40000:\tfrom all unreachable\n", nothing_in(RT_TABLE_MAIN));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->refuses, RTN_UNREACHABLE);
}

TEST(RoutingRules, SeveralThatMayHaveRefused) {
  EXPECT_EQ(
      refused(rules_with("100:\tfrom 10.1.0.0/24 prohibit\n101:\tfrom 10.2.0.0/24 blackhole\n"),
              nothing_in(RT_TABLE_LOCAL)),
      std::nullopt);
  // A jump may lead over what would end it.
  EXPECT_EQ(refused(rules_with("90:\tfrom all goto 200\n100:\tfrom 10.1.0.0/24 prohibit\n"),
                    nothing_in(RT_TABLE_LOCAL)),
            std::nullopt);
}

TEST(RoutingRules, WhatWentOnWasNotRefused) {
  EXPECT_EQ(found(rules_with("100:\tfrom all prohibit\n"), nothing_in(RT_TABLE_LOCAL)),
            std::nullopt);
}

TEST(RoutingRules, ATableThatIsAskedTwiceWasAskedByTheLastOfTheRules) {
  // A VPN's: the main table has been asked by both, and it knows no way.
  EXPECT_EQ(refused(rules_with("100:\tfrom all lookup 254 suppress_prefixlength 0\n"
                               "200:\tfrom all fwmark 0x51 prohibit\n"),
                    nothing_in(RT_TABLE_MAIN)),
            std::nullopt);
}

TEST(RoutingRules, ARefusalLooksLikeWhatTheKernelDid) {
  const decode::Packet packet = from_to("10.1.0.5", "10.9.0.1");
  const auto local = nothing_in(RT_TABLE_LOCAL);
  const std::string prohibits = rules_with("100:\tfrom 10.1.0.0/24 prohibit\n");
  const std::string unreachable = rules_with("100:\tfrom 10.1.0.0/24 unreachable\n");
  // The main table may not be there, and then no rule has refused.
  EXPECT_EQ(refused(prohibits, local, "IP_INNOROUTES", &packet), std::nullopt);
  EXPECT_EQ(refused(unreachable, local, "NOT_SPECIFIED", &packet), std::nullopt);
  EXPECT_TRUE(refused(prohibits, local, "IP_INNOROUTES", &packet, "ip6_pkt_prohibit+0x14"));
  // Which of the two it was, 6.1 does not tell.
  EXPECT_TRUE(refused(prohibits, local, "IP_INNOROUTES", &packet, "ip6_pkt_drop+0xf0"));
  EXPECT_EQ(refused(prohibits, local, "IP_INNOROUTES", nullptr, "ip6_pkt_drop+0xf0"), std::nullopt);
  EXPECT_EQ(refused(unreachable, local, "IP_INNOROUTES", &packet, "ip6_pkt_prohibit+0x14"),
            std::nullopt);
  EXPECT_TRUE(refused(unreachable, local, "IP_INNOROUTES", &packet, "ip6_pkt_discard+0x14"));
  EXPECT_EQ(refused(prohibits, local, "NOT_SPECIFIED", &packet, "dst_discard+0x14"), std::nullopt);
  // That nothing leads there looks like it: the rule must be about the packet for certain.
  EXPECT_EQ(refused(unreachable, local, "IP_INNOROUTES"), std::nullopt);
  EXPECT_EQ(refused(rules_with("100:\tfrom all fwmark 0x7 unreachable\n"), local, "IP_INNOROUTES",
                    &packet),
            std::nullopt);
}

TEST(RoutingRules, OfSeveralTheOneThatIsAboutThePacket) {
  const decode::Packet packet = from_to("10.1.0.5", "10.9.0.1");
  const std::string refusals = rules_with(
      "100:\tfrom 10.2.0.0/24 prohibit\n101:\tfrom all to 10.9.0.0/16 prohibit\n"
      "102:\tfrom all iif eth7 [detached] prohibit\n103:\tfrom 10.1.0.4/32 prohibit\n");
  const auto rule = refused(refusals, nothing_in(RT_TABLE_LOCAL), "NOT_SPECIFIED", &packet);
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->priority, 101u);

  const std::string tables =
      rules_with("10:\tfrom 1.2.3.4 lookup 100\n50:\tfrom all iif eth1 lookup 100\n");
  const auto led = rule_behind(tables, by_table(100), &packet, nullptr);
  ASSERT_TRUE(led);
  EXPECT_EQ(led->priority, 50u);
  EXPECT_EQ(found(tables, by_table(100)), std::nullopt);
}

TEST(RoutingRules, OfVrfsOrOfTheUser) {
  decode::Route route = by_table(10);
  route.vrf.bytes = {'b', 'l', 'u', 'e'};
  EXPECT_EQ(found(rules_with("1000:\tfrom all lookup [l3mdev-table]\n"
                             "1001:\tfrom 10.1.0.0/24 lookup 10\n"),
                  route),
            std::nullopt);
}

TEST(RoutingRules, WhatIsNoListOfRules) {
  for (const std::string_view text :
       {"", "\n\n", ":\t", "x", "5:\t", "5:\tlookup ", "7:\tfrom all lookup x"}) {
    EXPECT_EQ(refused(text, by_table(100)), std::nullopt) << text;
    EXPECT_EQ(refused(text, nothing_in(RT_TABLE_LOCAL)), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tracepkt::journey
