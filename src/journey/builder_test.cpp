#include "journey/builder.h"

#include <gtest/gtest.h>

#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::echo;
using testing::event;
using testing::way;

struct BuilderTest : ::testing::Test {
  Builder make(BuilderOptions options = {}) {
    return Builder(
        names_, [this](Journey&& journey) { ended_.push_back(std::move(journey)); }, options);
  }

  testing::FakeNames names_;
  std::vector<Journey> ended_;
};

TEST_F(BuilderTest, APacketsEventsAreOneJourneyAndEndWithIt) {
  Builder builder = make();
  builder.add(event({.packet_id = 5, .time_ns = 1}, echo(false, 1, 2, 7, 1)));
  builder.add(event({.packet_id = 6, .time_ns = 2}, echo(false, 1, 2, 7, 2)));
  builder.add(event({.packet_id = 5, .time_ns = 3, .stage = STAGE_end, .last = true}));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].packet.icmp->seq, 1);
  EXPECT_EQ(builder.open_count(), 1u);
}

TEST_F(BuilderTest, AnEventIsToldItsJourney) {
  Builder builder = make();
  const auto add = [&](const testing::At& at) { return builder.add(event(at)); };
  EXPECT_EQ(add({.packet_id = 5, .time_ns = 1}), 1u);
  EXPECT_EQ(add({.packet_id = 6, .time_ns = 2}), 2u);
  EXPECT_EQ(add({.packet_id = 7, .time_ns = 2, .stage = STAGE_route}), 0u);
  EXPECT_EQ(add({.packet_id = 5, .time_ns = 3, .stage = STAGE_end, .last = true}), 1u);
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].id, 1u);
}

