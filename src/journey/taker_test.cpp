// Who took a packet that nobody was seen reading.
#include "journey/taker.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "journey/builder.h"
#include "journey/senders.h"
#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::event;
using testing::way;

constexpr std::uint16_t kPort = 53;

class Sockets : public testing::FakeNames {
 public:
  std::uint64_t socket_at(const SocketPlace& place) override {
    asked_address = place.local;
    return place.netns == 2 && place.local_port == port ? 7 : 0;
  }
  std::string socket_owner(std::uint64_t inode) override { return inode == 7 ? "4711 named" : ""; }

  std::string full_queue(const SocketPlace& place) override {
    return place.netns == 2 && place.local_port == port ? queue : "";
  }

  std::string full_syn_queue(const SocketPlace& place) override {
    return place.netns == 2 && place.local_port == port ? syn_queue : "";
  }

  bool is_time_wait(const SocketPlace& place) override {
    return place.netns == 2 && place.remote == testing::ip(1) && time_wait;
  }

  bool has_no_way_back(const SocketPlace& place) override {
    return place.netns == 2 && place.remote == testing::ip(1) && no_way_back;
  }

  std::optional<std::uint64_t> unread(const SocketPlace& place, std::uint64_t inode,
                                      std::uint64_t since_ns) override {
    return place.netns == 2 && inode == 7 && since_ns == 3 ? waiting_bytes : std::nullopt;
  }

  std::uint16_t port = kPort;
  std::optional<std::uint64_t> waiting_bytes;
  decode::Address asked_address;
  std::string queue;
  std::string syn_queue;
  bool no_way_back = false;
  bool time_wait = false;
};

decode::Packet datagram(std::uint8_t from, std::uint8_t to) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = IPPROTO_UDP, .len = 60, .has_ports = true};
  packet.src = testing::ip(from);
  packet.dst = testing::ip(to);
  packet.sport = from == 1 ? 4000 : kPort;
  packet.dport = to == 1 ? 4000 : kPort;
  return packet;
}

decode::Event end(std::uint64_t time_ns, std::uint16_t port = 0) {
  decode::Event made =
      event({.time_ns = time_ns, .stage = STAGE_end, .netns = 0, .ifindex = 0, .last = true});
  made.end_port = port;
  return made;
}

decode::Packet segment(std::uint8_t tcp_flags) {
  decode::Packet packet = datagram(1, 2);
  packet.protocol = IPPROTO_TCP;
  packet.tcp_flags = tcp_flags;
  return packet;
}

struct TakerTest : ::testing::Test {
  Journey run(const decode::Packet& packet, std::optional<decode::Event> last) {
    std::vector<decode::Event> events = {
        event({.time_ns = 1}, packet), event({.time_ns = 2, .stage = STAGE_rx, .netns = 2}, packet),
        event({.time_ns = 3, .stage = STAGE_in, .netns = 2}, packet)};
    if (last) {
      events.push_back(*last);
    }
    Journey journey;
    assemble(events,
             {.names = names_,
              .ending = last ? Ending::kSeen : silence_,
              .opening = opening_,
              .senders = &senders_},
             journey);
    return journey;
  }

  Sockets names_;
  Senders senders_;
  Flows::Opening opening_;
  Ending silence_ = Ending::kSilent;
};

TEST_F(TakerTest, WhoIsBoundToThePortGotIt) {
  const Journey journey = run(datagram(1, 2), end(9));
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDelivered);
  ASSERT_TRUE(journey.outcome.socket);
  EXPECT_EQ(journey.outcome.socket->pid, 4711u);
  EXPECT_EQ(way(journey), "host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2 eth0 deliver");
  // It may be freed long after it was read.
  EXPECT_EQ(journey.duration_ns(), 2u);
}

