// What became of a packet, from all that was told of it.
#include "journey/outcome.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "journey/assemble.h"
#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::echo;
using testing::event;
using testing::way;

using Outcomes = testing::AssembleTest;

TEST_F(Outcomes, TheLoopedCopyOfAMulticastDoesNotDecide) {
  packet_.dst = {.family = 4, .bytes = {224, 0, 0, 1}};
  for (const std::uint64_t sent_at : {1u, 5u, 10u}) {
    auto refused = event({.time_ns = 8, .stage = STAGE_drop}, packet_);
    refused.drop = decode::Drop{};
    const Journey journey = run({event({.time_ns = 2, .stage = STAGE_rx}, packet_),
                                 event({.time_ns = 4, .stage = STAGE_in}, packet_), refused,
                                 event({.time_ns = sent_at}, packet_),
                                 event({.time_ns = 12, .stage = STAGE_end, .last = true})});
    EXPECT_EQ(journey.outcome.kind, OutcomeKind::kLeft) << sent_at;
  }
}

TEST_F(Outcomes, WhatWaitsForItsNextHopBehindADeviceHasNotLeft) {
  // An ipvlan in mode l3 asks the routing tables of the interface below.
  decode::Event waits = event({.time_ns = 3, .stage = STAGE_neigh, .netns = 2});
  waits.note = decode::Neighbour{.state = 1, .asked_ns = 3, .told_ns = 4};
  Journey journey = run({event({.time_ns = 1}, packet_), waits}, Ending::kSilent);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kLost);
  EXPECT_EQ(journey.outcome.netns.inode, 2);
  waits.note = decode::Neighbour{.state = 2, .asked_ns = 3, .told_ns = 4};
  journey = run({event({.time_ns = 1}, packet_), waits}, Ending::kSilent);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kLeft);
}

TEST_F(Outcomes, SentByADeviceIsLeft) {
  const Journey journey = run(
      {event({.time_ns = 1}, packet_), event({.time_ns = 9, .stage = STAGE_end, .last = true})});
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kLeft);
  EXPECT_EQ(journey.outcome.device.name.view(), "eth0");
  EXPECT_TRUE(journey.outcome.seen);
}

TEST_F(Outcomes, WhatIsCutForAnotherDeviceIsSentByThat) {
  const auto sent_by = [&](decode::Event freed) {
    return run({event({.time_ns = 1, .ifindex = 5, .device = "vx0"}, packet_), freed})
        .outcome.sent_by.index;
  };
  EXPECT_EQ(sent_by(event({.time_ns = 9, .stage = STAGE_end, .ifindex = 2, .last = true})), 2u);
  EXPECT_EQ(sent_by(event(
                {.time_ns = 9, .stage = STAGE_end, .ifindex = 5, .device = "vx0", .last = true})),
            0u);
  // A copy that came to the other end of a cable.
  EXPECT_EQ(
      sent_by(event({.time_ns = 9, .stage = STAGE_end, .netns = 2, .ifindex = 2, .last = true})),
      0u);
}

TEST_F(Outcomes, WhatCameInAnotherPacketIsJudgedByItself) {
  decode::Packet outer = packet_;
  outer.protocol = IPPROTO_ESP;
  outer.len = packet_.len + 36;
  const decode::Event came = event({.time_ns = 1, .stage = STAGE_rx}, outer);
  const decode::Event taken = event({.time_ns = 2, .stage = STAGE_in}, outer);
  const decode::Event unpacked = event({.time_ns = 3, .stage = STAGE_in}, packet_);
  const decode::Event end = event({.time_ns = 4, .stage = STAGE_end, .last = true});
  EXPECT_EQ(run({came, taken, unpacked, end}).outcome.kind, OutcomeKind::kDelivered);
  // What was inside is not seen everywhere.
  EXPECT_EQ(run({came, taken, end}).outcome.kind, OutcomeKind::kDelivered);
}

