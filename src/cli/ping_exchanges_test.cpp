#include "cli/ping_exchanges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "journey/testing.h"

namespace tracepkt::cli {
namespace {

using journey::Direction;
using journey::Journey;
using ::testing::ElementsAre;

Journey one(std::uint64_t id, Direction direction, std::uint16_t seq) {
  Journey journey{.id = id, .direction = direction};
  journey.packet = journey::testing::echo(direction == Direction::kReply, 1, 2, 7, seq);
  return journey;
}

std::vector<std::uint64_t> ids(const std::vector<Journey>& journeys) {
  std::vector<std::uint64_t> result;
  for (const Journey& journey : journeys) {
    result.push_back(journey.id);
  }
  return result;
}

TEST(PingExchanges, AreRequestsFirstWhicheverEndedFirst) {
  PingExchanges exchanges;
  exchanges.expect(1);
  EXPECT_FALSE(exchanges.keep(one(2, Direction::kReply, 1)));
  EXPECT_FALSE(exchanges.keep(one(3, Direction::kRequest, 1)));
  EXPECT_FALSE(exchanges.keep(one(1, Direction::kRequest, 1)));
  EXPECT_EQ(exchanges.journeys(1).size(), 3u);
  EXPECT_THAT(ids(exchanges.take(1)), ElementsAre(1, 3, 2));
  EXPECT_TRUE(exchanges.take(1).empty());
}

TEST(PingExchanges, WhatNobodyExpectsIsGivenBack) {
  PingExchanges exchanges;
  exchanges.expect(1);
  EXPECT_TRUE(exchanges.keep(one(1, Direction::kRequest, 2)));
  exchanges.take(1);
  const auto late = exchanges.keep(one(2, Direction::kReply, 1));
  ASSERT_TRUE(late);
  EXPECT_EQ(late->id, 2u);
}

TEST(PingExchanges, APacketHas16BitsOfTheNumber) {
  PingExchanges exchanges;
  exchanges.expect(5);
  exchanges.expect(65536 + 5);
  EXPECT_FALSE(exchanges.keep(one(1, Direction::kRequest, 5)));
  EXPECT_THAT(ids(exchanges.take(5)), ElementsAre(1));
  // The second is still awaited.
  EXPECT_FALSE(exchanges.keep(one(2, Direction::kRequest, 5)));
  EXPECT_THAT(ids(exchanges.take(65536 + 5)), ElementsAre(2));
  EXPECT_TRUE(exchanges.keep(one(3, Direction::kRequest, 5)));
}

TEST(PingExchanges, TheRestIsInOrderOfFirstSight) {
  PingExchanges exchanges;
  exchanges.expect(1);
  exchanges.expect(2);
  exchanges.keep(one(2, Direction::kRequest, 1));
  exchanges.keep(one(1, Direction::kRequest, 2));
  EXPECT_THAT(ids(exchanges.take_rest()), ElementsAre(1, 2));
  EXPECT_TRUE(exchanges.take_rest().empty());
}

TEST(PingExchanges, AnAnswerTellsThatTheRequestWasAnswered) {
  PingExchanges exchanges;
  exchanges.expect(1);
  Journey request = one(1, Direction::kRequest, 1);
  request.hops.push_back({.netns = {.inode = 7, .name = {}}, .stage = STAGE_deliver});
  Journey reply = one(2, Direction::kReply, 1);
  reply.hops.push_back({.netns = {.inode = 7, .name = {}}, .stage = STAGE_tx});
  exchanges.keep(std::move(request));
  exchanges.keep(std::move(reply));
  EXPECT_TRUE(exchanges.take(1).front().hops.back().answered);
}

}  // namespace
}  // namespace tracepkt::cli