TEST_F(TakerTest, AsLongAsItIsNotFreedItMayLieThere) {
  const Journey journey = run(datagram(1, 2), std::nullopt);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kConsumed);
  ASSERT_TRUE(journey.outcome.socket);
  EXPECT_EQ(journey.outcome.socket->pid, 4711u);
  EXPECT_EQ(way(journey), "host eth0 tx | ns2 eth0 rx | ns2 eth0 in");
}

TEST_F(TakerTest, WhereNothingWaitsItWasReadThoughItIsNotFreed) {
  names_.waiting_bytes = 0;
  const Journey read = run(datagram(1, 2), std::nullopt);
  EXPECT_EQ(read.outcome.kind, OutcomeKind::kDelivered);
  EXPECT_FALSE(read.outcome.unread);
  EXPECT_EQ(way(read), "host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2 eth0 deliver");

  names_.waiting_bytes = 768;
  const Journey waits = run(datagram(1, 2), std::nullopt);
  EXPECT_EQ(waits.outcome.kind, OutcomeKind::kConsumed);
  EXPECT_EQ(waits.outcome.unread, 768u);
  EXPECT_EQ(waits.outcome.netns_file, "/run/netns/ns2");
  // Of what was seen to be freed nothing is asked.
  EXPECT_EQ(run(datagram(1, 2), end(9)).outcome.kind, OutcomeKind::kDelivered);
}

TEST_F(TakerTest, NatMayHaveGivenItAnotherPort) {
  names_.port = 5353;
  EXPECT_FALSE(run(datagram(1, 2), end(9, kPort)).outcome.socket);
  EXPECT_TRUE(run(datagram(1, 2), end(9, 5353)).outcome.socket);
  names_.port = kPort;
  EXPECT_FALSE(run(datagram(1, 2), end(9, 5353)).outcome.socket);
}

TEST_F(TakerTest, NatMayHaveGivenItAnotherAddress) {
  decode::Packet changed = datagram(1, 3);
  changed.dport = 5353;
  std::vector<decode::Event> events = {
      event({.time_ns = 2, .stage = STAGE_rx, .netns = 2}, datagram(1, 2)),
      event({.time_ns = 3, .stage = STAGE_in, .netns = 2}, datagram(1, 2)),
      event({.time_ns = 9, .stage = STAGE_nat, .netns = 0}, changed), end(9, 5353)};
  names_.port = 5353;
  Journey journey;
  assemble(events, {.names = names_}, journey);
  EXPECT_EQ(way(journey), "ns2 eth0 rx | ns2 eth0 in | ns2  nat | ns2 eth0 deliver");
  EXPECT_EQ(names_.asked_address, testing::ip(3));
}

TEST_F(TakerTest, WhatATunnelCarriedIsNotForItsSocket) {
  const decode::Packet outer = datagram(1, 2);
  decode::Packet arp{.ethertype = 0x0806, .len = 28};
  arp.arp = decode::Arp{.op = 1};
  std::vector<decode::Event> events = {
      event({.time_ns = 1}, outer), event({.time_ns = 2, .stage = STAGE_rx, .netns = 2}, outer),
      event({.time_ns = 3, .stage = STAGE_in, .netns = 2}, outer),
      event({.time_ns = 4, .stage = STAGE_rx, .netns = 2, .ifindex = 3, .device = "vxlan0"}, arp),
      end(9)};
  Journey journey;
  assemble(events, {.names = names_, .ending = Ending::kSeen, .senders = &senders_}, journey);
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kConsumed);
  EXPECT_FALSE(journey.outcome.socket);
}

TEST_F(TakerTest, OfTcpWhatOpensAConnection) {
  decode::Packet packet = segment(TH_ACK);
  EXPECT_EQ(run(packet, std::nullopt).outcome.kind, OutcomeKind::kConsumed);
  EXPECT_FALSE(run(packet, std::nullopt).outcome.socket);
  packet.tcp_flags = TH_SYN;
  EXPECT_EQ(run(packet, std::nullopt).outcome.kind, OutcomeKind::kDelivered);
}

