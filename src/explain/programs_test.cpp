#include "explain/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "explain/advice_words.h"

namespace tracepkt::explain {
namespace {

using journey::Program;
using journey::ProgramPlace;
using ::testing::HasSubstr;

journey::Journey dropped_by(const char* reason, ProgramPlace place, std::vector<Program> programs) {
  journey::Journey journey;
  journey.outcome.kind = journey::OutcomeKind::kDropped;
  journey.outcome.drop = journey::DropInfo{.raw = {}, .reason = reason, .function = {}};
  journey.outcome.device.index = 4;
  std::strcpy(journey.outcome.device.name.bytes.data(), "eth0");
  journey.outcome.netns = {.inode = 3, .name = "web"};
  journey.outcome.netns_file = "/run/netns/web";
  journey.outcome.programs = journey::Programs{.place = place, .attached = std::move(programs)};
  return journey;
}

TEST(ProgramAdvice, AnXdpProgramByItsName) {
  const auto advice = advice_words(
      dropped_by("XDP", ProgramPlace::kXdp, {{.kind = "xdpgeneric", .id = 7, .name = "drop_all"}}));
  ASSERT_TRUE(advice);
  EXPECT_EQ(advice->key, "xdp_program");
  EXPECT_EQ(advice->cause, "The XDP program drop_all (id 7) on the interface dropped it.");
  EXPECT_EQ(advice->check, "ip netns exec web ip -d link show dev eth0");
  EXPECT_THAT(advice->mend, HasSubstr("`bpftool prog show id 7`"));
  EXPECT_THAT(advice->mend, HasSubstr("`ip netns exec web ip link set dev eth0 xdpgeneric off`"));
}

TEST(ProgramAdvice, AFilterOfTc) {
  const auto advice =
      advice_words(dropped_by("TC_INGRESS", ProgramPlace::kTcIngress,
                              {{.kind = "flower", .pref = 49152, .handle = 1, .name = {}}}));
  EXPECT_EQ(advice->cause,
            "The tc filter flower (pref 49152, handle 0x1) at the interface's ingress dropped it.");
  EXPECT_EQ(advice->check, "ip netns exec web tc -s filter show dev eth0 ingress");
  EXPECT_THAT(advice->mend, HasSubstr("tc filter del dev eth0 ingress pref 49152"));
}

TEST(ProgramAdvice, WhatTcDoesNotListIsListedByBpftool) {
  const auto advice = advice_words(
      dropped_by("TC_EGRESS", ProgramPlace::kTcEgress, {{.kind = "tcx", .id = 9, .name = "shot"}}));
  EXPECT_EQ(advice->cause, "The tc program shot (id 9) at the interface's egress dropped it.");
  EXPECT_EQ(advice->check, "ip netns exec web bpftool net show dev eth0");
}

TEST(ProgramAdvice, OfSeveralItIsOne) {
  const auto advice = advice_words(dropped_by("TC_INGRESS", ProgramPlace::kTcIngress,
                                              {{.kind = "tcx", .id = 9, .name = "shot"},
                                               {.kind = "bpf", .id = 2, .handle = 1, .name = {}}}));
  EXPECT_EQ(advice->cause,
            "One of those that tc asks at the interface's ingress dropped it: shot (id 9), without "
            "a name (id 2).");
  EXPECT_THAT(advice->mend, Not(HasSubstr("id 9")));
}

TEST(ProgramAdvice, NamesAreBytes) {
  const auto advice = advice_words(dropped_by(
      "XDP", ProgramPlace::kXdp, {{.kind = "xdpdrv", .id = 7, .name = "\033[1m{in}%s<b>"}}));
  EXPECT_EQ(advice->cause.find('\033'), std::string::npos);
  EXPECT_THAT(advice->cause, HasSubstr("(in)%s<b> (id 7)"));
}

TEST(ProgramAdvice, OfThoseThatTakePacketsFirst) {
  EXPECT_EQ(
      taken_first_words({.place = ProgramPlace::kXdp,
                         .attached = {{.kind = "xdpdrv", .id = 7, .name = "bounce"}}}),
      "It came to that interface's XDP program bounce (id 7), which takes packets first and may "
      "have sent it back or elsewhere (XDP_TX, XDP_REDIRECT): no hook sees that.");
}

decode::ProgramVerdict verdict(decode::ProgramVerdict::Kind kind, std::int32_t number) {
  decode::ProgramVerdict told{.kind = kind, .verdict = number, .id = 7};
  std::strcpy(told.name.bytes.data(), "p");
  return told;
}

TEST(Verdicts, AreCalledAsInTheProgram) {
  using enum decode::ProgramVerdict::Kind;
  EXPECT_EQ(verdict_name(verdict(kXdpGeneric, 0)), "XDP_ABORTED");
  EXPECT_EQ(verdict_name(verdict(kXdpNative, 4)), "XDP_REDIRECT");
  EXPECT_EQ(verdict_name(verdict(kXdpNative, 9)), "9");
  EXPECT_EQ(verdict_name(verdict(kClsBpf, -1)), "TC_ACT_UNSPEC");
  EXPECT_EQ(verdict_name(verdict(kClsBpf, 8)), "TC_ACT_TRAP");
  EXPECT_EQ(verdict_name(verdict(kClsBpf, -2)), "-2");
  EXPECT_EQ(verdict_name(verdict(kTcx, -1)), "TCX_NEXT");
  EXPECT_EQ(verdict_name(verdict(kTcx, 7)), "TCX_REDIRECT");
  EXPECT_EQ(verdict_name(verdict(kTcx, 3)), "TC_ACT_PIPE");
}

TEST(Verdicts, InWords) {
  using enum decode::ProgramVerdict::Kind;
  EXPECT_EQ(verdict_words(verdict(kXdpNative, 2)), "p (id 7): XDP_PASS");
  EXPECT_EQ(verdict_words(verdict(kClsBpf, 0)), "ingress: p (id 7): TC_ACT_OK");
  auto hostile = verdict(kTcx, 0);
  hostile.egress = true;
  std::strcpy(hostile.name.bytes.data(), "\x1b[31m");
  EXPECT_EQ(verdict_words(hostile), "egress: \\x1b[31m (id 7): TCX_PASS");
}

TEST(Verdicts, WhoTookAPacket) {
  using enum decode::ProgramVerdict::Kind;
  EXPECT_EQ(taken_words(verdict(kXdpNative, 3)),
            "The XDP program p (id 7) on the interface sent it back (XDP_TX).");
  EXPECT_EQ(taken_words(verdict(kXdpNative, 4)),
            "The XDP program p (id 7) on the interface sent it elsewhere (XDP_REDIRECT).");
  EXPECT_EQ(taken_words(verdict(kClsBpf, 4)),
            "The tc program p (id 7) on the interface kept it or sent it elsewhere "
            "(TC_ACT_STOLEN).");
}

}  // namespace
}  // namespace tracepkt::explain
