#include "journey/assemble.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::echo;
using testing::event;
using testing::way;

using Assemble = testing::AssembleTest;

TEST_F(Assemble, OrderIsByTimeNotByArrival) {
  const Journey journey =
      run({event({.time_ns = 30, .stage = STAGE_rx, .netns = 2}, packet_),
           event({.time_ns = 10, .device = "br0"}, packet_),
           event({.time_ns = 20, .ifindex = 2, .device = "veth0"}, packet_),
           event({.time_ns = 40, .stage = STAGE_in, .netns = 2}, packet_),
           event({.time_ns = 50, .stage = STAGE_end, .netns = 2, .last = true})});
  EXPECT_EQ(way(journey),
            "host br0 tx | host veth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2 eth0 deliver");
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDelivered);
  EXPECT_EQ(journey.outcome.netns.name, "ns2");
  EXPECT_EQ(journey.duration_ns(), 40u);
}

// Such as the reset of a REJECT: on no device, of no socket, until a chain tells the namespace.
TEST_F(Assemble, WhatTheKernelMadeIsWhereAFirewallSawIt) {
  auto chain =
      event({.time_ns = 2, .stage = STAGE_netfilter, .netns = 3, .ifindex = 0, .device = ""});
  chain.netfilter = decode::Netfilter{.table = "f", .chain = "o"};
  const Journey journey = run(
      {event({.time_ns = 1, .stage = STAGE_out, .netns = 0, .ifindex = 0, .device = ""}, packet_),
       chain,
       event({.time_ns = 3, .stage = STAGE_drop, .netns = 0, .ifindex = 0, .device = ""},
             packet_)});
  EXPECT_EQ(way(journey), "ns3  out | ns3  netfilter | ns3  drop");
}

TEST_F(Assemble, ACrossingSeenByTwoHooksIsOneHop) {
  const Journey journey = run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                               event({.time_ns = 2, .stage = STAGE_rx}, packet_),
                               event({.time_ns = 3, .stage = STAGE_in}, packet_)});
  EXPECT_EQ(way(journey), "host eth0 rx | host eth0 in | host eth0 deliver");
}

TEST_F(Assemble, ComingBackToAnInterfaceIsAnotherCrossing) {
  const Journey journey = run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                               event({.time_ns = 2, .stage = STAGE_tx}, packet_),
                               event({.time_ns = 3, .stage = STAGE_rx}, packet_)});
  EXPECT_EQ(way(journey), "host eth0 rx | host eth0 tx | host eth0 rx");
}

TEST_F(Assemble, TheInterfaceThatNoHookSeesIsInferred) {
  // A macvlan interface takes its packets over from the one below it.
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx, .ifindex = 2, .device = "eth0"}, packet_),
           event({.time_ns = 5,
                  .stage = STAGE_end,
                  .netns = 2,
                  .ifindex = 9,
                  .device = "mv0",
                  .iif = 9,
                  .last = true})});
  EXPECT_EQ(way(journey), "host eth0 rx | ns2 mv0 rx");
  EXPECT_TRUE(journey.hops[1].inferred);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kConsumed);
}

TEST_F(Assemble, WhatIsMirroredOnTheWayOutDidNotComeInByThat) {
  const auto tx = [&](std::uint64_t time_ns, std::uint32_t ifindex, std::uint32_t iif) {
    return event({.time_ns = time_ns,
                  .ifindex = ifindex,
                  .device = "r" + std::to_string(ifindex),
                  .iif = iif},
                 packet_);
  };
  const decode::Event rx =
      event({.time_ns = 1, .stage = STAGE_rx, .ifindex = 1, .device = "r1", .iif = 1}, packet_);
  EXPECT_EQ(way(run({rx, tx(2, 3, 2), tx(3, 2, 1)})), "host r1 rx | host r3 tx | host r2 tx");
  EXPECT_EQ(way(run({rx, tx(2, 3, 2)})), "host r1 rx | host  rx | host r3 tx") << "of a VLAN, say";
}