TEST_F(Outcomes, AFloodedRequestForALinkAddressIsNotLostWithTheBridgesOwnCopy) {
  packet_ = {.ethertype = 0x0806, .len = 28, .arp = decode::Arp{.op = 1}};
  auto own_copy = event({.time_ns = 9, .stage = STAGE_drop, .last = true}, packet_);
  own_copy.drop = decode::Drop{};
  const decode::Event came = event({.time_ns = 1, .stage = STAGE_rx}, packet_);
  const decode::Event sent = event({.time_ns = 2, .ifindex = 2, .device = "vb"}, packet_);
  const decode::Event received = event({.time_ns = 3, .stage = STAGE_rx, .netns = 2}, packet_);
  const Outcome outcome = run({came, sent, received, own_copy}).outcome;
  EXPECT_EQ(outcome.kind, OutcomeKind::kConsumed);
  EXPECT_EQ(outcome.netns.inode, 2u);
  EXPECT_EQ(run({came, own_copy}).outcome.kind, OutcomeKind::kDropped);
}

TEST_F(Outcomes, WhatARouterCutsIsSentByWhatItWasToGoOutBy) {
  const auto outcome = [&](decode::Event freed) {
    freed.time_ns = 9;
    freed.stage = STAGE_end;
    freed.last = true;
    return run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                event({.time_ns = 2, .stage = STAGE_in}, packet_), freed})
        .outcome;
  };
  const Outcome cut = outcome(event({.ifindex = 2, .device = "eth1", .iif = 1}));
  EXPECT_EQ(cut.kind, OutcomeKind::kLeft);
  EXPECT_EQ(cut.device.name.view(), "eth1");
  EXPECT_EQ(cut.sent_by.index, 2u);
  EXPECT_EQ(outcome(event({.iif = 1})).kind, OutcomeKind::kDelivered);
  // The device of a VRF takes over what comes in by one of its own.
  EXPECT_EQ(outcome(event({.ifindex = 3, .device = "red", .iif = 3})).kind,
            OutcomeKind::kDelivered);
  // A SYN ACK that SYNPROXY takes: no link is too narrow for that.
  packet_.len = 60;
  EXPECT_EQ(outcome(event({.ifindex = 2, .device = "eth1", .iif = 1})).kind,
            OutcomeKind::kDelivered);
}

TEST_F(Outcomes, SilenceIsSaidToBeSilence) {
  EXPECT_FALSE(run({event({.time_ns = 1}, packet_)}, Ending::kSilent).outcome.seen);
  EXPECT_EQ(run({event({.time_ns = 1}, packet_)}, Ending::kSilent).outcome.kind,
            OutcomeKind::kLeft);
  EXPECT_EQ(run({event({.stage = STAGE_rx}, packet_)}, Ending::kSilent).outcome.kind,
            OutcomeKind::kLost);
  // In a router's IP layer it may wait for a neighbour; that is no delivery.
  EXPECT_EQ(
      run({event({.stage = STAGE_rx}, packet_), event({.time_ns = 1, .stage = STAGE_in}, packet_)},
          Ending::kSilent)
          .outcome.kind,
      OutcomeKind::kLost);
  // Sockets free what they have read without any hook.
  packet_.protocol = 17;
  packet_.icmp.reset();
  packet_.has_ports = true;
  const Journey udp =
      run({event({.stage = STAGE_rx}, packet_), event({.time_ns = 1, .stage = STAGE_in}, packet_)},
          Ending::kSilent);
  EXPECT_EQ(udp.outcome.kind, OutcomeKind::kConsumed);
  EXPECT_FALSE(udp.outcome.seen);
}

TEST_F(Outcomes, WhatIsInAQueueWaitsThereUntilItIsSeenToHaveLeftIt) {
  const auto queue = [&](std::uint64_t time_ns, bool waits, std::uint32_t ifindex = 1) {
    decode::Event told = event({.time_ns = time_ns, .stage = STAGE_qdisc, .ifindex = ifindex});
    told.note = decode::Queue{.handle = 0x70000, .waits = waits};
    return told;
  };
  const decode::Event sent = event({.time_ns = 1}, packet_);
  const Journey waiting = run({sent, queue(2, true)}, Ending::kSilent);
  EXPECT_EQ(waiting.outcome.kind, OutcomeKind::kLeft);
  EXPECT_NE(waiting_queue(waiting), nullptr);
  EXPECT_EQ(way(waiting), "host eth0 tx | host eth0 qdisc");
  EXPECT_NE(waiting_queue(run({sent, queue(2, true), event({.time_ns = 3, .ifindex = 2}, packet_),
                               queue(4, true, 2)},
                              Ending::kSilent)),
            nullptr)
      << "another copy elsewhere";
  const Journey left = run({sent, queue(2, true), queue(3, false)}, Ending::kSilent);
  EXPECT_EQ(waiting_queue(left), nullptr);
  EXPECT_EQ(way(left), "host eth0 tx | host eth0 qdisc");
  EXPECT_EQ(left.hops.back().queued_ns, 2u);
  const Journey received =
      run({sent, queue(2, true), event({.time_ns = 3, .stage = STAGE_rx, .netns = 2}, packet_)},
          Ending::kSilent);
  EXPECT_EQ(way(received), "host eth0 tx | ns2 eth0 rx");
  // Its end tells more than that nothing was seen to take it out of there.
  const Journey freed =
      run({sent, queue(2, true), event({.time_ns = 3, .stage = STAGE_end, .last = true})});
  EXPECT_EQ(waiting_queue(freed), nullptr);
  EXPECT_EQ(way(freed), "host eth0 tx");
}

