#include "journey/drop_groups.h"

#include <gtest/gtest.h>

#include <optional>

#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::echo;
using testing::event;

class DropGroupsTest : public ::testing::Test {
 protected:
  static decode::Event drop(std::uint64_t time_ns, std::uint32_t reason, std::uint32_t netns = 1,
                            std::uint64_t socket = 0) {
    decode::Event event = testing::event({.packet_id = time_ns,
                                          .time_ns = time_ns,
                                          .stage = STAGE_drop,
                                          .netns = netns,
                                          .last = true},
                                         echo(false, 1, 2, 7, static_cast<std::uint16_t>(time_ns)));
    event.drop =
        decode::Drop{.reason = reason, .has_reason = true, .location = 0x10, .socket = socket};
    return event;
  }

  DropGroups make(std::size_t max_groups = DropGroups::kMaxGroups) {
    return DropGroups(
        names_,
        [](std::uint64_t inode) {
          return inode == 0
                     ? std::optional<Process>()
                     : Process{.pid = static_cast<std::uint32_t>(inode / 10), .name = "curl"};
        },
        [this](const DropInfo& drop, const decode::Packet& packet) {
          return !drop.taken && !(packet.icmp && packet.icmp->seq == harmless_seq_);
        },
        max_groups);
  }

  testing::FakeNames names_;
  std::optional<std::uint16_t> harmless_seq_;
};

TEST_F(DropGroupsTest, TheSameKindIsOneGroupWithItsFirstPacketAsSample) {
  DropGroups groups = make();
  groups.add(drop(1, 2));
  groups.add(drop(5, 2));
  groups.add(drop(3, 2));
  ASSERT_EQ(groups.groups().size(), 1u);
  const DropGroup& group = groups.groups().front();
  EXPECT_EQ(group.count, 3u);
  EXPECT_EQ(group.bytes, 3u * 84);
  EXPECT_EQ(group.last_ns, 5u);
  EXPECT_EQ(group.sample.begin_ns(), 1u);
  EXPECT_EQ(group.sample.packet.icmp->seq, 1);
  EXPECT_EQ(group.sample.outcome.kind, OutcomeKind::kDropped);
  EXPECT_EQ(group.sample.outcome.drop->reason, "REASON_2");
  EXPECT_FALSE(group.process);
}

TEST_F(DropGroupsTest, ReasonNamespaceAndProcessTellKindsApart) {
  DropGroups groups = make();
  groups.add(drop(1, 2));
  groups.add(drop(2, 3));
  groups.add(drop(3, 2, 2));
  groups.add(drop(4, 2, 2, 110));
  groups.add(drop(5, 2, 2, 111));  // another socket of that process
  groups.add(drop(6, 2, 2, 120));
  ASSERT_EQ(groups.groups().size(), 5u);
  EXPECT_EQ(groups.groups()[3].count, 2u);
  EXPECT_EQ(groups.groups()[3].process->pid, 11u);
  EXPECT_EQ(groups.groups()[4].id, 5u);
}

TEST_F(DropGroupsTest, WhatIsNoFaultIsAKindOfItsOwn) {
  DropGroups groups = make();
  harmless_seq_ = 1;
  groups.add(drop(1, 2));
  groups.add(drop(2, 2));
  groups.add(drop(3, 2));
  ASSERT_EQ(groups.groups().size(), 2u);
  EXPECT_TRUE(groups.groups()[0].harmless);
  EXPECT_EQ(groups.groups()[0].count, 1u);
  EXPECT_FALSE(groups.groups()[1].harmless);
  EXPECT_EQ(groups.groups()[1].count, 2u);
}

// The end of an ordinary connection, see false_drops_test.cpp.
TEST_F(DropGroupsTest, WhatWasTakenIsNoFault) {
  names_.reasons[2] = "NOT_SPECIFIED";
  names_.symbols[0x10] = "tcp_v4_rcv+0x30";
  DropGroups groups = make();
  decode::Event event = drop(1, 2);
  event.packet = decode::Packet{.protocol = 6, .has_ports = true, .tcp_flags = 0x11};
  groups.add(event);
  ASSERT_EQ(groups.groups().size(), 1u);
  EXPECT_TRUE(groups.groups()[0].harmless);
  EXPECT_EQ(groups.groups()[0].sample.outcome.kind, OutcomeKind::kDropped);
  EXPECT_TRUE(groups.groups()[0].sample.outcome.drop->taken);
}

TEST_F(DropGroupsTest, WhatIsNoDropIsLeftOut) {
  DropGroups groups = make();
  EXPECT_EQ(groups.add(event({}, echo(false, 1, 2, 7, 1))), nullptr);
  EXPECT_EQ(groups.drops(), 0u);
}

TEST_F(DropGroupsTest, KindsAreBoundedAndTheRestIsCounted) {
  DropGroups groups = make(2);
  for (std::uint32_t reason = 1; reason <= 5; ++reason) {
    groups.add(drop(reason, reason));
  }
  groups.add(drop(9, 1));
  EXPECT_EQ(groups.groups().size(), 2u);
  EXPECT_EQ(groups.drops(), 6u);
  EXPECT_EQ(groups.others(), 3u);
  EXPECT_EQ(groups.groups()[0].count, 2u);
}

TEST_F(DropGroupsTest, AnIntervalCountsAnew) {
  DropGroups groups = make();
  groups.add(drop(1, 2));
  groups.begin_interval();
  EXPECT_EQ(groups.groups()[0].fresh(), 0u);
  groups.add(drop(2, 2));
  EXPECT_EQ(groups.groups()[0].fresh(), 1u);
  EXPECT_EQ(groups.groups()[0].count, 2u);
}

}  // namespace
}  // namespace tracepkt::journey