TEST_F(Assemble, WhatADeviceAboveReceivesWasReceivedBelowBefore) {
  // MACsec: nobody knows it for the same there.
  const Journey journey = run(
      {event({.time_ns = 1, .netns = 2, .ifindex = 3, .device = "ms0"}, packet_),
       event({.time_ns = 4, .stage = STAGE_rx, .ifindex = 3, .device = "ms0"}, packet_),
       event({.time_ns = 5, .stage = STAGE_in, .ifindex = 3, .device = "ms0", .iif = 2}, packet_)});
  EXPECT_EQ(way(journey), "ns2 ms0 tx | host  rx | host ms0 rx | host ms0 in | host ms0 deliver");
  EXPECT_EQ(journey.hops[1].device.index, 2);
}

TEST_F(Assemble, WhoTakesWhatArrivedUnseenHadItInTheIpLayer) {
  auto read = event(
      {.time_ns = 5, .stage = STAGE_deliver, .netns = 2, .ifindex = 0, .device = "", .iif = 9},
      packet_);
  read.socket = decode::Socket{.family = AF_INET, .type = SOCK_RAW, .protocol = 1, .pid = 42};
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx, .ifindex = 2}, packet_), read});
  EXPECT_EQ(way(journey), "host eth0 rx | ns2  rx | ns2  in | ns2  deliver");
  EXPECT_TRUE(journey.hops[2].inferred);
}

TEST_F(Assemble, WhoReadsAPartOfWhatGroMergedReadsItWhereThatCameIn) {
  // It has neither a device nor a socket (udp_rcv_segment).
  auto read = event(
      {.time_ns = 5, .stage = STAGE_deliver, .netns = 0, .ifindex = 0, .device = "", .iif = 9},
      packet_);
  read.socket = decode::Socket{.pid = 42};
  const Journey journey = run(
      {event({.time_ns = 1, .stage = STAGE_rx, .netns = 2, .ifindex = 9, .device = "b0"}, packet_),
       event({.time_ns = 2, .stage = STAGE_in, .netns = 2, .ifindex = 9, .device = "b0"}, packet_),
       read});
  EXPECT_EQ(way(journey), "ns2 b0 rx | ns2 b0 in | ns2 b0 deliver");
}

TEST_F(Assemble, TheCopyThatThisMachineHasOfABroadcastComesBeforeItGoesOut) {
  // Who sent it is told with its first interface, and put before all.
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
           event({.time_ns = 2, .stage = STAGE_in}, packet_), event({.time_ns = 3}, packet_),
           event({.time_ns = 3, .stage = STAGE_out, .ifindex = 0, .device = ""}),
           event({.time_ns = 4, .stage = STAGE_rx, .netns = 2}, packet_)});
  EXPECT_EQ(way(journey), "host  out | host eth0 rx | host eth0 in | host eth0 tx | ns2 eth0 rx");
  EXPECT_TRUE(journey.hops[1].looped);
  EXPECT_FALSE(journey.hops[4].looped);
}

TEST_F(Assemble, WhatComesBackByTheInterfaceThatSentItWasSentBack) {
  // By a generic XDP program whose verdict is not known.
  const auto rx = [&](std::uint64_t time_ns, std::uint32_t netns) {
    return event({.time_ns = time_ns, .stage = STAGE_rx, .netns = netns}, packet_);
  };
  const decode::Event sent = event({.time_ns = 1}, packet_);
  const decode::Event in = event({.time_ns = 3, .stage = STAGE_in, .netns = 2}, packet_);
  decode::Event dropped = event({.time_ns = 5, .stage = STAGE_drop, .last = true}, packet_);
  dropped.drop = decode::Drop{};
  const Journey journey = run({sent, rx(2, 2), in, rx(4, 1), dropped});
  EXPECT_EQ(way(journey),
            "host eth0 tx | ns2 eth0 rx | ns2 eth0 tx | host eth0 rx | host eth0 drop");
  EXPECT_TRUE(journey.hops[2].inferred);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDropped);
  EXPECT_EQ(way(run({sent, rx(2, 2), in, rx(4, 3)})),
            "host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns3 eth0 rx | ns2 eth0 deliver")
      << "another copy";
}