TEST_F(Outcomes, WhatGroTakesAndNobodyHearsOfAgainIsAPartOfAnotherSegment) {
  packet_.protocol = 6;
  packet_.icmp.reset();
  packet_.has_ports = true;
  decode::Event received = event({.stage = STAGE_rx}, packet_);
  const auto outcome = [&](std::initializer_list<decode::Event> events) {
    return run(events, Ending::kSilent).outcome;
  };
  received.hook = HOOK_napi_gro_receive_entry;
  EXPECT_TRUE(outcome({received}).merged) << "for a macvlan: what is not, is told by TCP";
  received.packet->protocol = 17;
  EXPECT_EQ(outcome({received}).kind, OutcomeKind::kLost) << "and nobody tells of UDP";
  received.packet->protocol = 6;
  received.hook = HOOK_netif_rx;
  EXPECT_EQ(outcome({received}).kind, OutcomeKind::kLost) << "it did not come to GRO";
  received.hook = HOOK_napi_gro_receive_entry;
  received.to_ip = true;
  EXPECT_EQ(outcome({received}).kind, OutcomeKind::kConsumed);
  EXPECT_TRUE(outcome({received}).merged);
  EXPECT_FALSE(outcome({received}).seen);
  EXPECT_FALSE(run({received}, Ending::kCut).outcome.merged) << "silence tells nothing there";
  EXPECT_FALSE(outcome({received, event({.time_ns = 1, .stage = STAGE_in}, packet_)}).merged);
  EXPECT_EQ(outcome({received, event({.time_ns = 1}, packet_)}).kind, OutcomeKind::kLeft);
  received.packet->tcp_data = 0;
  EXPECT_EQ(outcome({received}).kind, OutcomeKind::kLost) << "nor an acknowledgement alone";
  received.packet->tcp_data = 100;
  received.packet->tcp_flags = TH_SYN;
  EXPECT_EQ(outcome({received}).kind, OutcomeKind::kLost) << "nor what opens a connection";
  received.packet->tcp_flags = TH_RST | TH_ACK;
  EXPECT_EQ(outcome({received}).kind, OutcomeKind::kLost) << "nor what resets one";
  received.packet->protocol = 47;
  EXPECT_TRUE(outcome({received}).merged) << "by what is in the tunnel";
  received.packet->first_fragment = true;
  EXPECT_EQ(outcome({received}).kind, OutcomeKind::kLost);
  received.packet = echo(false, 1, 2, 7, 1);
  EXPECT_EQ(outcome({received}).kind, OutcomeKind::kLost) << "GRO merges no echoes";
}

TEST_F(Outcomes, WhatAMacvlanTookUnseenIsDeliveredWhereItCameToItsConnection) {
  packet_.protocol = 6;
  packet_.icmp.reset();
  packet_.has_ports = true;
  decode::Event received =
      event({.stage = STAGE_rx, .netns = 1, .ifindex = 2, .device = "eth0"}, packet_);
  received.hook = HOOK_napi_gro_receive_entry;
  decode::Event arrived =
      event({.time_ns = 5, .stage = STAGE_tcp, .netns = 3, .ifindex = 0, .iif = 9});
  arrived.note = decode::TcpNote{.kind = decode::TcpNote::Kind::kArrived};
  arrived.socket = decode::Socket{.pid = 7};
  const Journey journey = run({received, arrived}, Ending::kSilent);
  EXPECT_EQ(way(journey), "host eth0 rx | ns3  rx | ns3  in | ns3  deliver");
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDelivered);
  EXPECT_FALSE(journey.outcome.merged);
}

