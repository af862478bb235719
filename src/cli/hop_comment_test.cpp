#include "cli/hop_comment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace tracepkt::cli {
namespace {

using journey::Hop;

Hop hop(stage_id stage, const std::string& netns = "web", const std::string& device = "eth0") {
  Hop hop{.netns = {.inode = 7, .name = netns}, .device = {.index = 2}, .stage = stage};
  std::memcpy(hop.device.name.bytes.data(), device.data(),
              std::min<std::size_t>(device.size(), 15));
  hop.packet = decode::Packet{.ethertype = 0x0806, .len = 28};
  return hop;
}

Hop without_packet(Hop hop) {
  hop.packet.reset();
  return hop;
}

Hop dropped(Hop hop) {
  hop.drop = journey::DropInfo{.reason = "NO_SOCKET"};
  return hop;
}

TEST(HopComment, SaysWhereWhatAndWhichPacket) {
  EXPECT_EQ(hop_comment(hop(STAGE_tx)), "web eth0 tx: arp, 28 bytes");
  EXPECT_EQ(hop_comment(dropped(hop(STAGE_drop))), "web eth0 drop: NO_SOCKET; arp, 28 bytes");
  EXPECT_EQ(hop_comment(without_packet(hop(STAGE_rx))), "web eth0 rx");
  // What is told ends the same way whatever follows.
  EXPECT_EQ(hop_comment(without_packet(dropped(hop(STAGE_drop)))), "web eth0 drop: NO_SOCKET;");
}

TEST(HopComment, WhatIsNotKnownYetIsNotSaid) {
  EXPECT_EQ(hop_comment(hop(STAGE_deliver)), "web eth0 deliver: arp, 28 bytes");
  Hop read = hop(STAGE_deliver);
  read.socket = decode::Socket{.pid = 12};
  std::memcpy(read.socket->comm.bytes.data(), "a; b", 4);
  EXPECT_EQ(hop_comment(read), "web eth0 deliver: read by a; b (12); arp, 28 bytes");
}

TEST(HopComment, ANamespaceWithoutANameIsItsInode) {
  Hop on_none = hop(STAGE_tx, "");
  on_none.device = {};
  EXPECT_EQ(hop_comment(on_none), "7 - tx: arp, 28 bytes");
}

TEST(HopComment, NoNameCanBeTakenForTheRest) {
  EXPECT_EQ(hop_comment(without_packet(hop(STAGE_tx, "a b", "-"))), R"("a b" "-" tx)");
  EXPECT_EQ(hop_comment(without_packet(hop(STAGE_tx, "x\" eth0 drop: y", ""))),
            R"("x\x22 eth0 drop: y" "" tx)");
  EXPECT_EQ(hop_comment(without_packet(hop(STAGE_tx, "#1", "e\n0"))), R"("#1" e\x0a0 tx)");
}

}  // namespace
}  // namespace tracepkt::cli