TEST_F(Assemble, TheDeviceOfAVrfHasItsName) {
  auto route = event({.time_ns = 3, .stage = STAGE_route, .ifindex = 0, .device = ""});
  route.route = decode::Route{.table = 10, .vrf = {.bytes = {'b', 'l', 'u', 'e'}}};
  auto waited = event({.time_ns = 4, .stage = STAGE_neigh, .ifindex = 2, .device = "eth1"});
  waited.note = decode::Neighbour{.state = 2, .asked_ns = 4, .told_ns = 5};
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx, .iif = 1}, packet_), route, waited,
           event({.time_ns = 5, .ifindex = 2, .device = "eth1", .iif = 9}, packet_)});
  EXPECT_EQ(way(journey),
            "host eth0 rx | host blue rx | host  route | host eth1 neigh | host eth1 tx");
}

TEST_F(Assemble, ARouteIsADecisionAndNoPlace) {
  const auto route = [](std::uint64_t time_ns, std::uint32_t netns) {
    decode::Event at = event(
        {.time_ns = time_ns, .stage = STAGE_route, .netns = netns, .ifindex = 0, .device = ""});
    at.route = decode::Route{.table = 254};
    return at;
  };
  // It is told after the hook that follows it, and the answer sets out while the packet is there.
  std::vector<decode::Event> events = {
      event({.time_ns = 20}, packet_), route(10, 1),
      event({.time_ns = 30, .stage = STAGE_rx, .netns = 2}, packet_),
      event({.time_ns = 40, .stage = STAGE_in, .netns = 2}, packet_), route(50, 2)};
  Journey journey;
  assemble(events,
           {.names = names_, .ending = Ending::kSeen, .answered_in_netns = 2, .answered_ns = 60},
           journey);
  EXPECT_EQ(
      way(journey),
      "host  route | host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2  route | ns2 eth0 deliver");
  ASSERT_TRUE(journey.hops[0].route);
  EXPECT_EQ(journey.hops[0].route->table, 254u);
}

TEST_F(Assemble, WhatIsLookedUpAfterAPacketWasReadIsAnotherPackets) {
  auto route = event({.time_ns = 35, .stage = STAGE_route, .ifindex = 0, .device = ""});
  route.route = decode::Route{.table = 254};
  auto reads = event({.time_ns = 30, .stage = STAGE_deliver}, packet_);
  reads.socket = decode::Socket{.family = AF_INET, .type = SOCK_RAW, .protocol = 1, .pid = 42};
  const auto way_with = [&](std::uint64_t time_ns) {
    route.time_ns = time_ns;
    return way(run({event({.time_ns = 10, .stage = STAGE_rx}, packet_),
                    event({.time_ns = 20, .stage = STAGE_in}, packet_), reads, route,
                    event({.time_ns = 40, .stage = STAGE_end, .last = true})}));
  };
  EXPECT_EQ(way_with(25), "host eth0 rx | host eth0 in | host  route | host eth0 deliver");
  EXPECT_EQ(way_with(35), "host eth0 rx | host eth0 in | host eth0 deliver");
  EXPECT_EQ(way_with(45), "host eth0 rx | host eth0 in | host eth0 deliver");
}

TEST_F(Assemble, WhatIsLookedUpForTheErrorAboutAPacketIsNotItsRoute) {
  const auto route = [](std::uint64_t time_ns) {
    auto event_of = event({.time_ns = time_ns, .stage = STAGE_route, .ifindex = 0, .device = ""});
    event_of.route = decode::Route{.table = 254};
    return event_of;
  };
  const auto out = event({.time_ns = 10, .stage = STAGE_out}, packet_);
  const auto error = event({.time_ns = 30, .stage = STAGE_icmp});
  auto drop = event({.time_ns = 40, .stage = STAGE_drop, .last = true}, packet_);
  drop.drop = decode::Drop{};
  EXPECT_EQ(way(run({out, route(20), error, route(35), drop})),
            "host eth0 out | host  route | host eth0 icmp | host eth0 drop");
  EXPECT_EQ(way(run({out, error, route(35), drop})),
            "host eth0 out | host eth0 icmp | host  route | host eth0 drop")
      << "the only one is of the same tables";
}

