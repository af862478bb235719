// What NAT changes for a local process, it changes back of what that answers.
#include "journey/translations.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "journey/assemble.h"
#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::event;
using testing::ip;
using testing::way;

constexpr std::uint16_t kAsked = 80;
constexpr std::uint16_t kTaken = 8000;

decode::Packet segment(std::uint8_t from, std::uint16_t sport, std::uint8_t to,
                       std::uint16_t dport) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = IPPROTO_TCP, .len = 60, .has_ports = true};
  packet.src = ip(from);
  packet.dst = ip(to);
  packet.sport = sport;
  packet.dport = dport;
  return packet;
}

// Of a connection that is read: the packet as it came in, and as it was when it was read.
std::vector<decode::Event> redirected(const decode::Packet& before, const decode::Packet& after) {
  decode::Packet merged = after;
  merged.len = 1000;
  decode::Event read = event({.time_ns = 9, .stage = STAGE_deliver, .netns = 2});
  read.socket = decode::Socket{.pid = 7};
  return {event({.time_ns = 1, .stage = STAGE_rx, .netns = 2}, before),
          event({.time_ns = 2, .stage = STAGE_in, .netns = 2}, before),
          event({.time_ns = 8, .stage = STAGE_nat, .netns = 0, .ifindex = 0, .device = ""}, merged),
          read};
}

struct TranslationsTest : ::testing::Test {
  Journey answer(const decode::Packet& packet, std::uint32_t netns = 2) {
    std::vector<decode::Event> events = {
        event({.time_ns = 10, .stage = STAGE_out, .netns = netns, .device = ""}),
        event({.time_ns = 11, .stage = STAGE_tx, .netns = netns}, packet)};
    Journey journey;
    assemble(events, {.names = names_, .translations = &translations_}, journey);
    return journey;
  }
  // One by one, as they come.
  void learn(const std::vector<decode::Event>& events) {
    std::vector<decode::Event> so_far;
    for (const decode::Event& one : events) {
      so_far.push_back(one);
      translations_.learn(so_far);
    }
  }

  testing::FakeNames names_;
  Translations translations_;
  decode::Packet asked_ = segment(1, 4000, 2, kAsked);
  decode::Packet taken_ = segment(1, 4000, 3, kTaken);
  decode::Packet answer_ = segment(2, kAsked, 1, 4000);
};

TEST_F(TranslationsTest, WhatIsToldAtTheEndWasDoneWhereItCameIn) {
  std::vector<decode::Event> events = redirected(asked_, taken_);
  Journey journey;
  assemble(events, {.names = names_}, journey);
  EXPECT_EQ(way(journey), "ns2 eth0 rx | ns2 eth0 in | ns2  nat | ns2 eth0 deliver");
  const Hop& nat = journey.hops[2];
  EXPECT_EQ(nat.time_ns, 2u);
  EXPECT_EQ(nat.nat->from.dst, asked_.dst);
  EXPECT_EQ(nat.nat->from.dport, kAsked);
  EXPECT_EQ(nat.nat->to.dst, taken_.dst);
  EXPECT_EQ(nat.nat->to.dport, kTaken);
}

TEST_F(TranslationsTest, WhatIsAsItWasIsNotChanged) {
  std::vector<decode::Event> events = redirected(asked_, asked_);
  Journey journey;
  assemble(events, {.names = names_}, journey);
  EXPECT_EQ(way(journey), "ns2 eth0 rx | ns2 eth0 in | ns2 eth0 deliver");
}

TEST_F(TranslationsTest, TheAnswerIsChangedBack) {
  EXPECT_EQ(way(answer(answer_)), "ns2  out | ns2 eth0 tx");
  learn(redirected(asked_, taken_));
  const Journey journey = answer(answer_);
  EXPECT_EQ(way(journey), "ns2  out | ns2  nat | ns2 eth0 tx");
  const Hop& nat = journey.hops[1];
  EXPECT_EQ(nat.nat->from.src, taken_.dst);
  EXPECT_EQ(nat.nat->from.sport, kTaken);
  EXPECT_EQ(nat.nat->from.dst, answer_.dst);
  EXPECT_EQ(nat.nat->to.src, answer_.src);
  EXPECT_EQ(nat.nat->to.sport, kAsked);
}

TEST_F(TranslationsTest, NotWhatIsOfAnotherConnectionOrNamespace) {
  learn(redirected(asked_, taken_));
  EXPECT_EQ(way(answer(answer_, 3)), "ns3  out | ns3 eth0 tx");
  EXPECT_EQ(way(answer(segment(2, kAsked, 1, 4001))), "ns2  out | ns2 eth0 tx");
}

TEST_F(TranslationsTest, OneThatEndsAsItCameIsChangedNoMore) {
  learn(redirected(asked_, taken_));
  std::vector<decode::Event> events = redirected(asked_, taken_);
  std::erase_if(events, [](const decode::Event& one) { return one.stage == STAGE_nat; });
  learn(events);
  EXPECT_EQ(way(answer(answer_)), "ns2  out | ns2 eth0 tx");
}

TEST_F(TranslationsTest, TheOldestIsForgotten) {
  translations_ = Translations(1);
  learn(redirected(asked_, taken_));
  learn(redirected(segment(1, 5000, 2, kAsked), segment(1, 5000, 3, kTaken)));
  EXPECT_FALSE(translations_.before(answer_, 2).has_value());
  EXPECT_TRUE(translations_.before(segment(2, kAsked, 1, 5000), 2).has_value());
}

}  // namespace
}  // namespace tracepkt::journey
