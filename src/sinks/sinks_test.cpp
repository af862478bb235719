// The three formats, byte for byte, over one and the same exchange with hostile names in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/fd.h"
#include "sinks/sink.h"
#include "sinks/summary_words.h"

namespace tracepkt::sinks {
namespace {

using journey::Direction;
using journey::Hop;
using journey::Journey;
using journey::OutcomeKind;

decode::Packet echo(bool reply) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = 1, .ttl = 64, .len = 84};
  packet.src = {.family = 4, .bytes = {172, 17, 0, static_cast<std::uint8_t>(reply ? 2 : 1)}};
  packet.dst = {.family = 4, .bytes = {172, 17, 0, static_cast<std::uint8_t>(reply ? 1 : 2)}};
  packet.icmp =
      decode::Icmp{.type = static_cast<std::uint8_t>(reply ? 0 : 8), .code = 0, .id = 7, .seq = 1};
  return packet;
}

Hop hop(std::uint64_t time_ns, std::uint32_t inode, const char* netns, const char* device,
        stage_id stage, bool reply) {
  Hop hop{.time_ns = time_ns,
          .netns = {.inode = inode, .name = netns},
          .device = {.index = 3},
          .stage = stage,
          .packet = echo(reply)};
  std::memcpy(hop.device.name.bytes.data(), device, std::min<std::size_t>(std::strlen(device), 15));
  return hop;
}

// docker0 -> vethX -> eth0 of a namespace whose name would steer a terminal.
std::array<Journey, 2> journeys() {
  constexpr const char* kHostile = "w\x1b[31meb";
  Journey request{.id = 1, .exchange = 1, .direction = Direction::kRequest, .packet = echo(false)};
  request.hops = {hop(1000, 4026531992, "host", "docker0", STAGE_tx, false),
                  hop(3200, 4026531992, "host", "veth61528aa", STAGE_tx, false),
                  hop(7000, 4026533448, kHostile, "e<u>%s0", STAGE_rx, false)};
  Hop answered = hop(9000, 4026533448, kHostile, "e<u>%s0", STAGE_deliver, false);
  answered.answered = true;
  request.hops.push_back(answered);
  request.outcome = {
      .kind = OutcomeKind::kDelivered, .netns = answered.netns, .device = answered.device};
  Journey reply{.id = 2, .exchange = 1, .direction = Direction::kReply, .packet = echo(true)};
  reply.hops = {hop(9000, 4026533448, kHostile, "e<u>%s0", STAGE_tx, true)};
  Hop dropped = hop(9500, 4026531992, "host", "veth61528aa", STAGE_drop, true);
  dropped.drop = journey::DropInfo{.reason = "NETFILTER_DROP", .function = "nf_hook_slow+0x9a"};
  reply.hops.push_back(dropped);
  reply.outcome = {.kind = OutcomeKind::kDropped,
                   .netns = dropped.netns,
                   .device = dropped.device,
                   .drop = dropped.drop};
  return {request, reply};
}

// What a sink writes to its output and to its error output.
struct Written {
  std::string out;
  std::string err;
};