TEST_F(Assemble, ARouteThatWasLookedUpIsNotKeptAsWell) {
  auto asked = event({.time_ns = 5, .stage = STAGE_route, .ifindex = 0, .device = ""});
  asked.route = decode::Route{.table = 254};
  auto kept = event({.time_ns = 20, .stage = STAGE_route, .ifindex = 0, .device = ""});
  kept.route = decode::Route{.kept = true};
  EXPECT_EQ(way(run({asked, event({.time_ns = 20}, packet_), kept})), "host  route | host eth0 tx");
}

// A chain that is through, or a rule in it.
decode::Event chain_event(std::uint64_t time_ns, netfilter_kind kind, std::int32_t verdict,
                          std::uint64_t rule = 0) {
  decode::Event one =
      event({.time_ns = time_ns, .stage = STAGE_netfilter, .netns = 2, .ifindex = 3});
  one.netfilter = decode::Netfilter{
      .kind = kind, .verdict = verdict, .rule = rule, .table = "guard", .chain = "in"};
  return one;
}

TEST_F(Assemble, RulesBelongToTheChainThatIsThroughAfterThem) {
  names_.rules[7] = "udp drop";
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx, .netns = 2, .ifindex = 3}, packet_),
           chain_event(2, NETFILTER_RULE, -1, 6), chain_event(3, NETFILTER_POLICY, 1),
           chain_event(4, NETFILTER_CHAIN, 1), chain_event(5, NETFILTER_RULE, 0, 7),
           chain_event(6, NETFILTER_CHAIN, 0),
           event({.time_ns = 7, .stage = STAGE_drop, .netns = 2, .ifindex = 3, .last = true},
                 packet_)});
  ASSERT_EQ(journey.hops.size(), 4u);
  EXPECT_TRUE(journey.hops[1].chain->by_policy);
  EXPECT_EQ(journey.hops[1].chain->rules.size(), 1u);
  EXPECT_FALSE(journey.hops[2].chain->by_policy);
  ASSERT_NE(journey.hops[2].chain->decisive(), nullptr);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDropped);
  ASSERT_TRUE(journey.outcome.chain);
  EXPECT_EQ(journey.outcome.chain->decisive()->text, "udp drop");
}

TEST_F(Assemble, AChainThatDroppedACopyBeforeIsNotBlamed) {
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx, .netns = 2, .ifindex = 3}, packet_),
           chain_event(2, NETFILTER_CHAIN, 0),
           event({.time_ns = 3, .stage = STAGE_rx, .netns = 2, .ifindex = 4}, packet_),
           chain_event(4, NETFILTER_CHAIN, 1),
           event({.time_ns = 5, .stage = STAGE_drop, .netns = 2, .ifindex = 4, .last = true},
                 packet_)});
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDropped);
  EXPECT_FALSE(journey.outcome.chain);
}

TEST(Owner, IsReadAsItIsWritten) {
  EXPECT_EQ(owner_text(std::nullopt), "");
  for (const Process& process :
       {Process{.pid = 12, .name = "a b"}, Process{.pid = 1, .name = ""}}) {
    const auto again = process_of(owner_text(process));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->pid, process.pid);
    EXPECT_EQ(again->name, process.name);
  }
  for (const char* text : {"", " ", "12", "x y", "12x y", "99999999999 y"}) {
    EXPECT_FALSE(process_of(text)) << text;
  }
}

