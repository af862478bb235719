#include <gtest/gtest.h>

#include "journey/builder.h"
#include "journey/testing.h"
#include "wire/function.h"

namespace tracepkt::journey {
namespace {

using testing::echo;
using testing::event;

constexpr std::uint64_t kIpRcv = 0x1000;
constexpr std::uint64_t kIcmpRcv = 0x2000;

struct Call {
  std::uint64_t time_ns = 0;
  std::uint64_t address = kIpRcv;
  std::uint32_t cpu = 0;
  function_returns returns = RETURNS_SIGNED;
};

decode::Event function_event(const Call& call, const decode::FunctionCall& note) {
  decode::Event at = event({.packet_id = 5, .time_ns = call.time_ns, .stage = STAGE_function});
  at.cpu = call.cpu;
  at.note = note;
  return at;
}

decode::Event called(const Call& call) {
  return function_event(call, {.address = call.address, .returns = call.returns});
}

decode::Event returned(const Call& call, std::uint64_t value) {
  return function_event(
      call, {.address = call.address, .returns = call.returns, .returned = true, .value = value});
}

decode::Event packet_at(std::uint64_t time_ns, stage_id stage, bool last = false) {
  return event({.packet_id = 5, .time_ns = time_ns, .stage = stage, .last = last},
               echo(false, 1, 2, 7, 1));
}

struct FunctionsTest : ::testing::Test {
  FunctionsTest() {
    names_.symbols[kIpRcv] = "ip_rcv+0x0";
    names_.symbols[kIcmpRcv] = "icmp_rcv+0x0";
  }

  Builder make(BuilderOptions options = {}) {
    return Builder(
        names_, [this](Journey&& journey) { ended_.push_back(std::move(journey)); }, options);
  }

  // "rx ip_rcv=0 in"
  std::string told() {
    std::string text;
    for_each_hop(ended_.at(0), [&text](const Hop& hop) {
      text += text.empty() ? "" : " ";
      if (const auto* call = std::get_if<decode::FunctionCall>(&hop.note)) {
        text += hop.function + (call->returned ? "=" + std::to_string(call->value) : "");
      } else {
        text += decode::stage_name(hop.stage);
      }
    });
    return text;
  }

  testing::FakeNames names_;
  std::vector<Journey> ended_;
};

TEST_F(FunctionsTest, AreToldBetweenTheHops) {
  Builder builder = make();
  builder.add(packet_at(1, STAGE_rx));
  EXPECT_EQ(builder.add(called({.time_ns = 2})), 1u);
  builder.add(packet_at(3, STAGE_in));
  builder.add(called({.time_ns = 4, .address = kIcmpRcv}));
  builder.add(returned({.time_ns = 5, .address = kIcmpRcv}, 7));
  builder.add(returned({.time_ns = 6}, 0));
  builder.add(packet_at(7, STAGE_end, true));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(told(), "rx ip_rcv=0 in icmp_rcv=7 deliver");
}

TEST_F(FunctionsTest, ThatFreeThePacketReturnBeforeItsJourneyEnds) {
  Builder builder = make();
  builder.add(packet_at(1, STAGE_rx));
  builder.add(called({.time_ns = 2}));
  builder.add(called({.time_ns = 3, .address = kIcmpRcv, .returns = RETURNS_NOTHING}));
  builder.add(packet_at(4, STAGE_drop, true));
  EXPECT_TRUE(ended_.empty());
  builder.add(returned({.time_ns = 5}, 1));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(told(), "rx ip_rcv=1 icmp_rcv drop");
  EXPECT_EQ(builder.add(returned({.time_ns = 6}, 1)), 0u);
}

TEST_F(FunctionsTest, WhoseReturnIsLostDoNotMakeTheEndAnUnseenOne) {
  Builder builder = make();
  builder.add(packet_at(1, STAGE_rx));
  builder.add(called({.time_ns = 2}));
  builder.add(packet_at(3, STAGE_end, true));
  EXPECT_TRUE(builder.expire(5'000'000'000));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_TRUE(ended_[0].outcome.seen);
  EXPECT_EQ(told(), "rx ip_rcv");
}

TEST_F(FunctionsTest, ThatCallThemselvesReturnInnermostFirstEachOnItsProcessor) {
  Builder builder = make();
  builder.add(packet_at(1, STAGE_rx));
  builder.add(called({.time_ns = 2}));
  builder.add(called({.time_ns = 3}));
  builder.add(called({.time_ns = 4, .cpu = 1}));
  builder.add(returned({.time_ns = 5}, 11));
  builder.add(returned({.time_ns = 6}, 12));
  builder.add(returned({.time_ns = 7, .cpu = 1}, 13));
  builder.finish();
  EXPECT_EQ(told(), "rx ip_rcv=12 ip_rcv=11 ip_rcv=13");
}

TEST_F(FunctionsTest, OfAPacketThatIsNotKnownAreNoNews) {
  Builder builder = make();
  EXPECT_EQ(builder.add(called({.time_ns = 2})), 0u);
  EXPECT_EQ(builder.open_count(), 0u);
}

TEST_F(FunctionsTest, BeyondWhatIsKeptAreCounted) {
  Builder builder = make({.max_functions = 3});
  builder.add(packet_at(1, STAGE_rx));
  for (std::uint64_t i = 0; i < 10; ++i) {
    builder.add(called({.time_ns = 2 + i, .returns = RETURNS_NOTHING}));
  }
  builder.add(packet_at(20, STAGE_end, true));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].functions.size(), 3u);
  EXPECT_EQ(ended_[0].more_functions, 7u);
  EXPECT_EQ(ended_[0].more_hops, 0u);
}

TEST_F(FunctionsTest, OfAllPacketsTogetherAreBounded) {
  Builder builder = make({.max_all_functions = 4});
  const auto journey_of_five = [&](std::uint64_t packet_id) {
    decode::Event first = packet_at(1, STAGE_rx);
    first.packet_id = packet_id;
    builder.add(std::move(first));
    for (std::uint64_t i = 0; i < 5; ++i) {
      decode::Event call = called({.time_ns = 2 + i, .returns = RETURNS_NOTHING});
      call.packet_id = packet_id;
      builder.add(std::move(call));
    }
    builder.finish();
  };
  journey_of_five(5);
  journey_of_five(6);  // those before are given back
  ASSERT_EQ(ended_.size(), 2u);
  EXPECT_EQ(ended_[0].functions.size(), 4u);
  EXPECT_EQ(ended_[1].functions.size(), 4u);
  EXPECT_EQ(ended_[1].more_functions, 1u);
}

}  // namespace
}  // namespace tracepkt::journey
