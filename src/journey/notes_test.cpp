// What is told of a packet beside where it is finds its place among the hops.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "journey/assemble.h"
#include "journey/builder.h"
#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using decode::Neighbour;
using decode::TcpNote;
using testing::At;
using testing::event;
using testing::way;

class OwnerNames : public testing::FakeNames {
 public:
  std::string socket_owner(std::uint64_t inode) override { return inode == 7 ? "4711 a name" : ""; }
  std::string reset_reason(std::uint32_t reason) override {
    return "WHY_" + std::to_string(reason);
  }
};

decode::Event noted(const At& at, decode::Note note) {
  decode::Event made = event(at);
  made.note = note;
  return made;
}

decode::Event with_socket(decode::Event made, std::uint32_t pid, std::uint64_t inode) {
  made.socket = decode::Socket{.type = SOCK_STREAM, .protocol = 6, .pid = pid, .inode = inode};
  return made;
}

struct NotesOfAJourney : ::testing::Test {
  Journey run(std::vector<decode::Event> events) {
    Journey journey;
    assemble(events, {.names = names_, .ending = Ending::kSeen}, journey);
    return journey;
  }

  static decode::Packet segment() {
    decode::Packet packet{.ethertype = 0x0800, .protocol = 6, .len = 60, .has_ports = true};
    packet.src = testing::ip(1);
    packet.dst = testing::ip(2);
    return packet;
  }

  OwnerNames names_;
  decode::Packet packet_ = segment();
};

TEST_F(NotesOfAJourney, TheSenderComesFirstThoughItIsToldLater) {
  const Journey journey = run(
      {event({.time_ns = 20}, packet_), event({.time_ns = 10, .stage = STAGE_route}),
       with_socket(event({.time_ns = 20, .stage = STAGE_out, .ifindex = 0, .device = ""}), 5, 6)});
  EXPECT_EQ(way(journey), "host  out | host eth0 route | host eth0 tx");
  EXPECT_EQ(journey.begin_ns(), 10u);
  EXPECT_EQ(journey.hops[0].socket->pid, 5u);
}

TEST_F(NotesOfAJourney, ARouteThatASocketKeepsIsToldBehindTheSender) {
  decode::Event kept = event({.time_ns = 30, .stage = STAGE_route});
  kept.route = decode::Route{.kept = true};
  const Journey journey = run(
      {with_socket(event({.time_ns = 20, .stage = STAGE_out, .ifindex = 0, .device = ""}), 5, 6),
       event({.time_ns = 30}, packet_), kept});
  EXPECT_EQ(way(journey), "host  out | host eth0 route | host eth0 tx");
}

TEST_F(NotesOfAJourney, AProcessThatTheKernelSideDidNotSeeIsLookedUp) {
  const Journey journey = run({event({.time_ns = 20}, packet_),
                               with_socket(event({.time_ns = 20, .stage = STAGE_out}), 0, 7)});
  EXPECT_EQ(journey.hops[0].socket->pid, 4711u);
  EXPECT_EQ(journey.hops[0].socket->comm.view(), "a name");
}

TEST_F(NotesOfAJourney, ARetransmissionIsToldBeforeItLeaves) {
  const Journey journey =
      run({event({.time_ns = 20}, packet_),
           event({.time_ns = 25, .stage = STAGE_rx, .netns = 2}, packet_),
           noted({.time_ns = 30, .stage = STAGE_tcp, .ifindex = 0, .device = ""},
                 TcpNote{.kind = TcpNote::Kind::kRetransmitted})});
  EXPECT_EQ(way(journey), "host  tcp | host eth0 tx | ns2 eth0 rx");
}

TEST_F(NotesOfAJourney, ANeighbourThatOthersWaitedForIsNotOlderThanTheRoute) {
  // Asked for at 5, for another packet; this one was routed at 10, and all of them left at 30.
  const Journey journey = run({event({.time_ns = 10, .stage = STAGE_route}),
                               noted({.time_ns = 5, .stage = STAGE_neigh},
                                     Neighbour{.state = 2, .asked_ns = 5, .told_ns = 29}),
                               event({.time_ns = 30}, packet_)});
  EXPECT_EQ(way(journey), "host eth0 route | host eth0 neigh | host eth0 tx");
  EXPECT_EQ(journey.hops[1].time_ns, 10u);
}