TEST_F(Outcomes, DataThatIsAnsweredWithAResetIsForAClosedConnection) {
  packet_.protocol = 6;
  packet_.icmp.reset();
  packet_.has_ports = true;
  packet_.tcp_data = 3;
  decode::Event reset = event({.time_ns = 4, .stage = STAGE_tcp, .netns = 2}, packet_);
  reset.note = decode::TcpNote{.kind = decode::TcpNote::Kind::kResetSent};
  const auto journey = [&] {
    return run({event({.time_ns = 1}, packet_),
                event({.time_ns = 2, .stage = STAGE_rx, .netns = 2}, packet_),
                event({.time_ns = 3, .stage = STAGE_in, .netns = 2}, packet_), reset,
                event({.time_ns = 5, .stage = STAGE_end, .netns = 2, .last = true})});
  };
  const Journey refused = journey();
  EXPECT_EQ(refused.outcome.kind, OutcomeKind::kConsumed);
  EXPECT_TRUE(refused.outcome.closed);
  packet_.tcp_data = 0;
  EXPECT_FALSE(journey().outcome.closed) << "nothing is lost";
  packet_.tcp_data = 3;
  reset.note = {};
  EXPECT_FALSE(journey().outcome.closed);
}

TEST_F(Outcomes, OfAPacketThatAQueueDuplicatedOneMayBeDropped) {
  packet_.protocol = 6;
  packet_.icmp.reset();
  packet_.has_ports = true;
  const auto in = [&](std::uint64_t time_ns) {
    return event({.time_ns = time_ns, .stage = STAGE_in, .netns = 2}, packet_);
  };
  const auto dropped = [&](std::uint64_t time_ns) {
    decode::Event drop = event({.time_ns = time_ns, .stage = STAGE_drop, .netns = 2}, packet_);
    drop.drop = decode::Drop{};
    return drop;
  };
  const decode::Event sent = event({.time_ns = 1}, packet_);
  const decode::Event received = event({.time_ns = 2, .stage = STAGE_rx, .netns = 2}, packet_);
  decode::Event arrived = event({.time_ns = 5, .stage = STAGE_tcp, .netns = 2, .ifindex = 0});
  arrived.note = decode::TcpNote{.kind = decode::TcpNote::Kind::kArrived};
  arrived.socket = decode::Socket{.pid = 7};
  const Journey one = run({sent, received, in(3), in(4), arrived, dropped(6)});
  EXPECT_EQ(one.outcome.kind, OutcomeKind::kDelivered);
  EXPECT_FALSE(one.hops[2].duplicate);
  EXPECT_TRUE(one.hops[3].duplicate);
  EXPECT_EQ(run({sent, received, in(3), dropped(4), in(5), dropped(6)}).outcome.kind,
            OutcomeKind::kDropped);
  // In a circle it comes by with a smaller TTL.
  const decode::Event first = in(3);
  --packet_.ttl;
  EXPECT_FALSE(run({sent, received, first, in(4)}).hops[3].duplicate);
}

TEST_F(Outcomes, WhereTheFileEndsNothingIsConcludedFromSilence) {
  packet_.protocol = 17;
  packet_.icmp.reset();
  packet_.has_ports = true;
  const Outcome sent = run({event({.time_ns = 1}, packet_)}, Ending::kCut).outcome;
  EXPECT_EQ(sent.kind, OutcomeKind::kLost);
  EXPECT_TRUE(sent.cut);
  EXPECT_FALSE(sent.seen);
  EXPECT_EQ(sent.netns.inode, 1u);
  const decode::Event in = event({.time_ns = 1, .stage = STAGE_in}, packet_);
  EXPECT_EQ(run({event({.stage = STAGE_rx}, packet_), in}, Ending::kCut).outcome.kind,
            OutcomeKind::kLost);
  // What was told before is as good as ever.
  decode::Event drop = event({.time_ns = 2, .stage = STAGE_drop}, packet_);
  drop.drop = decode::Drop{};
  EXPECT_EQ(run({event({.stage = STAGE_rx}, packet_), drop}, Ending::kCut).outcome.kind,
            OutcomeKind::kDropped);
  decode::Event read = event({.time_ns = 2, .stage = STAGE_deliver}, packet_);
  read.socket = decode::Socket{.pid = 7};
  EXPECT_EQ(run({event({.stage = STAGE_rx}, packet_), in, read}, Ending::kCut).outcome.kind,
            OutcomeKind::kDelivered);
}

