#include "journey/false_drops.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>
#include <vector>

#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::event;

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;

// Each looked at alone, as `tracepkt drops` does.
class FalseDropsTest : public ::testing::Test {
 protected:
  bool is_end(const std::string& function, const std::string& reason, const decode::Packet& packet,
              std::uint32_t ifindex = 0) {
    names_.symbols[1] = function + "+0x30";
    names_.reasons[8] = reason;
    decode::Event dropped =
        event({.stage = STAGE_drop, .ifindex = ifindex, .device = "", .last = true}, packet);
    dropped.drop = decode::Drop{.reason = 8, .has_reason = !reason.empty(), .location = 1};
    const std::vector<Hop> no_way;
    return FalseDrops(no_way, names_).is_end(dropped);
  }

  static decode::Packet segment(std::uint8_t flags, std::uint32_t data = 0) {
    decode::Packet packet{.ethertype = 0x0800, .protocol = IPPROTO_TCP, .has_ports = true};
    packet.tcp_flags = flags;
    packet.tcp_data = data;
    return packet;
  }

  class Names : public testing::FakeNames {
   public:
    bool has_connection(const SocketPlace&) override { return connected; }
    bool connected = false;
  };
  Names names_;
};

// A capture keeps what is asked for, and `drops -r` counts these.
TEST_F(FalseDropsTest, WhereACopyWasRefusedIsAskedForInAnyCase) {
  class Asked : public testing::FakeNames {
   public:
    std::string symbol(std::uint64_t address) override {
      asked = address;
      return FakeNames::symbol(address);
    }
    std::uint64_t asked = 0;
  };
  Asked names;
  names.reasons[8] = "NO_SOCKET";
  decode::Event refused = event({.stage = STAGE_drop}, testing::echo(true, 1, 2, 7, 1));
  refused.drop = decode::Drop{.reason = 8, .has_reason = true, .location = 77};
  const std::vector<Hop> way = {{.stage = STAGE_in}};
  EXPECT_TRUE(FalseDrops(way, names).is_refusal(refused));
  EXPECT_EQ(names.asked, 77u);
}

TEST_F(FalseDropsTest, TheEndOfAConnection) {
  EXPECT_TRUE(is_end("tcp_v4_rcv", "NOT_SPECIFIED", segment(kFin | kAck), 2));
  EXPECT_TRUE(is_end("tcp_rcv_state_process", "NOT_SPECIFIED", segment(kAck)));
  EXPECT_FALSE(is_end("tcp_rcv_state_process", "NOT_SPECIFIED", segment(kAck | 0x08, 5)));
  EXPECT_FALSE(is_end("tcp_v4_rcv", "NO_SOCKET", segment(kAck), 2));
  EXPECT_FALSE(is_end("tcp_v4_rcv", "", segment(kAck), 2));  // any cause, before 5.17
}

// TCP drops what was sent to another link address, or is cut short, with no other words.
TEST_F(FalseDropsTest, WhatTcpDoesNotTake) {
  EXPECT_FALSE(is_end("tcp_v4_rcv", "NOT_SPECIFIED", segment(kSyn), 2));
  decode::Packet packet = segment(kAck);
  packet.tcp_cut = true;
  EXPECT_FALSE(is_end("tcp_v4_rcv", "NOT_SPECIFIED", packet, 2));
  packet = segment(kAck);
  packet.dst = {.family = 4, .bytes = {224, 0, 0, 9}};
  EXPECT_FALSE(is_end("tcp_v4_rcv", "NOT_SPECIFIED", packet, 2));
  names_.connected = true;  // it is repeated, and its answer, too
  EXPECT_TRUE(is_end("tcp_v4_rcv", "NOT_SPECIFIED", segment(kSyn), 2));
}

TEST_F(FalseDropsTest, AFinInTheQueueOfASocketThatIsClosed) {
  EXPECT_TRUE(is_end("sk_stream_kill_queues", "QUEUE_PURGE", segment(kFin | kAck)));
  EXPECT_TRUE(is_end("sk_stream_kill_queues", "", segment(kFin | kAck)));
  EXPECT_FALSE(is_end("sk_stream_kill_queues", "QUEUE_PURGE", segment(kFin | kAck, 5)));
  EXPECT_FALSE(is_end("sk_stream_kill_queues", "QUEUE_PURGE", segment(kAck, 5)));
  EXPECT_FALSE(is_end("skb_queue_purge_reason", "QUEUE_PURGE", segment(kFin | kAck)));
}

TEST_F(FalseDropsTest, WhatHangsOnAnotherPacketGoesWithThat) {
  EXPECT_TRUE(is_end("skb_release_data", "NOT_SPECIFIED", segment(kAck, 1448), 2));
  EXPECT_FALSE(is_end("skb_release_data", "NO_SOCKET", segment(kAck, 1448), 2));
  decode::Packet fragment = segment(0);
  fragment.later_fragment = true;  // on an interface: a router put it in pieces again, and failed
  EXPECT_FALSE(is_end("skb_release_data", "NOT_SPECIFIED", fragment, 2));
}

TEST_F(FalseDropsTest, OlderKernelsFreeSoWhatTheyTakeOfIcmpv6) {
  decode::Packet advertisement{.ethertype = 0x86dd, .protocol = IPPROTO_ICMPV6};
  EXPECT_TRUE(is_end("icmpv6_rcv", "NOT_SPECIFIED", advertisement, 2));
  EXPECT_FALSE(is_end("icmpv6_rcv", "ICMP_CSUM", advertisement, 2));
}

}  // namespace
}  // namespace tracepkt::journey
