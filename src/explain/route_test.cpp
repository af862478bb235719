#include "explain/route.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>

namespace tracepkt::explain {
namespace {

decode::Route route_by(std::uint32_t table, const char* device) {
  decode::Route route{.table = table, .scope = RT_SCOPE_LINK, .device = {.index = 2}};
  std::strncpy(route.device.name.bytes.data(), device, 15);
  return route;
}

TEST(Route, OnTheLinkOrByTheNextHop) {
  decode::Route route = route_by(RT_TABLE_MAIN, "eth0");
  EXPECT_EQ(route_words(route), "main: dev eth0");
  route.via = {.family = 4, .bytes = {10, 0, 0, 1}};
  EXPECT_EQ(route_words(route), "main: via 10.0.0.1 dev eth0");
  EXPECT_EQ(route_type(route), "unicast");
  EXPECT_EQ(route_error(route), "");
}

TEST(Route, ByOneOfSeveralNextHops) {
  decode::Route route = route_by(RT_TABLE_MAIN, "eth0");
  route.any_hop = true;
  EXPECT_EQ(route_words(route), "main: dev eth0, by one of several next hops");
  route.device = {};
  EXPECT_EQ(route_words(route), "main: by one of several next hops");
}

TEST(Route, ATableOfTheUsers) { EXPECT_EQ(route_words(route_by(77, "eth0")), "77: dev eth0"); }

TEST(Route, NamesOfInterfacesMayHurt) {
  EXPECT_EQ(route_words(route_by(RT_TABLE_MAIN, "\033[1m")).find('\033'), std::string::npos);
}

TEST(Route, LocalByTheScopeOfItsNextHop) {
  decode::Route route = route_by(RT_TABLE_MAIN, "lo");
  route.scope = RT_SCOPE_NOWHERE;
  EXPECT_EQ(route_table(route), "local");
  EXPECT_EQ(route_type(route), "local");
  EXPECT_EQ(route_words(route), "local: for this namespace");
}

TEST(Route, AVrfHasLocalRoutesOfItsOwn) {
  decode::Route route = route_by(10, "eth0");
  std::strncpy(route.vrf.bytes.data(), "bl\033ue", 15);
  EXPECT_EQ(route_words(route), "10 (VRF bl\\x1bue): dev eth0");
  route.scope = RT_SCOPE_NOWHERE;
  EXPECT_EQ(route_table(route), "10");
  EXPECT_EQ(route_type(route), "local");
  EXPECT_EQ(route_words(route), "10 (VRF bl\\x1bue): local, for this namespace");
}

TEST(Route, OneThatASocketKeepsIsOfNoTableThatIsKnown) {
  decode::Route route = route_by(0, "eth0");
  route.type = RTN_UNICAST;
  route.kept = true;
  route.via = {.family = 4, .bytes = {10, 0, 0, 1}};
  EXPECT_EQ(route_words(route), "cached: via 10.0.0.1 dev eth0");
  EXPECT_EQ(route_table(route), "");
  route.type = RTN_LOCAL;
  EXPECT_EQ(route_words(route), "cached: local, for this namespace");
}

TEST(Route, NoneIsTold) {
  const auto with = [](int error, std::uint8_t type) {
    return route_words({.table = RT_TABLE_MAIN, .error = error, .type = type});
  };
  EXPECT_EQ(with(EAGAIN, 0), "main: no route");
  EXPECT_EQ(with(ENETUNREACH, 0), "main: no route");
  EXPECT_EQ(with(EINVAL, 0), "main: blackhole: dropped without a word");
  EXPECT_EQ(with(0, RTN_BLACKHOLE), "main: blackhole: dropped without a word");
  EXPECT_EQ(with(EHOSTUNREACH, 0), "main: declared unreachable");
  EXPECT_EQ(with(EACCES, 0), "main: prohibited");
}

TEST(Route, TheRuleThatLedThere) {
  const journey::RoutingRule rule{.priority = 50, .text = "from all iif e\033[1m lookup 7"};
  EXPECT_EQ(route_words(route_by(7, "eth0"), &rule),
            "7: dev eth0; rule 50: from all iif e\\x1b[1m lookup 7");
}

TEST(Route, TheRuleThatRefuses) {
  const journey::RoutingRule rule{
      .priority = 100, .text = "from 10.1.0.0/24 prohibit", .refuses = RTN_PROHIBIT};
  EXPECT_EQ(route_words({.table = RT_TABLE_LOCAL, .error = EAGAIN}, &rule),
            "rule 100: from 10.1.0.0/24 prohibit");
}

}  // namespace
}  // namespace tracepkt::explain