TEST_F(Outcomes, DropTellsReasonAndFunction) {
  auto drop = event({.time_ns = 5, .stage = STAGE_drop, .netns = 2, .last = true}, packet_);
  drop.drop = decode::Drop{.reason = 8, .has_reason = true, .location = 0x1234};
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx, .netns = 2}, packet_), drop});
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDropped);
  ASSERT_TRUE(journey.outcome.drop);
  EXPECT_EQ(journey.outcome.drop->reason, "REASON_8");
  EXPECT_EQ(journey.outcome.drop->function, "function+0x1");
  // A kernel before 5.17 gives none, and none is made up.
  drop.drop->has_reason = false;
  EXPECT_EQ(run({drop}).outcome.drop->reason, "");
}

TEST_F(Outcomes, OlderKernelsFreeWhatIcmpv6TookAsIfItWereDropped) {
  names_.symbols[0x1234] = "icmpv6_rcv+0x25d";
  decode::Packet packet = echo(false, 1, 2, 7, 1);
  packet.protocol = 58;
  auto freed = event({.time_ns = 5, .stage = STAGE_drop, .netns = 2, .last = true}, packet);
  freed.drop = decode::Drop{.reason = 0, .has_reason = false, .location = 0x1234};
  const auto events = [&] {
    return std::vector{event({.time_ns = 1, .stage = STAGE_rx, .netns = 2}, packet),
                       event({.time_ns = 3, .stage = STAGE_in, .netns = 2}, packet), freed};
  };
  const Journey taken = run(events());
  EXPECT_EQ(way(taken), "ns2 eth0 rx | ns2 eth0 in | ns2 eth0 deliver");
  EXPECT_EQ(taken.outcome.kind, OutcomeKind::kDelivered);
  // Where there is a reason, it is believed.
  freed.drop->has_reason = true;
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDropped);
  names_.reasons[0] = "NOT_SPECIFIED";
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDelivered);
}

TEST_F(Outcomes, ARawSocketsCopyIsNoDrop) {
  auto refused = event({.time_ns = 4, .stage = STAGE_drop}, packet_);
  refused.drop = decode::Drop{.reason = 3, .has_reason = true, .location = 1};
  auto read = event({.time_ns = 6, .stage = STAGE_deliver, .ifindex = 0, .device = "", .iif = 1});
  read.socket = decode::Socket{.family = AF_INET, .type = SOCK_RAW, .protocol = 1, .pid = 42};
  const Journey journey = run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                               event({.time_ns = 2, .stage = STAGE_in}, packet_), refused, read,
                               event({.time_ns = 7, .stage = STAGE_end, .last = true})});
  EXPECT_EQ(way(journey), "host eth0 rx | host eth0 in | host eth0 deliver");
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDelivered);
  EXPECT_EQ(journey.outcome.socket->pid, 42u);
}

TEST_F(Outcomes, ACopyThatASocketRefusesDecidesNothingWhileAnotherHoldsThePacket) {
  names_.reasons[3] = "NO_SOCKET";
  auto refused = event({.time_ns = 4, .stage = STAGE_drop}, packet_);
  refused.drop = decode::Drop{.reason = 3, .has_reason = true, .location = 1};
  const auto events = [&] {
    return std::vector{event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                       event({.time_ns = 2, .stage = STAGE_in}, packet_), refused};
  };
  const Journey held = run(events(), Ending::kSilent);
  EXPECT_EQ(way(held), "host eth0 rx | host eth0 in");
  EXPECT_FALSE(held.outcome.seen);
  EXPECT_NE(held.outcome.kind, OutcomeKind::kDropped);
  // It tells the name of a VLAN's interface, which no hook saw.
  auto vlan = event({.time_ns = 4, .stage = STAGE_drop, .ifindex = 9, .device = "eth0.5", .iif = 9},
                    packet_);
  vlan.drop = refused.drop;
  EXPECT_EQ(way(run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                     event({.time_ns = 2, .stage = STAGE_in}, packet_), vlan},
                    Ending::kSilent)),
            "host eth0 rx | host eth0 in | host eth0.5 rx");
  // The last one's refusal, and what a firewall does.
  refused.last = true;
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDropped);
  refused.last = false;
  names_.reasons[3] = "NETFILTER_DROP";
  EXPECT_EQ(run(events(), Ending::kSilent).outcome.kind, OutcomeKind::kDropped);
}