TEST_F(TakerTest, WhatWasAnsweredIsNotIgnoredThoughThereIsNoRoomByNow) {
  decode::Packet packet = segment(TH_SYN);
  names_.queue = "2 1";
  opening_.answered = true;
  EXPECT_EQ(run(packet, end(5)).outcome.kind, OutcomeKind::kDelivered);
  EXPECT_EQ(run(packet, std::nullopt).outcome.kind, OutcomeKind::kDelivered);
}

TEST_F(TakerTest, AnEarlierConnectionMayAnswerInTimeWait) {
  names_.time_wait = true;
  const Journey journey = run(segment(TH_SYN), end(5));
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kConsumed);
  EXPECT_TRUE(journey.outcome.time_wait);
  EXPECT_FALSE(journey.outcome.socket);
  EXPECT_EQ(journey.outcome.netns_file, "/run/netns/ns2");
  opening_.answered = true;
  EXPECT_EQ(run(segment(TH_SYN), end(5)).outcome.kind, OutcomeKind::kDelivered);
}

TEST_F(TakerTest, WhoseEndWasNotSeenIsIgnoredIfItIsSentAgain) {
  decode::Packet packet = segment(TH_SYN);
  names_.queue = "2 1";
  EXPECT_FALSE(run(packet, std::nullopt).outcome.is_ignored());
  opening_.sent_again = true;
  EXPECT_TRUE(run(packet, std::nullopt).outcome.is_ignored());
  opening_.sent_again = false;
  silence_ = Ending::kFinished;
  EXPECT_TRUE(run(packet, std::nullopt).outcome.is_ignored()) << "asked soon";
}

TEST_F(TakerTest, NobodyAcceptsAndThereIsNoRoomForAnotherConnection) {
  decode::Packet packet = segment(TH_SYN);
  names_.queue = "2 1";
  const Journey ignored = run(packet, end(5));
  EXPECT_EQ(ignored.outcome.kind, OutcomeKind::kConsumed);
  ASSERT_TRUE(ignored.outcome.full_queue.has_value());
  EXPECT_EQ(ignored.outcome.full_queue->waiting, 2u);
  EXPECT_EQ(ignored.outcome.socket->pid, 4711u);
  EXPECT_EQ(ignored.hops.back().stage, STAGE_in);
  packet.tcp_flags = TH_SYN | TH_ACK;
  EXPECT_EQ(run(packet, end(5)).outcome.kind, OutcomeKind::kDelivered);
  for (const char* nonsense : {"", "2", "2 ", " 1", "2 1 ", "a b", "-1 1"}) {
    EXPECT_FALSE(queue_of(nonsense).has_value()) << nonsense;
  }
}

TEST_F(TakerTest, NoClientAnswersAndThereIsNoRoomForAnother) {
  decode::Packet packet = segment(TH_SYN);
  names_.syn_queue = "4 4";
  const Journey ignored = run(packet, end(5));
  EXPECT_EQ(ignored.outcome.kind, OutcomeKind::kConsumed);
  EXPECT_TRUE(ignored.outcome.is_ignored());
  ASSERT_TRUE(ignored.outcome.full_syn_queue.has_value());
  EXPECT_EQ(ignored.outcome.full_syn_queue->waiting, 4u);
  EXPECT_EQ(ignored.outcome.netns_file, "/run/netns/ns2");
  packet.tcp_flags = TH_SYN | TH_ACK;
  EXPECT_EQ(run(packet, end(5)).outcome.kind, OutcomeKind::kDelivered);
}

TEST_F(TakerTest, AConnectionThatCannotBeAnsweredIsNotMade) {
  decode::Packet packet = segment(TH_SYN);
  names_.no_way_back = true;
  const Journey ignored = run(packet, end(5));
  EXPECT_EQ(ignored.outcome.kind, OutcomeKind::kConsumed);
  EXPECT_TRUE(ignored.outcome.no_way_back);
  EXPECT_EQ(ignored.outcome.netns_file, "/run/netns/ns2");
  EXPECT_EQ(ignored.hops.back().stage, STAGE_in);
  packet.tcp_flags = TH_SYN | TH_ACK;
  EXPECT_EQ(run(packet, end(5)).outcome.kind, OutcomeKind::kDelivered);
}