std::string drain(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t size = 0; (size = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

template <typename Show>
Written written(Format format, ColorMode color, Show show) {
  std::array<int, 2> out_pipe;
  std::array<int, 2> err_pipe;
  EXPECT_EQ(pipe(out_pipe.data()), 0);
  EXPECT_EQ(pipe(err_pipe.data()), 0);
  const Fd out_end(out_pipe[0]);
  const Fd err_end(err_pipe[0]);
  {
    const Fd out_fd(out_pipe[1]);
    const Fd err_fd(err_pipe[1]);
    Output out(out_fd.get(), color);
    Output err(err_fd.get(), ColorMode::kNever);
    const auto sink =
        make_sink(format, out, err, {.wall_minus_monotonic_ns = 1'000'000}, Detail::kNews);
    show(*sink);
    out.flush();
    err.flush();
  }
  return {.out = drain(out_end.get()), .err = drain(err_end.get())};
}

Written exchange(Format format, ColorMode color = ColorMode::kNever) {
  return written(format, color, [](Sink& sink) {
    const auto both = journeys();
    sink.exchange(
        {.seq = 1, .host = "web", .target = "172.17.0.2", .payload_bytes = 56, .journeys = both});
  });
}

Summary a_summary() {
  Summary summary{.journeys = 2, .delivered = 1, .dropped = 1, .events = 6, .kernel = "6.12"};
  summary.losses = {
      {.name = "ring_full", .says = "events that found the ring buffer full", .count = 3}};
  summary.probes.attached = {"tp_btf:netif_rx"};
  summary.probes.unavailable = {{.name = "tp_btf:x", .why = "this kernel has no such tracepoint"}};
  summary.ping = PingStatistics{.host = "web",
                                .sent = 1,
                                .loss_percent = 100,
                                .packets_line = "1 packets transmitted, 0 received"};
  return summary;
}

TEST(Classic, IsTheFirstTracepktsOutput) {
  EXPECT_EQ(exchange(Format::kClassic).out,
            "    NETWORK NS        INTERFACE    TYPE ADDRESSES                          IPTABLES\n"
            "[  4026531992]          docker0 request 172.17.0.1 -> 172.17.0.2          \n"
            "[  4026531992]      veth61528aa request 172.17.0.1 -> 172.17.0.2          \n"
            "[  4026533448]          e<u>%s0 request 172.17.0.1 -> 172.17.0.2          \n"
            "[  4026533448]          e<u>%s0   reply 172.17.0.2 -> 172.17.0.1          \n");
}

TEST(Classic, StatisticsGoElsewhere) {
  const Written text =
      written(Format::kClassic, ColorMode::kNever, [](Sink& sink) { sink.summary(a_summary()); });
  EXPECT_EQ(
      text.out,
      "    NETWORK NS        INTERFACE    TYPE ADDRESSES                          IPTABLES\n");
  EXPECT_THAT(text.err, ::testing::HasSubstr("1 packets transmitted, 0 received"));
}

TEST(Table, SaysThatAPingWasCutIntoFragments) {
  const auto headline = [](bool reply) {
    return written(Format::kTable, ColorMode::kNever,
                   [&](Sink& sink) {
                     auto both = journeys();
                     for (Journey& one : both) {
                       if ((one.direction == Direction::kReply) == reply) {
                         one.hops.front().packet->first_fragment = true;
                       }
                     }
                     sink.exchange({.seq = 1,
                                    .host = "web",
                                    .target = "172.17.0.2",
                                    .payload_bytes = 4000,
                                    .journeys = both});
                   })
        .out;
  };
  EXPECT_THAT(headline(false),
              ::testing::StartsWith("ping web (172.17.0.2), 4000 bytes in fragments, seq 1"));
  EXPECT_THAT(headline(true), ::testing::StartsWith("ping web (172.17.0.2), 4000 bytes, seq 1"));
}

TEST(Table, IsReadByPeople) {
  EXPECT_EQ(exchange(Format::kTable).out,
            "ping web (172.17.0.2), 56 bytes, seq 1       NOT ANSWERED: reply DROPPED in host\n"
            "  NAMESPACE     INTERFACE     STAGE                                           us\n"
            "  host          docker0       tx                                             0.0\n"
            "  host          veth61528aa   tx                                             2.2\n"
            "  w\\x1b[31meb   e<u>%s0       rx                                             3.8\n"
            "  w\\x1b[31meb   e<u>%s0       deliver   answered by the kernel               2.0\n"
            "  <- reply\n"
            "  w\\x1b[31meb   e<u>%s0       tx                                             0.0\n"
            "  host          veth61528aa   drop      NETFILTER_DROP                       0.5\n"
            "  Dropped by the kernel in namespace host at interface veth61528aa, reason\n"
            "    NETFILTER_DROP, in nf_hook_slow+0x9a.\n"
            "  A hook of the firewall dropped it: a rule or policy of iptables-legacy, NAT\n"
            "    (no free port) or conntrack; seldom IPVS or SELinux. On kernels before 6.7\n"
            "    that may be nftables as well, which frees what it drops itself since then.\n"
            "  Check it: sh -c 'nft -a list ruleset; iptables-legacy-save -c; conntrack -S'\n"
            "  Mend it: Change the rule or policy that drops it, or accept the packet\n"
            "    before it. If none does, see `iptables-legacy-save -c` and `conntrack -S`.\n"
            "\n");
}

// An ICMPv6 error with all there is to it, in places with the longest names.
TEST(Table, NoLineIsWiderThanTheTerminal) {
  const std::string name(255, 'n');
  Journey error{.id = 2, .exchange = 1, .direction = Direction::kReply};
  error.packet = {.ethertype = 0x86dd, .protocol = 58, .ttl = 64, .len = 1280};
  error.packet.first_fragment = true;
  error.packet.src = {.family = 6};
  error.packet.src.bytes.fill(0xfd);
  error.packet.dst = error.packet.src;
  error.packet.icmp = decode::Icmp{.type = 1, .code = 1};
  error.packet.quoted_echo = decode::QuotedEcho{.icmp = {.type = 128, .id = 65535, .seq = 65535}};
  error.hops = {hop(1000, 1, name.c_str(), "\1\2\3\4\5\6\7\1\2\3\4\5\6\7\1", STAGE_tx, false),
                hop(2000, 1, name.c_str(), "eth0", STAGE_drop, false)};
  error.hops[1].drop = journey::DropInfo{.reason = std::string(50, 'R'), .function = "f"};
  error.outcome = {
      .kind = OutcomeKind::kDropped, .netns = error.hops[1].netns, .drop = error.hops[1].drop};
  const std::string text = written(Format::kTable, ColorMode::kNever, [&](Sink& sink) {
                             sink.journey(error);
                             sink.exchange({.seq = 1,
                                            .host = std::string(200, 'h'),
                                            .target = "fd00::1",
                                            .trouble = "From fd00::1: a word" + name,
                                            .journeys = {&error, 1}});
                           }).out;
  EXPECT_THAT(text, ::testing::HasSubstr("administratively prohibited"));
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 80) << text.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST(Table, WhereNothingWasSeenTheLikelyCauseIsSaid) {
  const auto shown = [](const PingExchange& exchange) {
    return written(Format::kTable, ColorMode::kNever, [&](Sink& sink) { sink.exchange(exchange); })
        .out;
  };
  PingExchange exchange{.seq = 1, .host = "web", .target = "web"};
  EXPECT_THAT(shown(exchange), ::testing::HasSubstr("ip neigh"));
  EXPECT_THAT(shown(exchange), ::testing::HasSubstr("MPLS"));
  exchange.trouble = "From fd00::1: address unreachable";
  EXPECT_THAT(shown(exchange), ::testing::Not(::testing::HasSubstr("ip neigh")));
  exchange = {.seq = 1, .host = "web", .target = "web", .rtt_ns = 1000};
  EXPECT_THAT(shown(exchange), ::testing::HasSubstr("tracepkt could not follow it"));
  EXPECT_THAT(shown(exchange), ::testing::Not(::testing::HasSubstr("ip neigh")));
}

TEST(Table, AReplyAloneMayBeThatOfWhatIpsecEncrypted) {
  auto both = journeys();
  const auto shown = [](PingExchange exchange) {
    exchange.seq = 1;
    exchange.rtt_ns = 1000;
    return written(Format::kTable, ColorMode::kNever, [&](Sink& sink) { sink.exchange(exchange); })
        .out;
  };
  EXPECT_THAT(shown({.journeys = {&both[1], 1}}), ::testing::HasSubstr("The request was not seen"));
  EXPECT_THAT(shown({.journeys = {&both[1], 1}}), ::testing::HasSubstr("SRv6"));
  EXPECT_THAT(shown({.journeys = both}), ::testing::Not(::testing::HasSubstr("not seen")));
}

TEST(Table, WhatIsLostSightOfMayBeWaiting) {
  Journey lost{.id = 1, .packet = echo(false)};
  const auto shown = [&] {
    return written(Format::kTable, ColorMode::kNever, [&](Sink& sink) { sink.journey(lost); }).out;
  };
  const auto told = ::testing::HasSubstr("It may be waiting");
  lost.hops = {hop(1000, 7, "router", "eth0", STAGE_in, false)};
  lost.outcome = {.kind = OutcomeKind::kLost, .netns = lost.hops[0].netns};
  EXPECT_THAT(shown(), told);
  lost.hops[0].stage = STAGE_tx;
  EXPECT_THAT(shown(), ::testing::Not(told));
  lost.hops[0].stage = STAGE_neigh;
  lost.hops[0].note = decode::Neighbour{.address = {.family = 4, .bytes = {10, 0, 0, 7}}};
  EXPECT_THAT(shown(), ::testing::HasSubstr("WAITING in router"));
  EXPECT_THAT(shown(), ::testing::HasSubstr("the link address of its next hop 10.0.0.7"));
}

TEST(Table, ColourOnlyWhereAsked) {
  EXPECT_THAT(exchange(Format::kTable, ColorMode::kAuto).out,
              ::testing::Not(::testing::HasSubstr("\x1b")));  // a pipe
  EXPECT_THAT(exchange(Format::kTable, ColorMode::kAlways).out, ::testing::HasSubstr("\x1b[1;31m"));
}

// A journey that ended in a drop for this reason, in a namespace that is entered by a file.
Journey dropped(const char* reason, const char* netns, const char* netns_file) {
  Journey journey{.id = 1, .packet = echo(false)};
  journey.hops = {hop(1000, 7, netns, "eth0", STAGE_drop, false)};
  journey.hops[0].drop = journey::DropInfo{.reason = reason, .function = "f+0x1"};
  journey.outcome = {.kind = OutcomeKind::kDropped,
                     .netns = journey.hops[0].netns,
                     .drop = journey.hops[0].drop,
                     .netns_file = netns_file};
  return journey;
}

std::string table(const Journey& journey, ColorMode color = ColorMode::kNever) {
  return written(Format::kTable, color, [&](Sink& sink) { sink.journey(journey); }).out;
}

TEST(Table, TheCommandToCheckItWithIsForThatNamespace) {
  EXPECT_THAT(table(dropped("NETFILTER_DROP", "a b", "/run/netns/a b")),
              ::testing::HasSubstr("  Check it: ip netns exec 'a b' nft -a list ruleset\n"));
  EXPECT_THAT(table(dropped("NETFILTER_DROP", "", "")),
              ::testing::HasSubstr("  Check it, in that namespace: nft -a list ruleset\n"));
}

// Copied in two lines, it would be two commands.
TEST(Table, ACommandIsNotBrokenUp) {
  const std::string name(60, 'n');
  EXPECT_THAT(
      table(dropped("NETFILTER_DROP", name.c_str(), ("/run/netns/" + name).c_str())),
      ::testing::HasSubstr("  Check it:\n    ip netns exec " + name + " nft -a list ruleset\n"));
}

TEST(Table, WhyTheKernelMayNotHaveAnswered) {
  Journey request{.id = 1, .exchange = 1, .direction = Direction::kRequest, .packet = echo(false)};
  request.hops = {hop(1000, 7, "web", "eth0", STAGE_deliver, false)};
  request.outcome = {.kind = OutcomeKind::kDelivered,
                     .netns = request.hops[0].netns,
                     .netns_file = "/run/netns/web"};
  PingExchange exchange{.seq = 1, .host = "web", .target = "web", .journeys = {&request, 1}};
  const auto shown = [&] {
    return written(Format::kTable, ColorMode::kNever, [&](Sink& sink) { sink.exchange(exchange); })
        .out;
  };
  const auto told = ::testing::HasSubstr("  Check it: ip netns exec web ip route get ");
  EXPECT_THAT(shown(), told);
  EXPECT_THAT(
      written(Format::kJson, ColorMode::kNever, [&](Sink& sink) { sink.exchange(exchange); }).out,
      ::testing::HasSubstr(R"("answered":false,"advice":{"key":"unanswered",)"));
  exchange.trouble = "From 10.0.0.1: destination host unreachable";
  EXPECT_THAT(shown(), ::testing::Not(told));
}

TEST(Table, WhatIsNoFaultDoesNotLookLikeOne) {
  constexpr const char* kRed = "\x1b[1;31m";
  const std::string fault = table(dropped("TCP_INVALID_SYN", "web", ""), ColorMode::kAlways);
  EXPECT_THAT(fault, ::testing::HasSubstr(kRed));
  EXPECT_THAT(fault, ::testing::HasSubstr("DROPPED in web"));
  const std::string no_fault = table(dropped("TCP_OLD_DATA", "web", ""), ColorMode::kAlways);
  EXPECT_THAT(no_fault, ::testing::Not(::testing::HasSubstr(kRed)));
  EXPECT_THAT(no_fault, ::testing::HasSubstr("freed in web"));
  EXPECT_THAT(no_fault, ::testing::HasSubstr("Freed by the kernel in namespace web"));
  EXPECT_THAT(no_fault, ::testing::Not(::testing::HasSubstr("DROPPED")));
  EXPECT_THAT(written(Format::kJson, ColorMode::kNever,
                      [](Sink& sink) { sink.journey(dropped("TCP_OLD_DATA", "web", "")); })
                  .out,
              ::testing::HasSubstr(R"("harmless":true)"));
}

// A packet that a program of tc's let pass, and one of XDP's dropped.
Journey asked_about() {
  Journey one = journeys().front();
  const auto told = [](decode::ProgramVerdict::Kind kind, std::int32_t verdict) {
    decode::ProgramVerdict note{.kind = kind, .egress = true, .verdict = verdict, .id = 7};
    std::strcpy(note.name.bytes.data(), "watch");
    return note;
  };
  one.hops = {hop(1000, 2, "web", "eth0", STAGE_tc, false),
              hop(2000, 1, "host", "veth0", STAGE_xdp, false)};
  one.hops[0].note = told(decode::ProgramVerdict::Kind::kTcx, 0);
  one.hops[1].note = told(decode::ProgramVerdict::Kind::kXdpNative, 1);
  return one;
}

TEST(Table, AProgramThatLetsAPacketPassIsNoNews) {
  const auto text =
      written(Format::kTable, ColorMode::kNever, [](Sink& sink) { sink.journey(asked_about()); });
  EXPECT_THAT(text.out, ::testing::HasSubstr("xdp       watch (id 7): XDP_DROP"));
  EXPECT_THAT(text.out, ::testing::Not(::testing::HasSubstr("TCX_PASS")));
}

TEST(Json, TellsEachVerdict) {
  const auto text =
      written(Format::kJson, ColorMode::kNever, [](Sink& sink) { sink.journey(asked_about()); });
  EXPECT_THAT(text.out, ::testing::HasSubstr(R"("program":{"kind":"tcx","id":7,"name":"watch"},)"
                                             R"("direction":"egress","verdict":"TCX_PASS"})"));
  EXPECT_THAT(text.out, ::testing::HasSubstr(R"("program":{"kind":"xdpdrv","id":7,"name":"watch"},)"
                                             R"("verdict":"XDP_DROP"})"));
}

TEST(Table, WhatWasFreedIsNotAmongTheDropped) {
  Summary summary;
  summary.count(dropped("TCP_OLD_DATA", "web", ""));
  summary.count(dropped("NETFILTER_DROP", "web", ""));
  EXPECT_THAT(summary_words(summary),
              ::testing::StartsWith("traced 2 packets: 1 dropped, 1 freed; "));
}

TEST(Table, EveryLossIsSaid) {
  const Written text =
      written(Format::kTable, ColorMode::kNever, [](Sink& sink) { sink.summary(a_summary()); });
  EXPECT_EQ(text.out,
            "--- web ping statistics ---\n"
            "1 packets transmitted, 0 received\n"
            "traced 2 packets: 1 delivered, 1 dropped; 6 events, 3 LOST\n"
            "  lost 3 events that found the ring buffer full (ring_full)\n"
            "  not seen: tp_btf:x (this kernel has no such tracepoint)\n");
}

TEST(Json, HoldsTheNamesAsTheyAre) {
  const std::string text = exchange(Format::kJson).out;
  EXPECT_EQ(
      text.substr(0, text.find(",\"hops\"")),
      R"({"type":"journey","id":1,"exchange":1,"direction":"request","begin_ns":1001000,"duration_ns":8000,)"
      R"("packet":{"proto":"icmp","src":"172.17.0.1","dst":"172.17.0.2","icmp":{"type":8,"code":0,"id":7,"seq":1},"len":84,"ttl":64})");
  EXPECT_THAT(
      text,
      ::testing::HasSubstr(
          R"("netns":{"inode":4026533448,"name":"w\u001b[31meb"},"dev":{"index":3,"name":"e<u>%s0"})"));
  EXPECT_THAT(
      text,
      ::testing::HasSubstr(
          R"("outcome":{"kind":"dropped","netns":{"inode":4026531992,"name":"host"},"reason":"NETFILTER_DROP","function":"nf_hook_slow+0x9a",)"
          R"("advice":{"key":"firewall","cause":"A hook of the firewall dropped it: a rule or policy of iptables-legacy, NAT (no free port) or conntrack; )"
          R"(seldom IPVS or SELinux. On kernels before 6.7 that may be nftables as well, which frees what it drops itself since then.",)"
          R"("check":"sh -c 'nft -a list ruleset; iptables-legacy-save -c; conntrack -S'","mend":"Change the rule or policy that drops it, or accept the packet before it. )"
          R"(If none does, see `iptables-legacy-save -c` and `conntrack -S`."},"device")"));
}