TEST_F(Assemble, NatIsWhatIsOtherThanBefore) {
  const decode::Packet& before = packet_;
  decode::Packet after = echo(false, 9, 2, 7, 1);
  Journey journey = run(
      {event({.time_ns = 1, .stage = STAGE_rx, .netns = 2, .ifindex = 3}, before),
       event({.time_ns = 2, .stage = STAGE_tx, .netns = 2, .ifindex = 4, .last = true}, after)});
  ASSERT_EQ(journey.hops.size(), 3u);
  EXPECT_EQ(journey.hops[1].stage, STAGE_nat);
  EXPECT_EQ(journey.hops[1].nat->from.src, before.src);
  EXPECT_EQ(journey.hops[1].nat->to.src, after.src);

  // In a tunnel it is another packet.
  after.len += 20;
  journey = run(
      {event({.time_ns = 1, .stage = STAGE_rx, .netns = 2, .ifindex = 3}, before),
       event({.time_ns = 2, .stage = STAGE_tx, .netns = 2, .ifindex = 4, .last = true}, after)});
  EXPECT_EQ(journey.hops.size(), 2u);
}

TEST_F(Assemble, WhatIsDroppedWasTranslatedBeforeWhatLedToThat) {
  const decode::Packet after = echo(false, 9, 2, 7, 1);
  const auto dropped = [&](stage_id stage) {
    return run({event({.time_ns = 1, .stage = STAGE_in, .netns = 2, .ifindex = 3}, packet_),
                event({.time_ns = 2, .stage = stage, .netns = 2, .ifindex = 4}),
                event({.time_ns = 3, .stage = STAGE_drop, .netns = 2, .ifindex = 4}, after)});
  };
  const Journey refused = dropped(STAGE_icmp);
  EXPECT_EQ(way(refused), "ns2 eth0 in | ns2  nat | ns2 eth0 icmp | ns2 eth0 drop");
  EXPECT_EQ(refused.hops[1].time_ns, 2u);
  EXPECT_EQ(refused.hops[1].nat->to.src, after.src);
  // Where it was to go was known after its destination was changed, and before its source was.
  EXPECT_EQ(way(dropped(STAGE_route)), "ns2 eth0 in | ns2 eth0 route | ns2  nat | ns2 eth0 drop");
}

TEST_F(Assemble, AnInferredArrivalWasBeforeTheRouteThatWasLookedUpThere) {
  decode::Event route =
      event({.time_ns = 20, .stage = STAGE_route, .netns = 2, .ifindex = 0, .device = ""});
  route.route = decode::Route{.table = 255};
  decode::Event read = event(
      {.time_ns = 30, .stage = STAGE_deliver, .netns = 2, .ifindex = 5, .device = "m1", .iif = 5},
      packet_);
  read.socket = decode::Socket{.pid = 7};
  const Journey journey = run({event({.time_ns = 10, .stage = STAGE_rx}, packet_), route, read});
  EXPECT_EQ(way(journey), "host eth0 rx | ns2 m1 rx | ns2 m1 in | ns2  route | ns2 m1 deliver");
}

TEST_F(Assemble, AnInferredArrivalWasBeforeTheErrorThatItIsAnsweredWith) {
  decode::Event route =
      event({.time_ns = 20, .stage = STAGE_route, .netns = 2, .ifindex = 0, .device = ""});
  route.route = decode::Route{.table = 10};
  decode::Event dropped = event(
      {.time_ns = 30, .stage = STAGE_drop, .netns = 2, .ifindex = 5, .device = "red", .iif = 5});
  dropped.drop = decode::Drop{};
  const Journey journey =
      run({event({.time_ns = 10, .stage = STAGE_rx, .netns = 2}, packet_),
           event({.time_ns = 11, .stage = STAGE_in, .netns = 2}, packet_), route,
           event({.time_ns = 25, .stage = STAGE_icmp, .netns = 2, .ifindex = 5, .device = "red"}),
           dropped});
  EXPECT_EQ(way(journey),
            "ns2 eth0 rx | ns2 eth0 in | ns2 red rx | ns2  route | ns2 red icmp | ns2 red drop");
}