TEST_F(BuilderTest, ARouteToldBeforeItsPacketIsSeenIsPartOfItsWay) {
  Builder builder = make();
  const auto route = [](std::uint64_t packet_id) {
    decode::Event at =
        event({.packet_id = packet_id, .time_ns = packet_id, .stage = STAGE_route, .device = ""});
    at.route = decode::Route{.table = 254};
    return at;
  };
  builder.add(route(5));
  builder.add(route(6));  // its packet is never seen
  builder.add(event({.packet_id = 5, .time_ns = 9, .stage = STAGE_drop, .last = true},
                    echo(false, 1, 2, 7, 1)));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(way(ended_[0]), "host  route | host eth0 drop");
  for (std::uint64_t id = 100; id < 1000; ++id) {
    builder.add(route(id));
  }
  builder.finish();
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(BuilderTest, RequestAndReplyAreAnExchangeThroughNat) {
  Builder builder = make();
  // 10.0.0.1 -> 10.0.0.9 becomes 10.0.0.5 -> 10.0.0.9 on its way, and so the reply goes to .5.
  builder.add(event({.packet_id = 1, .time_ns = 1}, echo(false, 1, 9, 7, 1)));
  builder.add(event({.packet_id = 1, .time_ns = 2, .ifindex = 2}, echo(false, 5, 9, 7, 1)));
  builder.add(event({.packet_id = 2, .time_ns = 3, .netns = 2}, echo(true, 9, 5, 7, 1)));
  builder.add(event({.packet_id = 3, .time_ns = 3, .netns = 2}, echo(true, 9, 5, 8, 1)));
  builder.finish();
  ASSERT_EQ(ended_.size(), 3u);
  EXPECT_EQ(ended_[0].direction, Direction::kRequest);
  EXPECT_EQ(ended_[1].direction, Direction::kReply);
  EXPECT_NE(ended_[0].exchange, 0u);
  EXPECT_EQ(ended_[0].exchange, ended_[1].exchange);
  EXPECT_NE(ended_[0].exchange, ended_[2].exchange);  // another id: somebody else's
}

TEST_F(BuilderTest, TheSameRequestAfterItsAnswerIsAnotherExchange) {
  Builder builder = make();
  // Out of a NAT, twice: each time under two keys.
  for (const std::uint64_t at : {1000u, 5000u}) {
    builder.add(event({.packet_id = at, .time_ns = at}, echo(false, 1, 9, 42, 1)));
    builder.add(event({.packet_id = at, .time_ns = at + 1, .stage = STAGE_rx, .netns = 2},
                      echo(false, 5, 9, 42, 1)));
    builder.add(
        event({.packet_id = at + 1, .time_ns = at + 3, .netns = 2}, echo(true, 9, 5, 42, 1)));
    for (const std::uint64_t id : {at, at + 1}) {
      builder.add(event({.packet_id = id, .time_ns = at + 5, .stage = STAGE_end, .last = true}));
    }
  }
  ASSERT_EQ(ended_.size(), 4u);
  EXPECT_EQ(ended_[0].exchange, ended_[1].exchange);
  EXPECT_EQ(ended_[2].exchange, ended_[3].exchange);
  EXPECT_NE(ended_[0].exchange, ended_[2].exchange);
  for (const Journey& journey : ended_) {
    EXPECT_LE(journey.duration_ns(), 5u);
  }
}

TEST_F(BuilderTest, TheSameRequestBeforeItsAnswerIsStillThatExchange) {
  Builder builder = make();
  builder.add(event({.packet_id = 1, .time_ns = 1}, echo(false, 1, 9, 42, 1)));
  builder.add(event({.packet_id = 1, .time_ns = 2, .stage = STAGE_end, .last = true}));
  builder.add(event({.packet_id = 2, .time_ns = 3, .stage = STAGE_rx}, echo(false, 1, 9, 42, 1)));
  builder.finish();
  ASSERT_EQ(ended_.size(), 2u);
  EXPECT_EQ(ended_[0].exchange, ended_[1].exchange);
}

TEST_F(BuilderTest, RequestsThatAwaitAnAnswerAreBounded) {
  Builder builder = make({.max_exchanges = 2});
  for (std::uint16_t seq = 1; seq <= 3; ++seq) {
    builder.add(event({.packet_id = seq, .time_ns = seq}, echo(false, 1, 9, 7, seq)));
  }
  for (std::uint16_t seq = 1; seq <= 3; ++seq) {
    builder.add(event({.packet_id = 10u + seq, .time_ns = 9}, echo(true, 9, 1, 7, seq)));
  }
  builder.finish();
  ASSERT_EQ(ended_.size(), 6u);
  EXPECT_NE(ended_[0].exchange, ended_[3].exchange);  // the oldest is forgotten
  EXPECT_EQ(ended_[1].exchange, ended_[4].exchange);
  EXPECT_EQ(ended_[2].exchange, ended_[5].exchange);
}

TEST_F(BuilderTest, TheSameEchoInAnotherBufferStaysOneJourney) {
  Builder builder = make();
  builder.add(event({.packet_id = 1, .time_ns = 1}, echo(false, 1, 2, 7, 1)));
  builder.add(event({.packet_id = 9, .time_ns = 2, .stage = STAGE_rx, .netns = 2},
                    echo(false, 1, 2, 7, 1)));
  builder.finish();
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(way(ended_[0]), "host eth0 tx | ns2 eth0 rx");
}

TEST_F(BuilderTest, AnErrorBelongsToTheRequestThatItQuotes) {
  Builder builder = make();
  builder.add(event({.packet_id = 1, .time_ns = 1}, echo(false, 1, 9, 7, 4)));
  decode::Packet error = echo(true, 3, 1, 0, 0);
  error.icmp = decode::Icmp{.type = 11, .code = 0, .id = 0, .seq = 0};
  error.quoted_echo = decode::QuotedEcho{
      .icmp = {.type = 8, .id = 7, .seq = 4}, .src = testing::ip(1), .dst = testing::ip(9)};
  builder.add(event({.packet_id = 2, .time_ns = 2, .netns = 3}, error));
  EXPECT_TRUE(builder.has_open_echo(4));
  builder.finish_echo(4);
  ASSERT_EQ(ended_.size(), 2u);
  EXPECT_EQ(ended_[0].exchange, ended_[1].exchange);
  EXPECT_EQ(ended_[1].direction, Direction::kReply);
  EXPECT_FALSE(builder.has_open_echo(4));
}

TEST_F(BuilderTest, AForwardedSegmentInAnotherBufferStaysOneJourney) {
  Builder builder = make();
  const auto segment = [](std::uint8_t from, std::uint32_t seq) {
    decode::Packet packet{.ethertype = 0x0800, .protocol = 6, .ttl = 64, .len = 52};
    packet.has_ports = true;
    packet.ip_id = 77;
    packet.tcp_seq = seq;
    packet.src = testing::ip(from);
    packet.dst = testing::ip(9);
    return packet;
  };
  builder.add(event({.packet_id = 1, .time_ns = 1}, segment(1, 5)));
  for (const stage_id stage : {STAGE_rx, STAGE_in}) {
    builder.add(
        event({.packet_id = 1, .time_ns = 2, .stage = stage, .netns = 2, .iif = 1}, segment(1, 5)));
  }
  // Elsewhere, another one, one that was made there: none of them is it.
  builder.add(event({.packet_id = 2, .time_ns = 3, .netns = 3, .iif = 1}, segment(1, 5)));
  builder.add(event({.packet_id = 3, .time_ns = 4, .netns = 2, .iif = 1}, segment(1, 6)));
  builder.add(event({.packet_id = 4, .time_ns = 5, .netns = 2}, segment(1, 5)));
  EXPECT_EQ(builder.open_count(), 4u);
  // This is, out of a NAT; it is gone on then.
  builder.add(event({.packet_id = 5, .time_ns = 6, .netns = 2, .iif = 1}, segment(4, 5)));
  EXPECT_EQ(builder.open_count(), 4u);
  builder.add(event({.packet_id = 6, .time_ns = 7, .netns = 2, .iif = 1}, segment(4, 5)));
  EXPECT_EQ(builder.open_count(), 5u);
  builder.add(event({.packet_id = 5, .time_ns = 8, .stage = STAGE_end, .netns = 2, .last = true}));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(way(ended_[0]), "host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2  nat | ns2 eth0 tx");
}

// Sent in one namespace, taken in by another one that is a router.
decode::Packet add_segment_in_a_router(Builder& builder) {
  decode::Packet segment{.ethertype = 0x0800, .protocol = 6, .ttl = 64, .len = 60};
  segment.ip_id = 77;
  segment.tcp_seq = 5;
  segment.src = testing::ip(1);
  segment.dst = testing::ip(9);
  builder.add(event({.packet_id = 1, .time_ns = 1}, segment));
  for (const stage_id stage : {STAGE_rx, STAGE_in}) {
    builder.add(
        event({.packet_id = 1, .time_ns = 2, .stage = stage, .netns = 2, .iif = 1}, segment));
  }
  return segment;
}

TEST_F(BuilderTest, ASegmentDroppedInARouterInAnotherBufferIsDroppedOnItsWay) {
  Builder builder = make();
  const decode::Packet segment = add_segment_in_a_router(builder);
  // It waited there for the link address of its next hop, which nobody gave.
  builder.add(event(
      {.packet_id = 2, .time_ns = 3, .stage = STAGE_neigh, .netns = 2, .ifindex = 2, .iif = 1},
      segment));
  EXPECT_EQ(builder.open_count(), 1u);
  builder.add(
      event({.packet_id = 2, .time_ns = 3, .stage = STAGE_drop, .netns = 2, .iif = 1, .last = true},
            segment));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].outcome.kind, OutcomeKind::kDropped);
  EXPECT_EQ(way(ended_[0]), "host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2 eth0 drop");
}