// Its end may be told long after it, and is no time; the firewall's chains are before it.
TEST_F(TakerTest, WhoTakesItComesBehindTheFirewall) {
  const decode::Packet packet = datagram(1, 2);
  decode::Event chain = event({.time_ns = 4, .stage = STAGE_netfilter, .netns = 2});
  chain.netfilter = decode::Netfilter{.kind = NETFILTER_CHAIN};
  std::vector<decode::Event> events = {
      event({.time_ns = 1}, packet), event({.time_ns = 2, .stage = STAGE_rx, .netns = 2}, packet),
      event({.time_ns = 3, .stage = STAGE_in, .netns = 2}, packet), chain, end(99)};
  Journey journey;
  assemble(events, {.names = names_, .ending = Ending::kSeen, .senders = &senders_}, journey);
  EXPECT_EQ(way(journey),
            "host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2 eth0 netfilter | ns2 eth0 deliver");
  EXPECT_EQ(journey.hops.back().time_ns, 4u);
}

TEST_F(TakerTest, AGroupsMessageIsForWhoIsBoundToThePort) {
  decode::Packet packet = datagram(1, 2);
  packet.dst.bytes[0] = 224;
  const Journey journey = run(packet, end(9));
  EXPECT_EQ(journey.outcome.kind, OutcomeKind::kDelivered);
  ASSERT_TRUE(journey.outcome.socket);
  EXPECT_EQ(journey.outcome.socket->pid, 4711u);
}

TEST_F(TakerTest, OfUdpLiteAsOfUdp) {
  decode::Packet packet = datagram(1, 2);
  packet.protocol = IPPROTO_UDPLITE;
  EXPECT_TRUE(run(packet, end(9)).outcome.socket);
}

TEST_F(TakerTest, WhoHasSentFromThereGetsTheAnswer) {
  std::vector<decode::Event> question = {
      event({.time_ns = 1, .stage = STAGE_out, .netns = 2, .ifindex = 0, .device = ""}),
      event({.time_ns = 1, .stage = STAGE_tx, .netns = 2}, datagram(2, 1))};
  question[0].socket = decode::Socket{.pid = 12, .inode = 99};
  senders_.learn(question, names_);
  const Journey journey = run(datagram(1, 2), end(9));
  ASSERT_TRUE(journey.outcome.socket);
  EXPECT_EQ(journey.outcome.socket->pid, 12u);
}

TEST_F(TakerTest, WhoAsksForAConnectionAsksWhoListens) {
  decode::Packet earlier = segment(TH_ACK);
  std::swap(earlier.src, earlier.dst);
  std::swap(earlier.sport, earlier.dport);
  std::vector<decode::Event> answer = {
      event({.time_ns = 1, .stage = STAGE_out, .netns = 2, .ifindex = 0, .device = ""}),
      event({.time_ns = 1, .stage = STAGE_tx, .netns = 2}, earlier)};
  answer[0].socket = decode::Socket{.inode = 99};  // of a connection that was closed meanwhile
  senders_.learn(answer, names_);
  const Journey journey = run(segment(TH_SYN), end(9));
  ASSERT_TRUE(journey.outcome.socket);
  EXPECT_EQ(journey.outcome.socket->pid, 4711u);
}

