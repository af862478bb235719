#include "filter/filter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tracepkt::filter {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string error_of(std::string_view expression) {
  const auto filter = compile(expression);
  return filter ? std::string("compiles") : filter.error().what;
}

// The offset in the expression that the caret of the error points at, or -1.
int caret_of(std::string_view expression) {
  const std::string error = error_of(expression);
  const auto last_line = error.rfind('\n');
  if (last_line == std::string::npos || !error.ends_with('^')) {
    return -1;
  }
  return static_cast<int>(error.size() - 1 - (last_line + 1) - 2);
}

TEST(Filter, HasBothVariantsWhereItIsAboutIp) {
  for (const char* expression :
       {"", "  ", "tcp port 80", "host 10.0.0.1 and not udp", "ip6", "len > 100", "arp or icmp"}) {
    const auto filter = compile(expression);
    ASSERT_TRUE(filter) << filter.error().what;
    EXPECT_TRUE(filter->l2 && filter->l3) << expression;
    EXPECT_EQ(filter->expression, expression);
  }
}

TEST(Filter, HasOneVariantWhereItIsAboutTheLinkLayer) {
  for (const char* expression : {"arp", "ether host 02:00:00:00:00:01", "vlan 5 and tcp",
                                 "tcp and ether src 02:00:00:00:00:01"}) {
    const auto filter = compile(expression);
    ASSERT_TRUE(filter) << filter.error().what;
    EXPECT_TRUE(filter->l2) << expression;
    EXPECT_FALSE(filter->l3) << expression;
  }
}

TEST(Filter, AnErrorPointsAtTheWordThatIsWrong) {
  EXPECT_EQ(error_of("tcp prot 80"),
            "the packet filter is wrong: can't parse filter expression: syntax error\n"
            "  tcp prot 80\n"
            "      ^");
  EXPECT_EQ(caret_of("tcp port 80 and and udp"), 16);
  EXPECT_EQ(caret_of("host 10.0.0.1 or (udp port 53 80)"), 30);
  EXPECT_EQ(caret_of("tcp[13] & 2 == 2 )"), 17);
  EXPECT_EQ(caret_of("icmp port 80"), 5);
}

TEST(Filter, AnErrorAtTheEndPointsBehindIt) {
  EXPECT_EQ(caret_of("tcp and"), 7);
  EXPECT_EQ(caret_of("(tcp or udp"), 11);
  EXPECT_EQ(caret_of("host"), 4);
}

TEST(Filter, OtherErrorsPointAtTheirCauseToo) {
  EXPECT_THAT(error_of("tcp port 99999"), HasSubstr("99999"));
  EXPECT_EQ(caret_of("udp or tcp port 99999 or icmp"), 16);
  EXPECT_EQ(caret_of("tcp or port nosuchservice"), 12);
}

TEST(Filter, AnExpressionWrongAsAWholePointsNowhere) {
  EXPECT_THAT(error_of("tcp and udp"), HasSubstr("rejects all packets"));
  EXPECT_EQ(caret_of("tcp and udp"), -1);
}

TEST(Filter, ControlCharactersDoNotReachTheTerminal) {
  EXPECT_EQ(error_of("tcp \x1b[2J").find('\x1b'), std::string::npos);
  EXPECT_THAT(error_of(std::string_view("tcp\0udp", 7)), HasSubstr("zero byte"));
}

TEST(Filter, LoopsAreRefusedInWords) {
  EXPECT_THAT(error_of("ip6 protochain 6"), HasSubstr("protochain"));
}

TEST(Filter, WhatIsNotInThePacketIsRefused) {
  for (const char* expression :
       {"inbound", "outbound", "inbound and icmp", "udp or (icmp and outbound)", "not inbound"}) {
    EXPECT_THAT(error_of(expression), HasSubstr("inbound and outbound cannot be told"))
        << expression;
  }
}

std::string many_hosts(int count) {
  std::string expression = "host 10.0.0.0";
  for (int i = 1; i < count; ++i) {
    expression += fmt::format(" or host 10.0.{}.{}", i / 256, i % 256);
  }
  return expression;
}

TEST(Filter, AHundredHostsFit) { EXPECT_EQ(error_of(many_hosts(100)), "compiles"); }

TEST(Filter, TooLongIsAnErrorWithTheNumbersAndSoon) {
  EXPECT_THAT(error_of(many_hosts(3000)), StartsWith("the filter is too long: 56116 characters"));
  EXPECT_THAT(error_of(many_hosts(450)), StartsWith("the filter is too long: 13438 instructions"));
}

TEST(Filter, IsAskedAboutBytesWithoutALinkLayerHeader) {
  constexpr std::uint16_t kIpv4 = 0x0800;
  constexpr std::uint16_t kArp = 0x0806;
  // udp 10.0.0.1:5353 -> 10.0.0.2:53
  const std::uint8_t udp[] = {0x45, 0, 0,  28, 0, 0, 0,    0,    64, 17, 0, 0, 10, 0,
                              0,    1, 10, 0,  0, 2, 0x14, 0xe9, 0,  53, 0, 8, 0,  0};
  const std::uint8_t arp[] = {0, 1, 8, 0, 6, 4, 0, 1};
  const auto asked = [](std::string_view expression, std::uint16_t ethertype,
                        std::span<const std::uint8_t> bytes, std::uint32_t len) {
    const auto filter = compile(expression);
    return filter && matches(*filter, ethertype, len, std::as_bytes(bytes));
  };
  EXPECT_TRUE(asked("udp port 53 and host 10.0.0.2", kIpv4, udp, 28));
  EXPECT_FALSE(asked("tcp", kIpv4, udp, 28));
  EXPECT_FALSE(asked("arp", kIpv4, udp, 28));
  EXPECT_TRUE(asked("len > 1000", kIpv4, udp, 1028));
  EXPECT_FALSE(asked("udp port 53", kIpv4, std::span(udp).first(8), 28));
  EXPECT_TRUE(asked("arp", kArp, arp, 28));
  EXPECT_TRUE(asked("icmp or arp", kArp, arp, 28));
  EXPECT_FALSE(asked("icmp", kArp, arp, 28));
}

}  // namespace
}  // namespace tracepkt::filter