TEST_F(BuilderTest, ASegmentThatPassedAChainInARouterIsTheSameInAnotherBuffer) {
  Builder builder = make();
  const decode::Packet segment = add_segment_in_a_router(builder);
  for (const stage_id stage : {STAGE_netfilter, STAGE_route}) {
    builder.add(event({.packet_id = 1, .time_ns = 3, .stage = stage, .netns = 2, .iif = 1}));
  }
  builder.add(event(
      {.packet_id = 2, .time_ns = 4, .stage = STAGE_neigh, .netns = 2, .ifindex = 2, .iif = 1},
      segment));
  EXPECT_EQ(builder.open_count(), 1u);
}

TEST_F(BuilderTest, SilenceEndsAJourney) {
  Builder builder = make({.silence_ns = 100});
  builder.add(event({.packet_id = 1, .time_ns = 1000}, echo(false, 1, 2, 7, 1)));
  EXPECT_FALSE(builder.expire(1050));
  EXPECT_TRUE(ended_.empty());
  EXPECT_TRUE(builder.expire(1101));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_FALSE(ended_[0].outcome.seen);
}

TEST_F(BuilderTest, WhatIsHeardAfterTheEndIsNoNewJourney) {
  Builder builder = make();
  builder.add(event({.packet_id = 1, .time_ns = 1}, echo(true, 2, 1, 7, 3)));
  builder.finish_echo(3);
  // A copy in another process's raw socket, purged when that ends.
  builder.add(event({.packet_id = 1, .time_ns = 900, .stage = STAGE_drop, .last = true}));
  builder.finish();
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(BuilderTest, MemoryIsBoundedAndWhatIsGivenUpIsCounted) {
  Builder builder = make({.silence_ns = 1'000'000, .max_open = 10});
  for (std::uint16_t i = 0; i < 25; ++i) {
    builder.add(event({.packet_id = i + 1u, .time_ns = i + 1u}, echo(false, 1, 2, 7, i)));
  }
  EXPECT_EQ(builder.open_count(), 10u);
  EXPECT_EQ(builder.given_up(), 15u);
  EXPECT_EQ(ended_.size(), 15u);
  EXPECT_EQ(ended_.front().packet.icmp->seq, 0);  // the oldest first
}

TEST_F(BuilderTest, APacketThatCirclesIsBounded) {
  Builder builder = make();
  for (std::uint32_t i = 1; i <= 100'000; ++i) {
    builder.add(event({.packet_id = i % 1000, .time_ns = i, .ifindex = i % 4 + 1},
                      echo(false, 1, 2, 7, 1)));
  }
  builder.add(event({.packet_id = 999'999, .time_ns = 200'000, .stage = STAGE_end, .last = true}));
  builder.finish();
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].hops.size(), 256u);
  EXPECT_EQ(ended_[0].more_hops, 100'000u - 256u);
}