TEST_F(Outcomes, WhatASocketTookAndFreesWhenItIsClosedIsNoDrop) {
  packet_.protocol = 6;
  packet_.icmp.reset();
  packet_.has_ports = true;
  names_.reasons[8] = "QUEUE_PURGE";
  auto freed =
      event({.time_ns = 4, .stage = STAGE_drop, .ifindex = 0, .device = "", .last = true}, packet_);
  freed.drop = decode::Drop{.reason = 8, .has_reason = true, .location = 1};
  const auto events = [&] {
    return std::vector{event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                       event({.time_ns = 2, .stage = STAGE_in}, packet_), freed};
  };
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kConsumed);
  EXPECT_TRUE(run(events()).outcome.seen);
  EXPECT_EQ(way(run(events())), "host eth0 rx | host eth0 in");
  names_.reasons[8] = "TCP_INVALID_SEQUENCE";
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDropped);
  // TIME_WAIT gives no reason; without any reasons it could be a port that nobody listens at.
  names_.reasons[8] = "NOT_SPECIFIED";
  names_.symbols[1] = "tcp_v4_rcv+0x30";
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kConsumed);
  freed.drop->has_reason = false;
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDropped);
  names_.symbols[1] = "sk_stream_kill_queues.cold+0x30";
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kConsumed);
}

TEST_F(Outcomes, AnAcknowledgementToAHalfClosedConnectionIsNotDropped) {
  names_.reasons[2] = "NOT_SPECIFIED";
  names_.symbols[1] = "tcp_rcv_state_process+0x1c1";
  packet_.icmp.reset();
  packet_.protocol = 6;
  const auto outcome = [&](std::uint8_t flags) {
    packet_.tcp_flags = flags;
    auto freed = event(
        {.time_ns = 3, .stage = STAGE_drop, .ifindex = 0, .device = "", .last = true}, packet_);
    freed.drop = decode::Drop{.reason = 2, .has_reason = true, .location = 1};
    return run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                event({.time_ns = 2, .stage = STAGE_in}, packet_), freed})
        .outcome.kind;
  };
  EXPECT_EQ(outcome(0x10), OutcomeKind::kConsumed);
  EXPECT_EQ(outcome(0x12), OutcomeKind::kDropped);
}

TEST_F(Outcomes, LaterFragmentsAreFreedWithTheReassembledPacket) {
  names_.reasons[2] = "NOT_SPECIFIED";
  packet_.icmp.reset();
  packet_.later_fragment = true;
  auto freed = event(
      {.time_ns = 4, .stage = STAGE_drop, .netns = 0, .ifindex = 0, .device = "", .last = true},
      packet_);
  freed.drop = decode::Drop{.reason = 2, .has_reason = true, .location = 1};
  const auto events = [&] {
    return std::vector{event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                       event({.time_ns = 2, .stage = STAGE_in}, packet_), freed};
  };
  EXPECT_EQ(way(run(events())), "host eth0 rx | host eth0 in | host eth0 deliver");
  names_.reasons[2] = "FRAG_REASM_TIMEOUT";
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDropped);
}

TEST_F(Outcomes, ALaterFragmentThatWaitsForTheOthersWasTakenIn) {
  packet_.icmp.reset();
  packet_.later_fragment = true;
  const auto in = event({.time_ns = 2, .stage = STAGE_in}, packet_);
  const Outcome taken =
      run({event({.time_ns = 1, .stage = STAGE_rx}, packet_), in}, Ending::kSilent).outcome;
  EXPECT_EQ(taken.kind, OutcomeKind::kConsumed);
  EXPECT_FALSE(taken.seen);
}

TEST_F(Outcomes, AnIcmpErrorThatASocketKeptHasDoneItsWork) {
  packet_.icmp = decode::Icmp{.type = 3, .code = 3};
  names_.reasons[8] = "QUEUE_PURGE";
  auto freed = event({.time_ns = 4, .stage = STAGE_drop, .last = true}, packet_);
  freed.drop = decode::Drop{.reason = 8, .has_reason = true, .location = 1};
  const auto events = [&] {
    return std::vector{event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                       event({.time_ns = 2, .stage = STAGE_in}, packet_), freed};
  };
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDelivered);
  EXPECT_EQ(way(run(events())), "host eth0 rx | host eth0 in | host eth0 deliver");
  // Without a reason (before 5.17), by the function.
  freed.drop->has_reason = false;
  names_.symbols[1] = "skb_queue_purge+0x30";
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDelivered);
  names_.symbols[1] = "nf_hook_slow+0x30";
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDropped);
  // An answer that nobody read is another thing.
  packet_.icmp = decode::Icmp{.type = 0};
  freed.packet = packet_;
  freed.drop->has_reason = true;
  EXPECT_EQ(run(events()).outcome.kind, OutcomeKind::kDropped);
}