TEST_F(NotesOfAJourney, WhatARouterAskedForBeforeThePacketCameIsNotItsBegin) {
  // Sent again at 20; the router has asked for its neighbour since 5, for the segment before.
  const Journey journey = run(
      {event({.time_ns = 20}, packet_),
       event({.time_ns = 25, .stage = STAGE_rx, .netns = 2}, packet_),
       with_socket(event({.time_ns = 20, .stage = STAGE_out, .ifindex = 0, .device = ""}), 5, 6),
       noted({.time_ns = 21, .stage = STAGE_tcp, .ifindex = 0, .device = ""},
             TcpNote{.kind = TcpNote::Kind::kRetransmitted}),
       noted({.time_ns = 5, .stage = STAGE_neigh, .netns = 2},
             Neighbour{.state = 0x20, .asked_ns = 5, .told_ns = 60}),
       event({.time_ns = 61, .stage = STAGE_drop, .netns = 2, .last = true}, packet_)});
  EXPECT_EQ(way(journey),
            "host  out | host  tcp | host eth0 tx | ns2 eth0 rx | ns2 eth0 neigh | ns2 eth0 drop");
  EXPECT_EQ(journey.begin_ns(), 20u);
  EXPECT_EQ(journey.hops[4].time_ns, 25u);
}

TEST_F(NotesOfAJourney, ATunnelsPacketWaitsBehindTheTunnel) {
  const Journey journey = run({event({.time_ns = 10, .ifindex = 3, .device = "vxlan0"}, packet_),
                               noted({.time_ns = 5, .stage = STAGE_neigh},
                                     Neighbour{.state = 2, .asked_ns = 5, .told_ns = 29}),
                               event({.time_ns = 30}, packet_)});
  EXPECT_EQ(way(journey), "host vxlan0 tx | host eth0 neigh | host eth0 tx");
}

TEST_F(NotesOfAJourney, SinceWhenANeighbourIsAskedForMayNotBeKnown) {
  const auto asked_since = [&](std::uint64_t sent_ns) {
    const Journey journey = run(
        {event({.time_ns = 30}, packet_),
         noted({.time_ns = 29, .stage = STAGE_neigh}, Neighbour{.state = 2, .told_ns = 29}),
         with_socket(event({.time_ns = sent_ns, .stage = STAGE_out, .ifindex = 0, .device = ""}), 5,
                     6)});
    EXPECT_EQ(way(journey), "host  out | host eth0 neigh | host eth0 tx");
    return std::get<Neighbour>(journey.hops[1].note).asked_ns;
  };
  EXPECT_EQ(asked_since(20), 20u);
  EXPECT_EQ(asked_since(30), 0u);
}

TEST_F(NotesOfAJourney, ANeighbourIsAskedForWhereThePacketIs) {
  // The answer's route, looked up in another namespace, has nothing to do with it.
  const Journey journey = run({noted({.time_ns = 5, .stage = STAGE_neigh},
                                     Neighbour{.state = 2, .asked_ns = 5, .told_ns = 29}),
                               event({.time_ns = 8, .stage = STAGE_rx, .netns = 2}, packet_),
                               event({.time_ns = 30}, packet_)});
  EXPECT_EQ(journey.hops.front().stage, STAGE_neigh);
  EXPECT_EQ(journey.hops.front().time_ns, 5u);
}

TEST_F(NotesOfAJourney, WhatASocketGotIsDelivered) {
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
           event({.time_ns = 2, .stage = STAGE_in}, packet_),
           with_socket(noted({.time_ns = 3, .stage = STAGE_tcp, .ifindex = 0, .iif = 1}, TcpNote{}),
                       0, 7),
           event({.time_ns = 4, .stage = STAGE_end, .last = true})});
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDelivered);
  ASSERT_TRUE(journey.outcome.socket);
  EXPECT_EQ(journey.outcome.socket->pid, 4711u);
  EXPECT_EQ(way(journey), "host eth0 rx | host eth0 in | host eth0 deliver");
}

TEST_F(NotesOfAJourney, WhoReadsItSaysMoreThanTheSocket) {
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
           event({.time_ns = 2, .stage = STAGE_in}, packet_),
           with_socket(noted({.time_ns = 3, .stage = STAGE_tcp}, TcpNote{}), 9, 8),
           with_socket(event({.time_ns = 5, .stage = STAGE_deliver}), 10, 8)});
  EXPECT_EQ(way(journey), "host eth0 rx | host eth0 in | host eth0 deliver");
  EXPECT_EQ(journey.outcome.socket->pid, 10u);
}

TEST_F(NotesOfAJourney, WhatTheSocketDropsIsDropped) {
  decode::Event drop = event({.time_ns = 4, .stage = STAGE_drop, .last = true}, packet_);
  drop.drop = decode::Drop{.reason = 1, .has_reason = true, .location = 1};
  const Journey journey =
      run({event({.time_ns = 1, .stage = STAGE_rx}, packet_),
           event({.time_ns = 2, .stage = STAGE_in}, packet_),
           with_socket(noted({.time_ns = 3, .stage = STAGE_tcp}, TcpNote{}), 9, 8), drop});
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDropped);
  EXPECT_EQ(way(journey), "host eth0 rx | host eth0 in | host eth0 tcp | host eth0 drop");
}

