#include "journey/tunnels.h"

#include <gtest/gtest.h>

#include "journey/assemble.h"
#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::echo;
using testing::event;

decode::Packet outer(std::uint8_t protocol, std::uint32_t len) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = protocol, .ttl = 64, .len = len};
  packet.src = testing::ip(101);
  packet.dst = testing::ip(102);
  return packet;
}

// "tx vxlan0 | tunnel vxlan0 into | tx eth0"
std::string way(const std::vector<Hop>& hops) {
  std::string text;
  for (const Hop& hop : hops) {
    text += (text.empty() ? "" : " | ") + std::string(decode::stage_name(hop.stage)) + ' ' +
            std::string(hop.device.name.view());
    if (hop.tunnel) {
      text += hop.tunnel->into ? " into" : " out of";
    }
  }
  return text;
}

Journey run(std::vector<decode::Event> events) {
  testing::FakeNames names;
  Journey journey;
  assemble(events, {.names = names, .ending = Ending::kSeen}, journey);
  return journey;
}

TEST(Tunnels, IntoAndOutOf) {
  const decode::Packet inner = echo(false, 1, 2, 7, 1);  // 84 bytes
  decode::Event route = event({.time_ns = 2, .stage = STAGE_route, .ifindex = 0, .device = ""});
  route.route = decode::Route{.table = 254};
  const Journey journey =
      run({event({.time_ns = 1, .ifindex = 2, .device = "vxlan0"}, inner), route,
           event({.time_ns = 3, .device = "eth0"}, outer(17, 134)),
           event({.time_ns = 4, .stage = STAGE_rx, .netns = 2, .device = "eth0"}, outer(17, 134)),
           event({.time_ns = 5, .stage = STAGE_rx, .netns = 2, .ifindex = 2, .device = "vxlan0"},
                 inner)});
  EXPECT_EQ(way(journey.hops),
            "tx vxlan0 | tunnel vxlan0 into | route  | tx eth0 | rx eth0 | tunnel vxlan0 out of | "
            "rx vxlan0");
  EXPECT_EQ(journey.hops[1].tunnel->overhead, 50u);
  EXPECT_EQ(journey.hops[1].tunnel->outer.dst, testing::ip(102));
  EXPECT_EQ(journey.hops[1].packet->dst, testing::ip(102));  // as it is from there on
  EXPECT_EQ(journey.hops[5].packet->dst, inner.dst);
  EXPECT_EQ(journey.hops[5].netns.inode, 2u);
  std::uint64_t before = 0;
  for (const Hop& hop : journey.hops) {
    EXPECT_GE(hop.time_ns, before);
    before = hop.time_ns;
  }
}

TEST(Tunnels, OutOfFragments) {
  const decode::Packet inner = echo(false, 1, 2, 7, 1);  // 84 bytes
  decode::Packet first = outer(17, 84);
  first.first_fragment = true;
  const decode::Event taken_in =
      event({.time_ns = 1, .stage = STAGE_in, .netns = 2, .device = "eth0"}, first);
  const decode::Event inside =
      event({.time_ns = 2, .stage = STAGE_rx, .netns = 2, .ifindex = 2, .device = "vxlan0"}, inner);
  const Journey journey = run({taken_in, inside});
  EXPECT_EQ(way(journey.hops), "in eth0 | tunnel vxlan0 out of | rx vxlan0");
  EXPECT_EQ(journey.hops[1].tunnel->overhead, 0u);
  EXPECT_EQ(journey.hops[1].tunnel->outer.dst, testing::ip(102));
  // All of it was in that one.
  EXPECT_EQ(way(run({event({.time_ns = 1, .stage = STAGE_in, .netns = 2, .device = "eth0"},
                           outer(17, 84)),
                     inside})
                    .hops),
            "in eth0 | rx vxlan0");
  // What is put together of fragments, and then dropped, is no tunnel's.
  decode::Packet whole = outer(17, 84);
  whole.src = testing::ip(9);
  EXPECT_EQ(way(run({taken_in, event({.time_ns = 2, .stage = STAGE_drop, .netns = 2}, whole)}).hops)
                .find("tunnel"),
            std::string::npos);
}