TEST_F(Assemble, WhatAnIfbGivesBackDoesNotArriveByIt) {
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
           event({.time_ns = 2, .stage = STAGE_tx, .ifindex = 9, .device = "ifb0"}, packet_),
           event({.time_ns = 3, .stage = STAGE_rx}, packet_),
           event({.time_ns = 4, .stage = STAGE_in, .iif = 9}, packet_)});
  EXPECT_EQ(way(journey),
            "host eth0 rx | host ifb0 tx | host eth0 rx | host eth0 in | host eth0 deliver");
}

TEST_F(Assemble, WhatAnIfbGivesBackIsNoDuplicate) {
  const auto in = [&](std::uint64_t time_ns, std::uint32_t from) {
    return event({.time_ns = time_ns, .stage = STAGE_in, .iif = from}, packet_);
  };
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx}, packet_), in(2, 0),
           event({.time_ns = 3, .stage = STAGE_tx, .ifindex = 9, .device = "ifb0"}, packet_),
           event({.time_ns = 4, .stage = STAGE_rx, .iif = 9}, packet_), in(5, 9)});
  EXPECT_EQ(way(journey),
            "host eth0 rx | host ifb0 tx | host eth0 rx | host eth0 in | host eth0 deliver");
  EXPECT_FALSE(journey.hops[3].duplicate);
}

TEST_F(Assemble, AnErrorAboutATunnelsPacketThatIsReadDropsNothing) {
  names_.symbols[0xabc] = "ip4ip6_err+0x258";
  names_.reasons[2] = "NOT_SPECIFIED";
  auto read = event({.time_ns = 9, .stage = STAGE_drop, .netns = 1}, packet_);
  read.drop = decode::Drop{.reason = 2, .has_reason = true, .location = 0xabc};
  const Journey journey =
      run({event({.time_ns = 1}, packet_),
           event({.time_ns = 2, .stage = STAGE_rx, .netns = 2}, packet_),
           event({.time_ns = 3, .stage = STAGE_in, .netns = 2}, packet_), read});
  EXPECT_NE(journey.outcome.kind, OutcomeKind::kDropped);
  // Where it was not seen to come to the tunnel's other end, too.
  EXPECT_EQ(run({event({.time_ns = 1}, packet_), read}).outcome.kind, OutcomeKind::kLeft);
}

TEST_F(Assemble, ItIsAnsweredWhereItCameInNotWhereACopyWasSent) {
  std::vector<decode::Event> events = {
      event({.time_ns = 1, .stage = STAGE_rx, .netns = 2}, packet_),
      event({.time_ns = 2, .stage = STAGE_in, .netns = 2}, packet_),
      event({.time_ns = 3, .netns = 2, .ifindex = 5, .device = "eth1"}, packet_)};
  Journey journey;
  assemble(events,
           {.names = names_, .ending = Ending::kSeen, .answered_in_netns = 2, .answered_ns = 9},
           journey);
  EXPECT_EQ(journey.outcome.device.name.view(), "eth0");

  // A VLAN interface takes it over from the one below: nothing tells of that but where it ends.
  events = {event({.time_ns = 1}, packet_),
            event({.time_ns = 2, .stage = STAGE_rx, .netns = 2}, packet_),
            event({.time_ns = 3, .stage = STAGE_in, .netns = 2}, packet_),
            event({.time_ns = 5,
                   .stage = STAGE_end,
                   .netns = 2,
                   .ifindex = 9,
                   .device = "eth0.5",
                   .iif = 9,
                   .last = true})};
  assemble(events,
           {.names = names_, .ending = Ending::kSeen, .answered_in_netns = 2, .answered_ns = 9},
           journey);
  EXPECT_EQ(journey.outcome.device.name.view(), "eth0.5");
}