TEST(Json, WhatCameOfAPing) {
  const std::string both = exchange(Format::kJson).out;
  EXPECT_THAT(both, ::testing::EndsWith(
                        "\n{\"type\":\"exchange\",\"exchange\":1,\"seq\":1,\"answered\":false}\n"));
  EXPECT_THAT(both,
              ::testing::HasSubstr(R"("stage":"deliver","src":"172.17.0.1","dst":"172.17.0.2",)"
                                   R"("ttl":64,"proto":"icmp","answered":true})"));
  const auto shown = [](const PingExchange& exchange) {
    return written(Format::kJson, ColorMode::kNever, [&](Sink& sink) { sink.exchange(exchange); })
        .out;
  };
  EXPECT_EQ(
      shown({.seq = 70000, .host = "web", .trouble = "no route"}),
      R"({"type":"exchange","exchange":null,"seq":70000,"answered":false,"trouble":"no route"})"
      "\n");
  EXPECT_EQ(shown({.seq = 2, .host = "web", .rtt_ns = 5, .ttl = 63}),
            R"({"type":"exchange","exchange":null,"seq":2,"answered":true,"rtt_ns":5,"ttl":63})"
            "\n");
}

TEST(Json, AnErrorHasNoIdAndNoSequenceNumber) {
  Journey error{.id = 1, .packet = echo(false)};
  error.packet.icmp = decode::Icmp{.type = 11, .code = 0, .id = 7, .seq = 8};
  error.packet.quoted_echo = decode::QuotedEcho{.icmp = {.type = 8, .id = 9, .seq = 1}};
  const std::string text =
      written(Format::kJson, ColorMode::kNever, [&](Sink& sink) { sink.journey(error); }).out;
  EXPECT_THAT(text, ::testing::HasSubstr(R"("icmp":{"type":11,"code":0},"about")"));
  EXPECT_THAT(text, ::testing::HasSubstr(R"("icmp":{"type":8,"code":0,"id":9,"seq":1}})"));
}