TEST_F(Outcomes, AnsweredMeansDeliveredWhateverBecameOfCopies) {
  auto other = event({.time_ns = 9, .stage = STAGE_drop, .netns = 3, .last = true}, packet_);
  other.drop = decode::Drop{};
  Journey journey;
  std::vector events = {event({.time_ns = 1}, packet_),
                        event({.time_ns = 3, .stage = STAGE_rx, .netns = 2}, packet_), other};
  assemble(events,
           {.names = names_, .ending = Ending::kSeen, .answered_in_netns = 2, .answered_ns = 5},
           journey);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDelivered);
  EXPECT_EQ(journey.outcome.netns.name, "ns2");
}

TEST_F(Outcomes, AnArrivalThatOnlyTheEndTellsWasBeforeTheAnswer) {
  Journey journey;
  std::vector events = {event({.time_ns = 1, .stage = STAGE_rx, .ifindex = 2}, packet_),
                        event({.time_ns = 9,
                               .stage = STAGE_end,
                               .netns = 2,
                               .ifindex = 9,
                               .device = "mv0",
                               .iif = 9,
                               .last = true})};
  assemble(events,
           {.names = names_, .ending = Ending::kSeen, .answered_in_netns = 2, .answered_ns = 5},
           journey);
  EXPECT_EQ(way(journey), "host eth0 rx | ns2 mv0 rx | ns2 mv0 in | ns2 mv0 deliver");
  EXPECT_TRUE(std::ranges::is_sorted(journey.hops, {}, &Hop::time_ns));
}

TEST_F(Outcomes, WhatSetOutBeforeThePacketCameIsNoAnswerToIt) {
  Journey journey;
  std::vector events = {event({.time_ns = 8}, packet_),
                        event({.time_ns = 9, .stage = STAGE_rx, .netns = 2}, packet_)};
  assemble(events,
           {.names = names_, .ending = Ending::kSilent, .answered_in_netns = 2, .answered_ns = 5},
           journey);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kLost);
  EXPECT_EQ(journey.duration_ns(), 1u);
}

TEST_F(Outcomes, WhatAnXdpProgramTakesFirst) {
  struct WithProgram : testing::FakeNames {
    std::string programs(std::uint32_t netns, std::uint32_t ifindex, ProgramPlace place) override {
      return netns == 2 && ifindex == 1 && place == ProgramPlace::kXdp ? "xdpdrv 7 0 0 bounce" : "";
    }
  } names;
  // Its receiver has copied it, and no hook has seen the copy.
  std::vector events = {event({.time_ns = 8}, packet_),
                        event({.time_ns = 9, .stage = STAGE_end, .netns = 2, .iif = 1})};
  const auto run = [&] {
    Journey journey;
    std::vector copy = events;
    assemble(copy, {.names = names, .ending = Ending::kSilent}, journey);
    return journey;
  };
  const Journey gone = run();
  EXPECT_EQ(way(gone), "host eth0 tx | ns2 eth0 rx");
  EXPECT_EQ(gone.outcome.kind, OutcomeKind::kLost);
  ASSERT_TRUE(gone.outcome.programs);
  EXPECT_EQ(gone.outcome.programs->attached.front().name, "bounce");

  events.push_back(event({.time_ns = 10, .stage = STAGE_rx, .netns = 2, .iif = 1}, packet_));
  EXPECT_EQ(way(run()), "host eth0 tx | ns2 eth0 rx");
  events.push_back(event({.time_ns = 11, .stage = STAGE_in, .netns = 2, .iif = 1}, packet_));
  EXPECT_EQ(way(run()), "host eth0 tx | ns2 eth0 rx | ns2 eth0 in");
  EXPECT_FALSE(run().outcome.programs);
}

}  // namespace
}  // namespace tracepkt::journey