TEST_F(Assemble, WhatAFirewallsHookDropsWhileConntrackIsFull) {
  struct Full : testing::FakeNames {
    bool is_conntrack_full(std::uint32_t inode) override { return inode == 2; }
  } names;
  names.symbols[7] = "nf_hook_slow+0xaa";
  const auto dropped = [&](std::uint32_t netns, std::uint64_t location) {
    decode::Event drop = event({.time_ns = 40, .stage = STAGE_drop, .netns = netns}, packet_);
    drop.drop = decode::Drop{.location = location};
    std::vector<decode::Event> events = {drop};
    Journey journey;
    assemble(events, {.names = names}, journey);
    return journey.outcome.conntrack_full;
  };
  EXPECT_TRUE(dropped(2, 7));
  EXPECT_FALSE(dropped(1, 7));
  EXPECT_FALSE(dropped(2, 8));
}

TEST_F(Assemble, ATableWithoutAWayIsToldWhereNoOtherHadOne) {
  const auto looked_up = [](std::uint64_t time_ns, std::uint32_t netns, int error) {
    decode::Event at = event(
        {.time_ns = time_ns, .stage = STAGE_route, .netns = netns, .ifindex = 0, .device = ""});
    at.route = decode::Route{.family = 2, .table = 254, .error = error};
    return at;
  };
  decode::Event dropped = event({.time_ns = 40, .stage = STAGE_drop, .netns = 2}, packet_);
  dropped.drop = decode::Drop{};
  const auto with = [&](const decode::Event& first, const decode::Event& second) {
    return way(run(
        {event({.time_ns = 20, .stage = STAGE_in, .netns = 2}, packet_), first, second, dropped}));
  };
  const std::string one = "ns2 eth0 in | ns2  route | ns2 eth0 drop";
  EXPECT_EQ(with(looked_up(25, 2, -EAGAIN), looked_up(26, 2, 0)), one);
  const std::string both = "ns2 eth0 in | ns2  route | ns2  route | ns2 eth0 drop";
  EXPECT_EQ(with(looked_up(25, 2, 0), looked_up(26, 2, -ENETUNREACH)), both);
  EXPECT_EQ(with(looked_up(25, 2, -EAGAIN), looked_up(26, 2, -ENETUNREACH)), both);
  EXPECT_EQ(with(looked_up(25, 2, 0), looked_up(26, 2, 0)), one);
}

TEST_F(Assemble, ALookupFromBeforeAPacketCameInIsAnotherPackets) {
  const auto looked_up = [](std::uint64_t time_ns, std::uint32_t netns, std::uint8_t type) {
    decode::Event at = event(
        {.time_ns = time_ns, .stage = STAGE_route, .netns = netns, .ifindex = 0, .device = ""});
    at.route = decode::Route{.table = 255, .type = type};
    return at;
  };
  decode::Event dropped = event({.time_ns = 40, .stage = STAGE_drop, .netns = 2}, packet_);
  dropped.drop = decode::Drop{};
  const auto with = [&](const decode::Event& route) {
    return run({route, event({.time_ns = 10}, packet_),
                event({.time_ns = 20, .stage = STAGE_rx, .netns = 2}, packet_),
                event({.time_ns = 30, .stage = STAGE_in, .netns = 2}, packet_), dropped});
  };
  const Journey journey = with(looked_up(1, 2, RTN_LOCAL));
  EXPECT_EQ(way(journey), "host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2 eth0 drop");
  EXPECT_EQ(journey.duration_ns(), 30u);
  EXPECT_EQ(way(with(looked_up(35, 2, RTN_LOCAL))),
            "host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2  route | ns2 eth0 drop");
  // Where it is made, that is before it is seen; a broadcast is made and comes in in one place.
  EXPECT_EQ(with(looked_up(1, 1, RTN_UNICAST)).hops.front().stage, STAGE_route);
  EXPECT_EQ(with(looked_up(1, 2, RTN_BROADCAST)).hops.front().stage, STAGE_route);
}

TEST_F(Assemble, NoEventsNoHops) {
  const Journey journey = run({});
  EXPECT_TRUE(journey.hops.empty());
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kLost);
  EXPECT_EQ(journey.duration_ns(), 0u);
}

}  // namespace
}  // namespace tracepkt::journey