TEST_F(NotesOfAJourney, AResetHasTheKernelsReason) {
  const Journey journey =
      run({event({.time_ns = 2, .stage = STAGE_in}, packet_),
           noted({.time_ns = 3, .stage = STAGE_tcp},
                 TcpNote{.kind = TcpNote::Kind::kResetSent, .has_reason = true, .reason = 5})});
  EXPECT_EQ(journey.hops.back().reset_reason, "WHY_5");
}

TEST_F(NotesOfAJourney, TimeInAQueueIsSinceTheInterfaceWasGivenIt) {
  const Journey journey = run({event({.time_ns = 100}, packet_),
                               noted({.time_ns = 350, .stage = STAGE_qdisc}, decode::Queue{})});
  EXPECT_EQ(journey.hops.back().queued_ns, 250u);
}

TEST_F(NotesOfAJourney, WhatIsToldBeforeItsPacketIsKept) {
  std::vector<Journey> journeys;
  Builder builder(names_, [&](Journey&& journey) { journeys.push_back(std::move(journey)); });
  builder.add(with_socket(event({.time_ns = 5, .stage = STAGE_out}), 5, 6));
  builder.add(noted({.time_ns = 4, .stage = STAGE_neigh}, Neighbour{.asked_ns = 4, .told_ns = 9}));
  decode::Event drop = event({.time_ns = 10, .stage = STAGE_drop, .last = true}, packet_);
  drop.drop = decode::Drop{.location = 1};
  builder.add(std::move(drop));
  ASSERT_EQ(journeys.size(), 1u);
  EXPECT_EQ(way(journeys[0]), "host eth0 out | host eth0 neigh | host eth0 drop");
}

TEST_F(NotesOfAJourney, WhatWaitsForItsNeighbourIsShownAndOnceItIsSentItsWaitIsToldOnce) {
  const auto built = [&](std::vector<decode::Event> more) {
    Journey ended;
    Builder builder(names_, [&](Journey&& journey) { ended = std::move(journey); });
    builder.add(event({.time_ns = 5, .stage = STAGE_neigh}, packet_));
    builder.add(with_socket(event({.time_ns = 5, .stage = STAGE_out}), 5, 6));
    builder.add(noted({.time_ns = 4, .stage = STAGE_neigh},
                      Neighbour{.state = 1, .asked_ns = 4, .told_ns = 6}));
    for (decode::Event& event : more) {
      builder.add(std::move(event));
    }
    builder.finish();
    return ended;
  };
  const Journey waits = built({});
  EXPECT_EQ(way(waits), "host eth0 out | host eth0 neigh");
  EXPECT_EQ(waits.outcome.kind, OutcomeKind::kLost);
  EXPECT_EQ(waits.packet.dst, packet_.dst);
  const Journey sent = built({event({.time_ns = 30}, packet_),
                              noted({.time_ns = 4, .stage = STAGE_neigh},
                                    Neighbour{.state = 2, .asked_ns = 4, .told_ns = 29})});
  EXPECT_EQ(way(sent), "host eth0 out | host eth0 neigh | host eth0 tx");
  EXPECT_EQ(std::get<Neighbour>(sent.hops[1].note).state, 2);
}

TEST_F(NotesOfAJourney, WhatWaitsForItsNeighbourInARouterWasNotTakenThere) {
  Journey journey;
  packet_.protocol = 17;
  std::vector events = {event({.time_ns = 1, .stage = STAGE_rx}, packet_),
                        event({.time_ns = 2, .stage = STAGE_in}, packet_),
                        noted({.time_ns = 3, .stage = STAGE_neigh},
                              Neighbour{.state = 1, .asked_ns = 3, .told_ns = 3})};
  assemble(events, {.names = names_, .ending = Ending::kSilent}, journey);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kLost);
}

TEST_F(NotesOfAJourney, ANoteOfAPacketThatIsNotKnownIsNoJourney) {
  std::vector<Journey> journeys;
  Builder builder(names_, [&](Journey&& journey) { journeys.push_back(std::move(journey)); });
  builder.add(noted({.stage = STAGE_icmp}, decode::IcmpError{}));
  builder.add(noted({.stage = STAGE_tcp}, TcpNote{}));
  builder.add(noted({.stage = STAGE_qdisc}, decode::Queue{}));
  builder.add(noted({.stage = STAGE_xdp}, decode::ProgramVerdict{}));
  builder.add(noted({.stage = STAGE_tc}, decode::ProgramVerdict{}));
  builder.add(noted({.stage = STAGE_driver}, decode::Refusal{}));
  builder.finish();
  EXPECT_TRUE(journeys.empty());
}

}  // namespace
}  // namespace tracepkt::journey