TEST(Json, SummaryCountsEveryCause) {
  const Written text =
      written(Format::kJson, ColorMode::kNever, [](Sink& sink) { sink.summary(a_summary()); });
  EXPECT_EQ(
      text.out,
      R"({"type":"summary","journeys":2,"delivered":1,"dropped":1,"left":0,"consumed":0,"lost_sight":0,"events":6,)"
      R"("lost":{"ring_full":3},"not_shown":0,"kernel":"6.12","probes":{"attached":["tp_btf:netif_rx"],)"
      R"("unavailable":[{"name":"tp_btf:x","why":"this kernel has no such tracepoint"}]},)"
      R"("ping":{"host":"web","transmitted":1,"received":0,"duplicates":0,"errors":0,"corrupted":0,"loss_percent":100}})"
      "\n");
}

TEST(Summary, SaysWhatAFileDoesNotTell) {
  Summary summary{.journeys = 1, .delivered = 1, .events = 4};
  EXPECT_THAT(summary_words(summary), ::testing::EndsWith("4 events, none lost\n"));
  summary.damage = {.places = 2, .bytes = 300, .has_end = false};
  EXPECT_EQ(summary_words(summary),
            "traced 1 packet: 1 delivered; 4 events, what was lost is not known\n"
            "  damaged: 300 bytes of the file, at 2 places, could not be read\n"
            "  the end of the file is missing, and with it what tracing lost\n");
  const Written text =
      written(Format::kJson, ColorMode::kNever, [&](Sink& sink) { sink.summary(summary); });
  EXPECT_THAT(text.out,
              ::testing::HasSubstr(R"("damaged":{"places":2,"bytes":300,"has_end":false}})"));
}