// IPsec, transport mode: the addresses stay, and the decrypted packet goes from IP to IP.
TEST(Tunnels, EncryptedOnItsWay) {
  const decode::Packet inner = echo(false, 101, 102, 7, 1);
  decode::Event route = event({.time_ns = 1, .stage = STAGE_route, .ifindex = 0, .device = ""});
  route.route = decode::Route{.table = 254};
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_out, .ifindex = 0, .device = ""}, inner), route,
           event({.time_ns = 2, .device = "eth0"}, outer(50, 120)),
           event({.time_ns = 3, .stage = STAGE_rx, .netns = 2, .device = "eth0"}, outer(50, 120)),
           event({.time_ns = 4, .stage = STAGE_in, .netns = 2, .device = "eth0"}, outer(50, 120)),
           event({.time_ns = 5, .stage = STAGE_in, .netns = 2, .device = "eth0"}, inner)});
  EXPECT_EQ(
      way(journey.hops),
      "out  | route  | tunnel  into | tx eth0 | rx eth0 | in eth0 | tunnel eth0 out of | in eth0 | "
      "deliver eth0");
}

// What is known already is told once more where it is about to be encrypted.
TEST(Tunnels, EncryptedBehindWhatItCameBy) {
  const decode::Packet inner = echo(false, 1, 2, 7, 1);
  decode::Event route = event({.time_ns = 2, .stage = STAGE_route, .ifindex = 0, .device = ""});
  route.route = decode::Route{.table = 254};
  decode::Event another = route;
  another.time_ns = 4;
  const decode::Event begins = event({.time_ns = 3, .stage = STAGE_tunnel}, inner);
  const auto came = [&] {
    return std::vector{event({.time_ns = 1, .stage = STAGE_in, .device = "eth0"}, inner), route,
                       begins};
  };
  auto events = came();
  events.push_back(another);
  events.push_back(event({.time_ns = 5, .ifindex = 2, .device = "eth1"}, outer(50, 140)));
  EXPECT_EQ(way(run(events).hops), "in eth0 | route  | tunnel eth0 into | route  | tx eth1");
  // It was not.
  EXPECT_EQ(way(run(came()).hops), "in eth0 | route ");
}

TEST(Tunnels, NatIsNone) {
  decode::Packet from = outer(17, 134);
  decode::Packet to = from;
  to.src = testing::ip(9);
  const Journey journey =
      run({event({.time_ns = 1, .ifindex = 2}, from), event({.time_ns = 2, .ifindex = 3}, to)});
  EXPECT_EQ(way(journey.hops).find("tunnel"), std::string::npos);
}

TEST(Tunnels, WhatMayCarryWhat) {
  const decode::Packet inner = echo(false, 1, 2, 7, 1);
  for (const int protocol : {4, 41, 47, 17, 50, 51}) {
    EXPECT_TRUE(may_carry(outer(static_cast<std::uint8_t>(protocol), 104), inner)) << protocol;
  }
  EXPECT_FALSE(may_carry(outer(6, 104), inner));
  EXPECT_FALSE(may_carry(outer(4, 103), inner));   // shorter than the header
  EXPECT_FALSE(may_carry(outer(17, 245), inner));  // longer than all headers there are
  EXPECT_FALSE(may_carry(outer(4, 84), inner));
  decode::Packet fragment = outer(17, 134);
  fragment.later_fragment = true;
  EXPECT_FALSE(may_carry(fragment, inner));
  decode::Packet part = inner;  // of a packet too long for the tunnel
  part.later_fragment = true;
  EXPECT_TRUE(may_carry(outer(17, 134), part));
  EXPECT_FALSE(may_carry(fragment, part));
  // A datagram whose payload grew is no tunnel.
  EXPECT_FALSE(may_carry(outer(17, 134), outer(17, 84)));
  decode::Packet arp{.ethertype = 0x0806, .len = 28};
  EXPECT_TRUE(may_carry(outer(17, 78), arp));
  EXPECT_FALSE(may_carry(arp, inner));
}

}  // namespace
}  // namespace tracepkt::journey
