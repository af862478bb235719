#include "journey/asks.h"

#include <gtest/gtest.h>

#include "journey/builder.h"
#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::event;
using testing::ip;

decode::Packet arp(std::uint16_t op, std::uint8_t sender, std::uint8_t target) {
  decode::Packet packet{.ethertype = 0x0806, .len = 28};
  packet.arp = decode::Arp{.op = op, .sender = ip(sender), .target = ip(target)};
  return packet;
}

decode::Address ip6(std::uint8_t last) {
  decode::Address address{.family = 6};
  address.bytes[0] = 0xfd;
  address.bytes[15] = last;
  return address;
}

decode::Packet discovery(std::uint8_t type, std::uint8_t from, std::uint8_t to,
                         std::uint8_t target) {
  decode::Packet packet{.ethertype = 0x86dd, .protocol = 58, .len = 72};
  packet.src = ip6(from);
  packet.dst = ip6(to);
  packet.icmp = decode::Icmp{.type = type};
  packet.nd_target = ip6(target);
  return packet;
}

class AsksTest : public ::testing::Test {
 protected:
  void add(std::uint64_t packet_id, std::uint64_t time_ns, const decode::Packet& packet,
           std::uint32_t netns = 1) {
    builder_.add(
        event({.packet_id = packet_id, .time_ns = time_ns, .netns = netns, .last = true}, packet));
  }

  // A packet that waited in namespace 1 until `told_ns` for the address.
  void wait(std::uint64_t told_ns, const decode::Address& address) {
    decode::Event neigh = event({.packet_id = 99, .time_ns = told_ns, .stage = STAGE_neigh});
    neigh.note = decode::Neighbour{.address = address, .asked_ns = 1, .told_ns = told_ns};
    builder_.add(event({.packet_id = 99, .time_ns = told_ns}, testing::echo(false, 1, 2, 7, 1)));
    builder_.add(std::move(neigh));
    builder_.finish();
  }

  std::uint64_t asked_by() const {
    for (const Hop& hop : journeys_.back().hops) {
      if (hop.stage == STAGE_neigh) {
        return hop.asked_by;
      }
    }
    return 999;
  }

  testing::FakeNames names_;
  std::vector<Journey> journeys_;
  Builder builder_{names_, [this](Journey&& journey) { journeys_.push_back(std::move(journey)); }};
};

TEST_F(AsksTest, AnAnswerBelongsToItsRequest) {
  add(1, 10, arp(1, 1, 2));
  add(2, 20, arp(1, 1, 3));
  add(3, 30, arp(2, 2, 1), 2);
  ASSERT_EQ(journeys_.size(), 3u);
  EXPECT_EQ(journeys_[0].direction, Direction::kRequest);
  EXPECT_EQ(journeys_[2].direction, Direction::kReply);
  EXPECT_NE(journeys_[0].exchange, 0u);
  EXPECT_EQ(journeys_[2].exchange, journeys_[0].exchange);
  EXPECT_NE(journeys_[1].exchange, journeys_[0].exchange);
}

TEST_F(AsksTest, InIPv6Too) {
  add(1, 10, discovery(135, 1, 9, 2));
  add(2, 20, discovery(136, 2, 1, 2), 2);
  ASSERT_EQ(journeys_.size(), 2u);
  EXPECT_NE(journeys_[0].exchange, 0u);
  EXPECT_EQ(journeys_[1].exchange, journeys_[0].exchange);
}

TEST_F(AsksTest, WhatNobodyAskedForIsNoAnswer) {
  add(1, 10, arp(1, 1, 2));
  add(2, 20, arp(2, 2, 5), 2);                  // to another one
  add(3, 30, arp(2, 6, 1), 2);                  // of another one
  add(4, 5, arp(2, 2, 1), 2);                   // before
  add(5, 10 + 5'000'000'000, arp(2, 2, 1), 2);  // long after
  add(6, 40, discovery(134, 2, 1, 0), 2);       // a router's
  for (std::size_t i = 1; i < journeys_.size(); ++i) {
    EXPECT_EQ(journeys_[i].exchange, 0u) << i;
    EXPECT_EQ(journeys_[i].direction, Direction::kOriginal) << i;
  }
}

TEST_F(AsksTest, WhoWaitedKnowsTheRequestThatWasAnswered) {
  add(1, 10, arp(1, 1, 2));
  add(2, 20, arp(1, 1, 2));  // again
  add(3, 25, arp(1, 1, 3));
  wait(30, ip(2));
  EXPECT_EQ(asked_by(), 2u);
}

TEST_F(AsksTest, ButNotOneOfAnotherNamespaceOrTime) {
  add(1, 10, arp(1, 1, 2), 7);
  add(2, 40, arp(1, 1, 2));
  wait(30, ip(2));
  EXPECT_EQ(asked_by(), 0u);
}

TEST_F(AsksTest, ARequestMayBeInVain) {
  const auto ask = [&](std::uint64_t id, std::uint8_t of, stage_id first, bool answered) {
    builder_.add(event({.packet_id = id, .time_ns = id, .stage = first}, arp(1, 1, of)));
    builder_.add(
        event({.packet_id = id, .time_ns = id + 1, .stage = STAGE_rx, .netns = 2}, arp(1, 1, of)));
    if (answered) {
      builder_.add(event({.packet_id = id + 5, .time_ns = id + 2, .netns = 2}, arp(2, of, 1)));
    }
    builder_.add(
        event({.packet_id = id, .time_ns = id + 3, .stage = STAGE_end, .netns = 2, .last = true}));
    return journeys_.back().outcome.in_vain;
  };
  EXPECT_TRUE(ask(10, 2, STAGE_tx, false));
  EXPECT_FALSE(ask(20, 3, STAGE_tx, true));
  EXPECT_FALSE(ask(30, 4, STAGE_rx, false)) << "from a wire, where many ask";
  EXPECT_FALSE(ask(40, 1, STAGE_tx, false)) << "a claim, or whether somebody else has it";
}

TEST_F(AsksTest, RequestsThatNobodyAnswersAreForgottenAtLast) {
  for (std::uint64_t i = 0; i < 1100; ++i) {
    add(i + 1, 10 + i, arp(1, 1, static_cast<std::uint8_t>(i < 5 ? 2 : 3)));
  }
  wait(2000, ip(2));
  EXPECT_EQ(asked_by(), 0u);
}

}  // namespace
}  // namespace tracepkt::journey
