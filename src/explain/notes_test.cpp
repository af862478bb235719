#include "explain/notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cstring>

#include "explain/words.h"

namespace tracepkt::explain {
namespace {

using decode::Neighbour;
using decode::TcpNote;

journey::Hop hop_with(stage_id stage, decode::Note note) {
  journey::Hop hop{.stage = stage};
  hop.note = note;
  return hop;
}

decode::Socket socket_of(const char* name, std::uint32_t pid) {
  decode::Socket socket{.pid = pid};
  std::strncpy(socket.comm.bytes.data(), name, 15);
  return socket;
}

TEST(NoteWords, WhatGroMergedIsToldOfTheFirst) {
  journey::Journey journey;
  journey.outcome = {.kind = journey::OutcomeKind::kConsumed,
                     .netns = {.inode = 7, .name = "web"},
                     .merged = true,
                     .seen = false};
  EXPECT_EQ(outcome_words(journey), "merged in web");
  EXPECT_THAT(cause_words(journey), ::testing::HasSubstr("GRO has made it a part"));
}

TEST(NoteWords, NobodyReadsAReset) {
  journey::Journey journey;
  journey.outcome.kind = journey::OutcomeKind::kConsumed;
  journey.outcome.seen = false;
  EXPECT_EQ(cause_words(journey), "Taken in by the IP layer there; who read it was not seen.");
  journey.hops.push_back(hop_with(STAGE_tcp, TcpNote{.kind = TcpNote::Kind::kResetReceived}));
  EXPECT_EQ(cause_words(journey), "");
}

TEST(NoteWords, NobodyReadsAnAcknowledgement) {
  journey::Journey journey;
  journey.outcome = {.kind = journey::OutcomeKind::kConsumed, .seen = false};
  journey.packet.tcp_flags = TH_ACK;
  journey.packet.tcp_data = 0;
  EXPECT_THAT(cause_words(journey), ::testing::HasSubstr("an acknowledgement, with no data"));
  journey.packet.tcp_data = 5;
  EXPECT_EQ(cause_words(journey), "Taken in by the IP layer there; who read it was not seen.");
}

TEST(NoteWords, WhatWasReceivedAndDidNotComeToIpWasTakenBefore) {
  journey::Journey journey;
  journey.outcome.kind = journey::OutcomeKind::kConsumed;
  journey.packet = {.ethertype = 0x0800, .src = {.family = 4}};
  journey.packet.dst = {.family = 4, .bytes = {10, 0, 0, 2}};
  journey.hops = {{.stage = STAGE_rx}};
  EXPECT_THAT(cause_words(journey), ::testing::HasSubstr("before it came to IP"));
  journey.packet.dst.bytes[0] = 224;
  EXPECT_EQ(cause_words(journey), "") << "a bridge, a macvlan have their own ways with that";
  journey.packet = {.ethertype = 0x0806};
  EXPECT_EQ(cause_words(journey), "") << "ARP has done its work";
}

TEST(NoteWords, IpsecIsToldByItsProtocolOrItsPort) {
  EXPECT_EQ(tunnel_kind({.protocol = IPPROTO_ESP}), "esp");
  EXPECT_EQ(tunnel_kind({.protocol = IPPROTO_AH}), "ah");
  EXPECT_EQ(tunnel_kind({.protocol = IPPROTO_UDP, .sport = 33333, .dport = 4500}), "esp");
  EXPECT_EQ(tunnel_kind({.protocol = IPPROTO_UDP, .sport = 4500, .dport = 33333}), "esp");
  EXPECT_EQ(tunnel_kind({.protocol = IPPROTO_UDP, .sport = 33333, .dport = 33333}), "udp");
}

TEST(NoteWords, WhatATunnelsPacketIsCutInto) {
  journey::Journey journey;
  journey.outcome.kind = journey::OutcomeKind::kLeft;
  EXPECT_EQ(cause_words(journey), "");
  journey.outcome.device = {.index = 5, .name = {{"vx0"}}};
  journey.outcome.sent_by = {.index = 2, .name = {{"eth0"}}};
  EXPECT_THAT(cause_words(journey),
              ::testing::StartsWith("What vx0 put it into was sent by eth0 as several packets"));
  journey.outcome.device = journey.outcome.sent_by;
  EXPECT_THAT(cause_words(journey),
              ::testing::StartsWith("It was sent by eth0 as several packets"));
}

TEST(NoteWords, WhatItMayBeWaitingFor) {
  journey::Journey journey;
  journey.outcome.kind = journey::OutcomeKind::kLost;
  journey.packet = {.ethertype = 0x0800, .protocol = IPPROTO_ICMP};
  journey.hops = {hop_with(STAGE_in, {}), hop_with(STAGE_netfilter, {})};
  EXPECT_THAT(cause_words(journey), ::testing::HasSubstr("waiting for the link address"));
  journey.packet.icmp = decode::Icmp{.type = 3, .code = 3};
  EXPECT_THAT(cause_words(journey), ::testing::HasSubstr("ask its socket for errors"));
  journey.packet.icmp.reset();
  journey.packet.first_fragment = true;
  EXPECT_THAT(cause_words(journey), ::testing::HasSubstr("first of its fragments"));
  journey.hops = {hop_with(STAGE_out, {})};
  EXPECT_THAT(cause_words(journey), ::testing::HasSubstr("waiting for the link address"));
  journey.hops = {hop_with(STAGE_tx, {})};
  EXPECT_TRUE(cause_words(journey).ends_with("last hop above."));
}

TEST(NoteWords, WhoSentIt) {
  journey::Hop hop = hop_with(STAGE_out, {});
  hop.socket = socket_of("curl", 4711);
  EXPECT_EQ(hop_words(hop, nullptr), "from curl (4711)");
  hop.socket = socket_of("\033[1m", 1);
  EXPECT_EQ(hop_words(hop, nullptr).find('\033'), std::string::npos);
  hop.socket = decode::Socket{.inode = 7};
  EXPECT_EQ(hop_words(hop, nullptr), "from a process that is not known");
}

TEST(NoteWords, WhoGetsIt) {
  journey::Hop hop = hop_with(STAGE_deliver, TcpNote{});
  hop.socket = socket_of("nginx", 812);
  EXPECT_EQ(hop_words(hop, nullptr), "for nginx (812)");
  hop.note = {};
  EXPECT_EQ(hop_words(hop, nullptr), "read by nginx (812)");
}

TEST(NoteWords, ANeighbour) {
  Neighbour neighbour{.address = {.family = 4, .bytes = {10, 0, 0, 2}},
                      .state = 0x02,
                      .probes = 3,
                      .asked_ns = 1000,
                      .told_ns = 43000,
                      .lladdr_len = 6,
                      .lladdr = {2, 0, 0, 0, 0, 9}};
  EXPECT_EQ(hop_words(hop_with(STAGE_neigh, neighbour), nullptr), "10.0.0.2 found in 42 us");
  neighbour.asked_ns = 0;  // not seen
  EXPECT_EQ(hop_words(hop_with(STAGE_neigh, neighbour), nullptr), "10.0.0.2 found");
  neighbour.asked_ns = 1000;
  neighbour.state = 0x20;
  EXPECT_EQ(hop_words(hop_with(STAGE_neigh, neighbour), nullptr),
            "10.0.0.2 does not answer, asked 3 times in 42 us");
  neighbour.state = 0x01;
  EXPECT_EQ(hop_words(hop_with(STAGE_neigh, neighbour), nullptr), "10.0.0.2 has not answered yet");
  neighbour.told_ns = 1'042'001'000;
  EXPECT_EQ(hop_words(hop_with(STAGE_neigh, neighbour), nullptr),
            "10.0.0.2 has not answered yet, after 1.04 s");
}

TEST(NoteWords, WhichJourneyAskedForTheNeighbour) {
  journey::Hop hop = hop_with(
      STAGE_neigh, Neighbour{.address = {.family = 4, .bytes = {10, 0, 0, 2}}, .state = 0x02});
  hop.asked_by = 7;
  EXPECT_EQ(hop_words(hop, nullptr), "10.0.0.2 found, asked in journey 7");
}

TEST(NoteWords, AClockThatGoesBackwardsIsNoTime) {
  const Neighbour neighbour{.state = 0x20, .asked_ns = 9, .told_ns = 5};
  EXPECT_NE(note_words(hop_with(STAGE_neigh, neighbour)).find("in 0.0 us"), std::string::npos);
}

TEST(NoteWords, Tcp) {
  journey::Hop reset = hop_with(STAGE_tcp, TcpNote{.kind = TcpNote::Kind::kResetSent});
  EXPECT_EQ(note_words(reset), "reset sent");
  reset.reset_reason = "NO_SOCKET";
  EXPECT_EQ(note_words(reset), "reset sent: NO_SOCKET");
  EXPECT_EQ(note_words(hop_with(STAGE_tcp, TcpNote{.kind = TcpNote::Kind::kResetReceived})),
            "reset received");
  EXPECT_EQ(tcp_event(TcpNote{.kind = TcpNote::Kind::kResetReceived}), "reset_received");
  const auto again = [](std::uint8_t ca_state, std::uint8_t tries) {
    return std::string(retransmit_cause(
        TcpNote{.kind = TcpNote::Kind::kRetransmitted, .ca_state = ca_state, .tries = tries}));
  };
  EXPECT_EQ(again(4, 2), "timeout");
  EXPECT_EQ(again(0, 1), "timeout");  // a SYN
  EXPECT_EQ(again(3, 0), "loss");
  EXPECT_EQ(again(0, 0), "probe");
}

TEST(NoteWords, AnIcmpError) {
  EXPECT_EQ(note_words(hop_with(STAGE_icmp,
                                decode::IcmpError{.protocol = IPPROTO_ICMP, .type = 3, .code = 3})),
            "sent: port unreachable");
  EXPECT_EQ(note_words(hop_with(
                STAGE_icmp, decode::IcmpError{.protocol = IPPROTO_ICMPV6, .type = 3, .code = 0})),
            "sent: hop limit exceeded");
}

TEST(NoteWords, AQueue) {
  decode::Queue queue{.handle = 0x80010000};
  std::strcpy(queue.kind.bytes.data(), "fq");
  journey::Hop hop = hop_with(STAGE_qdisc, queue);
  hop.queued_ns = 1'500'000;
  EXPECT_EQ(note_words(hop), "fq 8001: 1.50 ms in the queue");
  queue.waits = true;
  EXPECT_EQ(note_words(hop_with(STAGE_qdisc, queue)), "fq 8001: still in the queue");
}

TEST(NoteWords, ARefusal) {
  EXPECT_EQ(hop_words(hop_with(STAGE_driver, decode::Refusal{.code = 0x10}), nullptr),
            "busy, does not take it now");
  EXPECT_EQ(hop_words(hop_with(STAGE_driver, decode::Refusal{.code = -100}), nullptr),
            "does not take it, code -100");
}

TEST(NoteWords, ThoseWhoAskForAnAddress) {
  decode::Packet packet{.ethertype = 0x0806, .len = 28};
  packet.arp = decode::Arp{.op = 1,
                           .sender_mac = {2, 0, 0, 0, 0, 1},
                           .sender = {.family = 4, .bytes = {10, 0, 0, 1}},
                           .target = {.family = 4, .bytes = {10, 0, 0, 2}}};
  EXPECT_EQ(packet_words(packet), "arp who-has 10.0.0.2 tell 10.0.0.1, 28 bytes");
  packet.arp->op = 2;
  EXPECT_EQ(packet_words(packet), "arp 10.0.0.1 is-at 02:00:00:00:00:01, 28 bytes");
}

}  // namespace
}  // namespace tracepkt::explain