TEST_F(BuilderTest, ACopyThatEndsDoesNotEndTheOthers) {
  Builder builder = make();
  builder.add(event({.packet_id = 1, .time_ns = 1}, echo(false, 1, 2, 7, 1)));
  builder.add(event({.packet_id = 2, .time_ns = 2, .ifindex = 3}, echo(false, 1, 2, 7, 1)));
  builder.add(event({.packet_id = 2, .time_ns = 3, .stage = STAGE_end, .last = true}));
  EXPECT_TRUE(ended_.empty());
  builder.add(event({.packet_id = 1, .time_ns = 4, .stage = STAGE_end, .last = true}));
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(BuilderTest, OneOfManyCopiesThatIsSeenToBeTakenIsDelivered) {
  Builder builder = make();
  // A multicast that loops: the copy for its own machine ends unseen, the one for another is taken.
  builder.add(event({.packet_id = 1, .time_ns = 1, .stage = STAGE_in}, echo(false, 1, 2, 7, 1)));
  builder.add(event({.packet_id = 2, .time_ns = 2}, echo(false, 1, 2, 7, 1)));
  builder.add(event({.packet_id = 2, .time_ns = 3, .stage = STAGE_in, .netns = 2},
                    echo(false, 1, 2, 7, 1)));
  builder.add(event({.packet_id = 2, .time_ns = 4, .stage = STAGE_end, .netns = 2, .last = true}));
  builder.finish();
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].outcome.kind, OutcomeKind::kDelivered);
  EXPECT_EQ(ended_[0].outcome.netns.name, "ns2");
}

}  // namespace
}  // namespace tracepkt::journey
