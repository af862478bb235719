#include "journey/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "journey/assemble.h"
#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

DropInfo drop(const char* reason, const char* function) {
  return {.raw = {}, .reason = reason, .function = function};
}

TEST(Programs, WhereTheOneIsThatDropped) {
  EXPECT_EQ(program_place(drop("XDP", "")), ProgramPlace::kXdp);
  EXPECT_EQ(program_place(drop("", "do_xdp_generic.part.0+0x7")), ProgramPlace::kXdp);
  EXPECT_EQ(program_place(drop("NOT_SPECIFIED", "veth_xdp_rcv_skb+0x7")), ProgramPlace::kXdp);
  EXPECT_EQ(program_place(drop("", "veth_poll+0x44a")), ProgramPlace::kXdp);
  EXPECT_EQ(program_place(drop("TC_INGRESS", "x")), ProgramPlace::kTcIngress);
  EXPECT_EQ(program_place(drop("TC_EGRESS", "x")), ProgramPlace::kTcEgress);
  EXPECT_EQ(program_place(drop("NO_SOCKET", "do_xdp_generic+0x7")), std::nullopt);
  EXPECT_EQ(program_place(drop("", "")), std::nullopt);
}

TEST(Programs, AreReadAsTheyWereWritten) {
  const std::vector<Program> programs = {
      {.kind = "xdpdrv", .id = 7, .pref = 0, .handle = 0, .name = "a b"},
      {.kind = "flower", .id = 0, .pref = 49152, .handle = 0xffffffff, .name = ""}};
  EXPECT_EQ(programs_of(programs_text(programs)), programs);
}

TEST(Programs, ANameCannotMakeAnother) {
  const auto programs =
      programs_of(programs_text({{.kind = "bpf", .id = 1, .name = "a\nxdpdrv 2 0 0 b"}}));
  ASSERT_EQ(programs.size(), 1u);
  EXPECT_EQ(programs[0].name, "a xdpdrv 2 0 0 b");
}

TEST(Programs, WhatIsNoneIsPassedOver) {
  EXPECT_THAT(programs_of("\nxdp\nxdp 1 2\nxdp 1 2 x name\n 1 2 3 name\nxdp 99999999999 0 0 n\n"),
              IsEmpty());
}

class NamesOfPrograms : public testing::FakeNames {
 public:
  std::string programs(std::uint32_t inode, std::uint32_t ifindex, ProgramPlace place) override {
    asked.push_back(std::to_string(inode) + ' ' + std::to_string(ifindex) + ' ' +
                    std::to_string(static_cast<int>(place)));
    return text;
  }

  std::vector<std::string> asked;
  std::string text;
};

Journey dropped_with(NamesOfPrograms& names, std::uint32_t ifindex) {
  decode::Event event = testing::event(
      {.time_ns = 5, .stage = STAGE_drop, .netns = 3, .ifindex = ifindex, .last = true});
  event.drop = decode::Drop{.reason = 9, .has_reason = true};
  Journey journey;
  std::vector<decode::Event> events = {event};
  assemble(events, {.names = names, .ending = Ending::kSeen}, journey);
  return journey;
}

TEST(Programs, AreAskedForWhereOneDropped) {
  NamesOfPrograms names;
  names.reasons[9] = "TC_EGRESS";
  names.text = "tcx 12 0 0 shot\n";
  const Journey journey = dropped_with(names, 4);
  EXPECT_THAT(names.asked, ElementsAre("3 4 3"));
  ASSERT_TRUE(journey.outcome.programs);
  EXPECT_EQ(journey.outcome.programs->place, ProgramPlace::kTcEgress);
  EXPECT_EQ(journey.outcome.programs->attached.at(0).name, "shot");
}

TEST(Programs, AreNotAskedForElsewhere) {
  NamesOfPrograms names;
  names.text = "tcx 12 0 0 shot\n";
  EXPECT_FALSE(dropped_with(names, 4).outcome.programs);  // another reason
  names.reasons[9] = "XDP";
  EXPECT_FALSE(dropped_with(names, 0).outcome.programs);  // on no interface
  EXPECT_THAT(names.asked, IsEmpty());
  names.text = "";  // gone again
  EXPECT_FALSE(dropped_with(names, 4).outcome.programs);
}

constexpr std::int32_t kXdpDrop = 1;
constexpr std::int32_t kXdpPass = 2;
constexpr std::int32_t kXdpTx = 3;
constexpr std::int32_t kTcShot = 2;
constexpr std::int32_t kTcRedirect = 7;

using Kind = decode::ProgramVerdict::Kind;

decode::Event told(const testing::At& at, Kind kind, std::int32_t verdict, std::uint32_t id = 12) {
  decode::Event event = testing::event(at);
  event.note = decode::ProgramVerdict{.kind = kind, .verdict = verdict, .id = id};
  return event;
}

decode::Event dropped_there(const testing::At& at) {
  decode::Event event = testing::event(at);
  event.drop = decode::Drop{.reason = 9, .has_reason = true};
  return event;
}

