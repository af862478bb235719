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

}  // namespace
}  // namespace tracepkt::journey