TEST(SendersTest, WhoSentBeforeIsKeptWhereTheLastSocketIsNobodys) {
  Senders senders(2);
  Sockets names;
  const auto sent = [&](std::uint32_t pid, std::uint64_t inode) {
    std::vector<decode::Event> events = {event({.stage = STAGE_out, .netns = 2}),
                                         event({.netns = 2}, datagram(2, 1))};
    events[0].socket = decode::Socket{.pid = pid, .inode = inode};
    senders.learn(events, names);
    return senders.find(
        {.netns = 2, .protocol = IPPROTO_UDP, .local = testing::ip(2), .local_port = kPort});
  };
  EXPECT_EQ(sent(0, 6)->inode, 6u);
  EXPECT_EQ(sent(0, 7)->pid, 4711u) << "it can still be asked who has that";
  EXPECT_EQ(sent(5, 7)->pid, 5u);
  EXPECT_EQ(sent(0, 8)->pid, 5u);
  EXPECT_EQ(sent(9, 9)->pid, 9u);
}

TEST(SendersTest, SoManyAreKept) {
  Senders senders(2);
  Sockets names;
  const auto sent = [&](std::uint8_t from) {
    std::vector<decode::Event> events = {event({.stage = STAGE_out, .netns = 2}),
                                         event({.netns = 2}, datagram(from, 1))};
    events[0].socket = decode::Socket{.pid = from, .inode = from};
    senders.learn(events, names);
  };
  const auto knows = [&](std::uint8_t from) {
    return senders.find({.netns = 2,
                         .protocol = IPPROTO_UDP,
                         .local = testing::ip(from),
                         .local_port = kPort}) != nullptr;
  };
  sent(2);
  sent(3);
  sent(3);
  EXPECT_TRUE(knows(2) && knows(3));
  sent(4);
  EXPECT_FALSE(knows(2));
  EXPECT_TRUE(knows(3) && knows(4));
  EXPECT_EQ(
      senders.find(
          {.netns = 1, .protocol = IPPROTO_UDP, .local = testing::ip(3), .local_port = kPort}),
      nullptr);
}

TEST(BuilderAndSenders, LearnsThemBeforeTheQuestionHasEnded) {
  Sockets names;
  std::vector<Journey> ended;
  Builder builder(names, [&](Journey&& journey) { ended.push_back(std::move(journey)); });
  // Its sender is told after it; it left this machine, and nobody knows its end.
  builder.add(event({.packet_id = 1, .time_ns = 1, .stage = STAGE_tx, .netns = 3}, datagram(2, 1)));
  decode::Event out = event({.packet_id = 1, .time_ns = 1, .stage = STAGE_out, .netns = 3});
  out.socket = decode::Socket{.pid = 12, .inode = 99};
  builder.add(std::move(out));
  builder.add(event({.packet_id = 2, .time_ns = 5, .stage = STAGE_rx, .netns = 3}, datagram(1, 2)));
  builder.add(event({.packet_id = 2, .time_ns = 6, .stage = STAGE_in, .netns = 3}, datagram(1, 2)));
  builder.add(event({.packet_id = 2, .time_ns = 9, .stage = STAGE_end, .netns = 3, .last = true}));
  ASSERT_EQ(ended.size(), 1u);
  ASSERT_TRUE(ended[0].outcome.socket);
  EXPECT_EQ(ended[0].outcome.socket->pid, 12u);
}

TEST_F(TakerTest, DataThatCameBeforeItsConnectionWasAcceptedIsForWhoAcceptedIt) {
  decode::Event arrived =
      event({.time_ns = 4, .stage = STAGE_tcp, .netns = 2, .ifindex = 0, .device = "", .iif = 1});
  arrived.note = decode::TcpNote{};
  decode::Packet data = segment(TH_ACK);
  data.tcp_data = 5;
  const Journey journey = run(data, arrived);
  EXPECT_EQ(way(journey), "host eth0 tx | ns2 eth0 rx | ns2 eth0 in | ns2 eth0 deliver");
  ASSERT_TRUE(journey.hops.back().socket);
  EXPECT_EQ(journey.hops.back().socket->pid, 4711u);
  EXPECT_EQ(journey.outcome.socket->pid, 4711u);
  data.tcp_data = 0;
  EXPECT_FALSE(run(data, arrived).hops.back().socket);
}

}  // namespace
}  // namespace tracepkt::journey