Journey assembled(std::vector<decode::Event> events, NamesOfPrograms& names,
                  Ending ending = Ending::kSeen) {
  Journey journey;
  assemble(events, {.names = names, .ending = ending}, journey);
  return journey;
}

TEST(Programs, OfSeveralTheOneThatToldADrop) {
  NamesOfPrograms names;
  names.reasons[9] = "TC_INGRESS";
  names.text = "bpf 11 3 1 pass\nbpf 12 7 1 shot\n";
  const Journey journey =
      assembled({testing::event({.time_ns = 1, .stage = STAGE_rx, .iif = 1},
                                testing::echo(false, 1, 2, 7, 1)),
                 told({.time_ns = 2, .stage = STAGE_tc}, Kind::kClsBpf, -1, 11),
                 told({.time_ns = 3, .stage = STAGE_tc}, Kind::kClsBpf, kTcShot),
                 dropped_there({.time_ns = 4, .stage = STAGE_drop, .last = true})},
                names);
  EXPECT_EQ(testing::way(journey), "host eth0 rx | host eth0 tc | host eth0 tc | host eth0 drop");
  ASSERT_TRUE(journey.outcome.programs);
  EXPECT_THAT(
      journey.outcome.programs->attached,
      ElementsAre(Program{.kind = "bpf", .id = 12, .pref = 7, .handle = 1, .name = "shot"}));
}

// What let it pass did not drop it: one of the others did.
TEST(Programs, AVerdictToPassDoesNotTellWhoDropped) {
  NamesOfPrograms names;
  names.reasons[9] = "TC_INGRESS";
  names.text = "bpf 12 3 1 pass\nmatchall 0 7 1 \n";
  const Journey journey =
      assembled({told({.time_ns = 3, .stage = STAGE_tc}, Kind::kClsBpf, -1),
                 dropped_there({.time_ns = 4, .stage = STAGE_drop, .last = true})},
                names);
  ASSERT_TRUE(journey.outcome.programs);
  EXPECT_EQ(journey.outcome.programs->attached.size(), 2u);
}

TEST(Programs, OneThatIsGoneIsKnownByWhatItTold) {
  NamesOfPrograms names;
  const Journey journey =
      assembled({told({.time_ns = 3, .stage = STAGE_xdp, .iif = 1}, Kind::kXdpNative, kXdpDrop),
                 dropped_there({.time_ns = 4, .stage = STAGE_drop, .last = true})},
                names);
  ASSERT_TRUE(journey.outcome.programs);
  EXPECT_EQ(journey.outcome.programs->attached.at(0).kind, "xdpdrv");
  EXPECT_EQ(journey.outcome.programs->attached.at(0).id, 12u);
}

TEST(Programs, WhatOneSendsBackIsConsumedByIt) {
  NamesOfPrograms names;
  for (const Ending ending : {Ending::kSeen, Ending::kSilent}) {
    const Journey journey =
        assembled({testing::event({.time_ns = 1}, testing::echo(false, 1, 2, 7, 1)),
                   told({.time_ns = 3, .stage = STAGE_xdp, .netns = 2, .ifindex = 5, .iif = 5},
                        Kind::kXdpNative, kXdpTx)},
                  names, ending);
    // No hook of the driver's saw it arrive.
    EXPECT_EQ(testing::way(journey), "host eth0 tx | ns2 eth0 rx | ns2 eth0 xdp");
    EXPECT_EQ(journey.outcome.kind, OutcomeKind::kConsumed);
    EXPECT_TRUE(journey.outcome.seen);
    EXPECT_EQ(journey.outcome.netns.inode, 2u);
    ASSERT_TRUE(journey.outcome.programs);
    EXPECT_EQ(journey.outcome.programs->attached.at(0).id, 12u);
  }
}

TEST(Programs, WhatOneLetsPassGoesOn) {
  NamesOfPrograms names;
  const Journey journey =
      assembled({testing::event({.time_ns = 1}, testing::echo(false, 1, 2, 7, 1)),
                 told({.time_ns = 3, .stage = STAGE_xdp, .netns = 2, .ifindex = 5, .iif = 5},
                      Kind::kXdpNative, kXdpPass)},
                names, Ending::kSilent);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kLost);
}

// It had come to the IP layer's door, and was sent to another namespace from there.
TEST(Programs, WhatOneRedirectsIsNotTakenInThere) {
  NamesOfPrograms names;
  const decode::Packet packet = testing::echo(false, 1, 2, 7, 1);
  const Journey journey = assembled(
      {testing::event({.time_ns = 1, .stage = STAGE_rx, .iif = 1}, packet),
       testing::event({.time_ns = 2, .stage = STAGE_in, .iif = 1}, packet),
       told({.time_ns = 3, .stage = STAGE_tc}, Kind::kClsBpf, kTcRedirect),
       testing::event(
           {.time_ns = 5, .stage = STAGE_end, .netns = 2, .ifindex = 5, .iif = 5, .last = true})},
      names);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kConsumed);
  EXPECT_EQ(journey.outcome.netns.inode, 2u);
}

}  // namespace
}  // namespace tracepkt::journey
