#include "journey/flows.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <initializer_list>

#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::ip;

struct End {
  std::uint8_t host;
  std::uint16_t port;
};

decode::Packet udp(End from, End to, std::uint32_t len = 60) {
  decode::Packet packet{.protocol = IPPROTO_UDP, .len = len, .has_ports = true};
  packet.src = ip(from.host);
  packet.sport = from.port;
  packet.dst = ip(to.host);
  packet.dport = to.port;
  return packet;
}

decode::Packet tcp(End from, End to, std::uint8_t flags, std::uint32_t seq) {
  decode::Packet packet = udp(from, to);
  packet.protocol = IPPROTO_TCP;
  packet.tcp_flags = flags;
  packet.tcp_seq = seq;
  return packet;
}

constexpr End kClient{.host = 1, .port = 40000};
constexpr End kServer{.host = 2, .port = 80};

class FlowsTest : public ::testing::Test {
 protected:
  // A packet, as it is seen on its way.
  Journey seen_as(std::initializer_list<decode::Packet> sightings) {
    Journey journey;
    Flows::Sight sight;
    for (const decode::Packet& packet : sightings) {
      flows_.learn(packet, sight, journey, next_exchange_);
    }
    return journey;
  }

  // Of the SYN of a connection.
  Flows::Opening opening(End from, End to) {
    return flows_.opening({.key = {.protocol = IPPROTO_TCP,
                                   .sport = from.port,
                                   .dport = to.port,
                                   .src = ip(from.host),
                                   .dst = ip(to.host)},
                           .len = 60});
  }

  Flows flows_{4};
  std::uint64_t next_exchange_ = 1;
};

TEST_F(FlowsTest, BothWaysOfAFlowAreOneExchange) {
  const Journey there = seen_as({udp(kClient, kServer)});
  EXPECT_EQ(there.exchange, 1u);
  EXPECT_EQ(there.direction, Direction::kOriginal);
  const Journey back = seen_as({udp(kServer, kClient)});
  EXPECT_EQ(back.exchange, 1u);
  EXPECT_EQ(back.direction, Direction::kReply);
  const Journey again = seen_as({udp(kClient, kServer)});
  EXPECT_EQ(again.exchange, 1u);
  EXPECT_EQ(again.direction, Direction::kOriginal);
  EXPECT_EQ(seen_as({udp({1, 40001}, kServer)}).exchange, 2u);
}

TEST_F(FlowsTest, WhatHasNoPortsIsInNone) {
  decode::Packet packet = udp(kClient, kServer);
  packet.has_ports = false;
  EXPECT_EQ(seen_as({packet}).exchange, 0u);
}

TEST_F(FlowsTest, AnswersAreJoinedThroughNat) {
  const End service{.host = 9, .port = 8080};
  const End gateway{.host = 7, .port = 50000};
  // Both its destination and its source are changed, in two namespaces.
  EXPECT_EQ(seen_as({udp(kClient, service), udp(kClient, kServer), udp(gateway, kServer)}).exchange,
            1u);
  const Journey back =
      seen_as({udp(kServer, gateway), udp(kServer, kClient), udp(service, kClient)});
  EXPECT_EQ(back.exchange, 1u);
  EXPECT_EQ(back.direction, Direction::kReply);
}

TEST_F(FlowsTest, NatThatIsSeenOfTheAnswerAloneJoinsWhatComesAfter) {
  seen_as({udp(kClient, kServer)});
  seen_as({udp(kServer, kClient), udp(kServer, {.host = 7, .port = 50000})});
  EXPECT_EQ(seen_as({udp({7, 50000}, kServer)}).exchange, 1u);
}

TEST_F(FlowsTest, WhatATunnelPutsBeforeAPacketIsOfNoFlow) {
  const decode::Packet outer = udp({11, 4789}, {12, 4789}, 110);
  seen_as({udp(kClient, kServer), outer});
  seen_as({udp({1, 40001}, kServer), outer});
  EXPECT_EQ(seen_as({udp({12, 4789}, {11, 4789}, 110), udp(kServer, kClient)}).exchange, 1u);
  EXPECT_EQ(seen_as({udp({12, 4789}, {11, 4789}, 110), udp(kServer, {1, 40001})}).exchange, 2u);
}

