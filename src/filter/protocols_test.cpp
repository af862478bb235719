#include "filter/protocols.h"

#include <gtest/gtest.h>

#include <string>

#include "filter/filter.h"
#include "filter/testing/generate.h"
#include "filter/testing/reference.h"

namespace tracepkt::filter {
namespace {

bool has(const __u64 (&set)[4], unsigned protocol) {
  return (set[protocol / 64] >> protocol % 64 & 1) != 0;
}

// "4: 6 17, 6: 58", for sets of a few.
std::string words(const std::string& expression) {
  const auto filter = compile(expression);
  if (!filter || !filter->l3) {
    return "no filter for IP packets";
  }
  const protocol_sets sets = possible_protocols(*filter->l3);
  std::string text = "4:";
  for (unsigned protocol = 0; protocol < 256; ++protocol) {
    text += has(sets.v4, protocol) ? " " + std::to_string(protocol) : "";
  }
  text += ", 6:";
  for (unsigned protocol = 0; protocol < 256; ++protocol) {
    text += has(sets.v6, protocol) ? " " + std::to_string(protocol) : "";
  }
  return text;
}

TEST(Protocols, AreThoseThatTheFilterNames) {
  EXPECT_EQ(words("icmp"), "4: 1, 6:");
  EXPECT_EQ(words("ip proto 17"), "4: 17, 6:");
  EXPECT_EQ(words("ip6 proto 50 or ip proto 50 or ip proto 6"), "4: 6 50, 6: 44 50");
  // A first fragment of IPv6 has what follows it in its own header.
  EXPECT_EQ(words("icmp or icmp6"), "4: 1, 6: 44 58");
  EXPECT_EQ(words("tcp port 9"), "4: 6, 6: 6");
  EXPECT_EQ(words("udp and host 10.0.0.1"), "4: 17, 6:");
}

TEST(Protocols, AreAllWhereTheFilterNamesNone) {
  const auto sets = possible_protocols(*compile("host 10.0.0.1")->l3);
  for (unsigned protocol = 0; protocol < 256; ++protocol) {
    EXPECT_TRUE(has(sets.v4, protocol)) << protocol;
    EXPECT_FALSE(has(sets.v6, protocol)) << protocol;
  }
}

TEST(Protocols, NoneIsLeftOutThatMatches) {
  testing::Random random(20261121);
  int matched = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto filter = compile(testing::random_expression(random));
    if (!filter || !filter->l3) {
      continue;
    }
    const protocol_sets sets = possible_protocols(*filter->l3);
    for (int j = 0; j < 30; ++j) {
      const testing::Packet packet = testing::random_packet(random);
      if (packet.l3 == 0 || packet.bytes.size() < packet.l3 + 40) {
        continue;
      }
      const auto bytes = std::span(packet.bytes).subspan(packet.l3);
      const auto length = static_cast<std::uint32_t>(bytes.size());
      if (testing::reference_run(*filter->l3, bytes, length) == 0) {
        continue;
      }
      ++matched;
      const unsigned version = bytes[0] >> 4;
      EXPECT_TRUE(version == 4   ? has(sets.v4, bytes[9])
                  : version == 6 ? has(sets.v6, bytes[6])
                                 : true)
          << filter->expression;
    }
  }
  EXPECT_GT(matched, 1000);
}

}  // namespace
}  // namespace tracepkt::filter