TEST(Summary, OfAFileThatWasReadInPartDoesNotSayThatNothingWasLost) {
  Summary summary{.journeys = 1, .delivered = 1, .events = 4};
  summary.damage.read_to_end = false;
  EXPECT_EQ(summary_words(summary),
            "traced 1 packet: 1 delivered; 4 events, what was lost is not known\n"
            "  the file was not read to its end, where it says what tracing lost\n");
  const Written text =
      written(Format::kJson, ColorMode::kNever, [&](Sink& sink) { sink.summary(summary); });
  EXPECT_THAT(text.out, ::testing::EndsWith(R"("read_to_end":false})"
                                            "\n"));
  EXPECT_THAT(text.out, ::testing::Not(::testing::HasSubstr("damaged")));
}

TEST(Output, AReaderThatStopsIsNotWaitedFor) {
  std::array<int, 2> ends;
  ASSERT_EQ(pipe(ends.data()), 0);
  Fd reader(ends[0]);
  const Fd writer(ends[1]);
  Output out(writer.get(), ColorMode::kNever);
  const std::string text(100'000, 'x');
  std::size_t written = 0;
  while (!out.is_stuck()) {
    out.write(text);
    out.offer();
    written += text.size();
    ASSERT_LT(written, 10'000'000u);
  }
  EXPECT_FALSE(out.closed());
  // What was taken is all of it in the end.
  std::thread rest([&] { out.flush(); });
  std::size_t read_bytes = 0;
  std::array<char, 65536> buffer;
  while (read_bytes < written) {
    const ssize_t size = ::read(reader.get(), buffer.data(), buffer.size());
    ASSERT_GT(size, 0);
    read_bytes += static_cast<std::size_t>(size);
  }
  rest.join();
  EXPECT_FALSE(out.is_stuck());
}

TEST(Output, AReaderThatGoesAwayEndsItQuietly) {
  std::array<int, 2> ends;
  ASSERT_EQ(pipe(ends.data()), 0);
  const Fd writer(ends[1]);
  ::close(ends[0]);
  std::signal(SIGPIPE, SIG_IGN);
  Output out(writer.get(), ColorMode::kNever);
  out.write("x");
  EXPECT_FALSE(out.closed());
  out.flush();
  EXPECT_TRUE(out.closed());
  EXPECT_EQ(out.error(), EPIPE);
}

}  // namespace
}  // namespace tracepkt::sinks