TEST_F(FlowsTest, ANewConnectionBetweenTheSamePortsIsANewExchange) {
  EXPECT_EQ(seen_as({tcp(kClient, kServer, TH_SYN, 5)}).exchange, 1u);
  EXPECT_EQ(seen_as({tcp(kServer, kClient, TH_SYN | TH_ACK, 70)}).exchange, 1u);
  EXPECT_EQ(seen_as({tcp(kClient, kServer, TH_SYN, 5)}).exchange, 1u) << "sent again";
  EXPECT_EQ(seen_as({tcp(kClient, kServer, TH_SYN, 6)}).exchange, 2u);
  EXPECT_EQ(seen_as({tcp(kServer, kClient, TH_ACK, 80)}).exchange, 2u);
}

TEST_F(FlowsTest, WhoAnswersASynThatNobodySawAnswersAllTheSame) {
  EXPECT_EQ(seen_as({tcp(kServer, kClient, TH_SYN | TH_ACK, 70)}).direction, Direction::kReply);
  EXPECT_EQ(seen_as({tcp(kClient, kServer, TH_ACK, 6)}).direction, Direction::kOriginal);
  EXPECT_EQ(next_exchange_, 2u);
}

TEST_F(FlowsTest, WhatCameOfAConnectionIsKnownThroughNat) {
  const End service{.host = 9, .port = 8080};
  seen_as({tcp(kClient, service, TH_SYN, 5), tcp(kClient, kServer, TH_SYN, 5)});
  EXPECT_FALSE(opening(kClient, kServer).answered);
  EXPECT_FALSE(opening(kClient, kServer).sent_again);
  seen_as({tcp(kClient, service, TH_SYN, 5)});
  EXPECT_TRUE(opening(kClient, kServer).sent_again);
  seen_as({tcp(kServer, kClient, TH_SYN | TH_ACK, 70)});
  EXPECT_TRUE(opening(kClient, service).answered);
  seen_as({tcp(kClient, service, TH_SYN, 6)});
  EXPECT_FALSE(opening(kClient, service).answered) << "another connection";
}

TEST_F(FlowsTest, WhatHadNoPortsAtFirstIsNotOfTheTunnelsFlow) {
  decode::Packet fragment = udp(kClient, kServer, 1500);
  fragment.has_ports = false;
  EXPECT_EQ(seen_as({fragment, udp({11, 4789}, {12, 4789}, 1550)}).exchange, 0u);
  // Out of a tunnel that has none comes one that has.
  const Journey inside = seen_as({fragment, udp(kClient, kServer, 1450)});
  EXPECT_EQ(inside.exchange, 1u);
  EXPECT_FALSE(inside.is_in_pair());
}

TEST_F(FlowsTest, OneThatIsInUseIsNotTheOldest) {
  for (std::uint16_t port = 1; port <= 4; ++port) {
    seen_as({udp({1, port}, kServer)});
  }
  seen_as({udp(kServer, {1, 1})});
  seen_as({udp({1, 5}, kServer)});
  EXPECT_EQ(seen_as({udp({1, 1}, kServer)}).exchange, 1u);
  EXPECT_EQ(seen_as({udp({1, 2}, kServer)}).exchange, 6u);
}

TEST_F(FlowsTest, TheOldestIsForgottenWhereThereAreTooMany) {
  for (std::uint16_t port = 1; port <= 5; ++port) {
    seen_as({udp({1, port}, kServer)});
  }
  EXPECT_EQ(seen_as({udp(kServer, {1, 5})}).exchange, 5u);
  EXPECT_EQ(seen_as({udp(kServer, {1, 1})}).exchange, 6u);
}

}  // namespace
}  // namespace tracepkt::journey
