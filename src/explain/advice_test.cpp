#include "explain/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "explain/words.h"

namespace tracepkt::explain {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Row {
  std::string_view name;
  std::string_view key;
  std::string_view check = {};
  std::string_view words;
};

constexpr auto kRemedies = std::to_array<Row>({
#define FAULT(key, check, mend) {#key, #key, check, mend},
#define NO_FAULT(key, check, mend) {#key, #key, check, mend},
#define SILENCE(key, cause, check, mend) {#key, #key, check, mend},
#include "explain/advice.def"
});
constexpr auto kReasons = std::to_array<Row>({
#define REASON(name, key, cause) {#name, #key, "", cause},
#include "explain/advice.def"
});
constexpr auto kPlaces = std::to_array<Row>({
#define PLACE(function, reason, key, cause) {#function " " #reason, #key, "", cause},
#include "explain/advice.def"
});
constexpr auto kOthers = std::to_array<Row>({
#define SILENCE(key, cause, check, mend) {#key, #key, "", cause},
#define ROUTE(type, key, cause) {#type, #key, "", cause},
#define RULE(asks_for, key, cause) {#asks_for, #key, "", cause},
#define PACKET(trait, reason, key, cause) {#trait " " #reason, #key, "", cause},
#include "explain/advice.def"
});
constexpr std::array<std::span<const Row>, 4> kTables = {kRemedies, kReasons, kPlaces, kOthers};

// What is left of a text without what advice_words() fills in.
std::string unfilled(std::string_view text) {
  return std::regex_replace(
      std::string(text),
      std::regex("\\{(in|dev|src|dst|hop|asking|who|waiting|came_in|host_src|"
                 "ruleset|ip_rule|pref|selector|rule_list|before|forwarding|forward)\\}"),
      "");
}

TEST(AdviceTable, NoRowIsThereTwice) {
  for (const auto rows : kTables) {
    std::set<std::string_view> names;
    for (const Row& row : rows) {
      EXPECT_TRUE(names.insert(row.name).second) << row.name;
    }
  }
}

TEST(AdviceTable, KeysAreWordsOfAProgramAndAreUsed) {
  std::set<std::string_view> used = {"unknown"};
  for (const auto rows : {kTables[1], kTables[2], kTables[3]}) {
    for (const Row& row : rows) {
      used.insert(row.key);
    }
  }
  for (const Row& row : kRemedies) {
    EXPECT_TRUE(std::regex_match(std::string(row.key), std::regex("[a-z][a-z0-9]*(_[a-z0-9]+)*")))
        << row.key;
    EXPECT_TRUE(used.contains(row.key)) << row.key;
  }
}

TEST(AdviceTable, EveryTextIsCompleteAndFillsInOnlyWhatIsKnown) {
  for (const auto rows : kTables) {
    for (const Row& row : rows) {
      EXPECT_TRUE(row.words.size() >= 8 && row.words.ends_with('.')) << row.name;
      EXPECT_EQ(std::ranges::count(row.words, '`') % 2, 0) << row.words;
      EXPECT_EQ(row.check.empty(), rows.data() != kRemedies.data()) << row.name;
      for (const std::string_view text : {row.check, row.words}) {
        EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; })) << text;
        EXPECT_EQ(text.find("  "), std::string_view::npos) << text;
        EXPECT_EQ(unfilled(text).find_first_of("{}"), std::string::npos) << text;
      }
    }
  }
}

// A command that is to be run in the namespace enters it first.
TEST(AdviceTable, CommandsEnterTheNamespaceAtTheirBeginning) {
  const std::regex of_a_namespace("\\{dev\\}|^(ip|ss|tc|nft|nstat|bridge) ");
  for (const Row& row : kRemedies) {
    const std::size_t in = row.check.find("{in}");
    EXPECT_TRUE(in == std::string_view::npos || in == 0) << row.check;
    EXPECT_EQ(row.check.find_first_of("|;&"), std::string_view::npos)
        << "only its first command would be run there: " << row.check;
    if (std::regex_search(std::string(row.check), of_a_namespace)) {
      EXPECT_EQ(in, 0u) << row.check;
    }
  }
}

journey::DropInfo drop(const char* reason, const char* function) {
  return {.raw = {}, .reason = reason, .function = function};
}

TEST(FindAdvice, AMulticastThatNobodyJoinedIsNoFault) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = 2};
  packet.dst = {.family = 4, .bytes = {224, 0, 0, 22}};
  const Advice found = find_advice(drop("NOT_SPECIFIED", "ip_rcv_finish_core+0x1"), &packet);
  EXPECT_EQ(found.key, "multicast_group");
  EXPECT_TRUE(found.harmless);
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "__udp4_lib_rcv+0x1"), &packet).key,
            "multicast_group");
  packet.dst = {.family = 4, .bytes = {10, 0, 0, 22}};
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "__udp4_lib_rcv+0x1"), &packet).key, "bad_header");
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "ip_rcv_finish_core+0x1"), &packet).key,
            "source_refused");
}

TEST(FindAdvice, ByWhatIsInThePacket) {
  const decode::Packet plain{.ethertype = 0x0800, .protocol = 17, .src = {.family = 4}};
  decode::Packet packet = plain;
  packet.ip_options = true;
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "ip_rcv_finish_core+0x1"), &packet).key,
            "ip_options");
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "ip_rcv_finish_core+0x1"), &plain).key,
            "source_refused");
  // IP that nobody takes is not of an unknown protocol: the port gives nothing on.
  const auto unhandled = drop("UNHANDLED_PROTO", "__netif_receive_skb_core.constprop.0+0x13e");
  EXPECT_EQ(find_advice(unhandled, &plain).key, "inactive_port");
  const decode::Packet lldp{.ethertype = 0x88cc};
  EXPECT_EQ(find_advice(unhandled, &lldp).key, "unknown_link_protocol");
  EXPECT_EQ(find_advice(drop("UNHANDLED_PROTO", "ip6_tlvopt_unknown+0x6e"), &plain).key,
            "bad_extension_header");
}

TEST(FindAdvice, ASegmentWithoutAConnectionIsNoRequestForOne) {
  decode::Packet segment{.ethertype = 0x0800, .protocol = IPPROTO_TCP, .tcp_flags = TH_SYN};
  const auto key = [&](std::uint8_t flags, const char* reason, const char* function) {
    segment.tcp_flags = flags;
    return find_advice(drop(reason, function), &segment).key;
  };
  EXPECT_EQ(key(TH_SYN, "NO_SOCKET", "tcp_v4_rcv+0x1"), "port_closed");
  EXPECT_EQ(key(TH_SYN | TH_ACK, "NO_SOCKET", "tcp_v4_rcv+0x1"), "unasked_answer");
  EXPECT_EQ(key(TH_PUSH | TH_ACK, "NO_SOCKET", "tcp_v6_rcv+0x1"), "no_connection");
  EXPECT_EQ(key(TH_RST, "NO_SOCKET", "tcp_v4_rcv+0x1"), "no_connection_to_reset");
  EXPECT_EQ(key(TH_RST | TH_ACK, "NO_SOCKET", "tcp_v4_rcv+0x1"), "no_connection_to_reset");
  EXPECT_TRUE(find_advice(drop("NO_SOCKET", "tcp_v4_rcv+0x1"), &segment).harmless);
  // To a server that was started again.
  EXPECT_EQ(key(TH_PUSH | TH_ACK, "TCP_FLAGS", "tcp_v4_do_rcv+0x7c"), "no_connection");
  EXPECT_EQ(key(TH_SYN | TH_ACK, "TCP_FLAGS", "tcp_v4_do_rcv+0x7c"), "unasked_answer");
  EXPECT_EQ(key(TH_SYN | TH_FIN, "TCP_FLAGS", "tcp_v4_do_rcv+0x7c"), "tcp_invalid");
  EXPECT_EQ(find_advice(drop("NO_SOCKET", "tcp_v4_rcv+0x1")).key, "port_closed");
  segment.protocol = IPPROTO_UDP;
  EXPECT_EQ(find_advice(drop("NO_SOCKET", "__udp4_lib_rcv+0x1"), &segment).key, "port_closed");
}

TEST(FindAdvice, TheThirdSegmentWithACookieMeetsAFullQueue) {
  const decode::Packet ack{.ethertype = 0x0800, .protocol = IPPROTO_TCP, .tcp_flags = TH_ACK};
  for (const char* function : {"cookie_v4_check+0x4e5", "cookie_v6_check+0x1"}) {
    EXPECT_EQ(find_advice(drop("NO_SOCKET", function), &ack).key, "tcp_listen_queue_full");
  }
}

TEST(FindAdvice, AProbeHasNoDataThatHadComeBefore) {
  decode::Packet segment{
      .ethertype = 0x0800, .protocol = IPPROTO_TCP, .tcp_flags = TH_ACK, .tcp_data = 0};
  const auto old = drop("TCP_OLD_SEQUENCE", "tcp_validate_incoming+0x15b");
  EXPECT_EQ(find_advice(old, &segment).key, "tcp_probe");
  EXPECT_TRUE(find_advice(old, &segment).harmless);
  segment.tcp_data = 100;
  EXPECT_EQ(find_advice(old, &segment).key, "tcp_duplicate");
}

TEST(FindAdvice, WhatIsThrownAwayByItsFamilyAndProtocol) {
  const auto thrown = drop("NOT_SPECIFIED", "dst_discard_out+0x14");
  decode::Packet packet{.ethertype = 0x0800, .protocol = IPPROTO_UDP};
  packet.dst.family = 4;
  EXPECT_EQ(find_advice(thrown, &packet).key, "ipsec_state") << "no blackhole has packets";
  packet.dst.family = 6;
  EXPECT_EQ(find_advice(thrown, &packet).key, "discarded");
  packet.protocol = IPPROTO_NONE;
  EXPECT_TRUE(find_advice(thrown, &packet).harmless);
  EXPECT_TRUE(find_advice(drop("", "dst_discard+0x4"), &packet).harmless);
  EXPECT_EQ(find_advice(thrown).key, "discarded");
}

TEST(FindAdvice, WhereThereAreReasonsHavingNoneSaysMore) {
  EXPECT_EQ(find_advice(drop("", "__udp4_lib_rcv+0x1")).key, "port_closed");
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "__udp4_lib_rcv+0x1")).key, "bad_header");
}

TEST(FindAdvice, OfWrongHeadersWhatIsWrong) {
  EXPECT_THAT(find_advice(drop("IP_INHDR", "ip6_rcv_core+0x1")).cause, HasSubstr("an address"));
  EXPECT_EQ(find_advice(drop("IP_INHDR", "ip_rcv_finish_core+0x25b")).key, "ip_options");
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "ipv6_rthdr_rcv+0xa08")).key, "routing_header");
}

TEST(FindAdvice, OfTunnelsByTheirKind) {
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "ip_tunnel_xmit+0x11c")).check,
            "{in}ip -d link show dev {dev}");
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "wg_xmit+0x1")).check, "{in}wg show {dev}");
  for (const char* function : {"geneve_udp_encap_recv+0x7b", "tunnel46_rcv+0x76"}) {
    EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", function)).key, "tunnel_not_found") << function;
  }
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "vlan_do_receive+0x2d3")).key, "vlan_down");
}

TEST(FindAdvice, ByReason) {
  EXPECT_EQ(find_advice(drop("NETFILTER_DROP", "")).key, "firewall");
  EXPECT_EQ(find_advice(drop("NO_SOCKET", "__udp4_lib_rcv+0x12")).key, "port_closed");
  EXPECT_EQ(find_advice(drop("OVS_DROP_METER", "")).key, "ovs_meter");
  EXPECT_EQ(find_advice(drop("NEIGH_FAILED", "ip_forward+0x1")).key, "neighbour_failed")
      << "of a function, only what it says of this reason counts";
}

TEST(FindAdvice, ByFunctionWhereThereIsNoReason) {
  for (const char* reason : {"", "NOT_SPECIFIED"}) {
    EXPECT_EQ(find_advice(drop(reason, "nf_hook_slow+0x9a")).key, "firewall");
    EXPECT_EQ(find_advice(drop(reason, "ip_rcv_finish_core.isra.0+0x1a2")).key, "source_refused");
    EXPECT_EQ(find_advice(drop(reason, "tcp_v4_rcv.cold+0x7")).key, "tcp_refused");
    EXPECT_EQ(find_advice(drop(reason, "arp_error_report")).key, "neighbour_failed");
  }
}

TEST(FindAdvice, AFunctionSaysMoreOfAReason) {
  EXPECT_EQ(find_advice(drop("IP_INHDR", "ip_rcv_core+0x1")).key, "bad_header");
  EXPECT_EQ(find_advice(drop("IP_INHDR", "ip_forward+0x1")).key, "ttl_exceeded");
  EXPECT_EQ(find_advice(drop("NO_SOCKET", "icmp_rcv+0x1")).key, "nobody_waits");
  EXPECT_EQ(find_advice(drop("NO_TX_TARGET", "br_handle_frame_finish+0x140")).key,
            "bridge_no_port");
  EXPECT_EQ(find_advice(drop("NO_TX_TARGET", "vxlan_xmit+0x1")).key, "tunnel_no_target");
  EXPECT_THAT(find_advice(drop("IP_INNOROUTES", "ip6_pkt_prohibit+0x14")).cause,
              HasSubstr("prohibited"));
}

TEST(FindAdvice, TheBridgesOwnCopyOfWhatIsForEverybodyIsNoFault) {
  const auto refused = drop("NOT_SPECIFIED", "br_pass_frame_up+0x1b5");
  decode::Packet packet{.ethertype = 0x0806, .arp = decode::Arp{.op = 1}};
  EXPECT_TRUE(find_advice(refused, &packet).harmless);
  packet.arp->op = 2;
  EXPECT_FALSE(find_advice(refused, &packet).harmless);
  EXPECT_EQ(find_advice(refused, &packet).key, "bridge_vlan");
}

TEST(FindAdvice, WhatFitsEveryLinkIsNotTooLongForTheOtherEnd) {
  const auto refused = drop("NOT_SPECIFIED", "__dev_forward_skb2+0x87");
  const decode::Packet ping{.ethertype = 0x0800, .protocol = 1, .len = 84};
  EXPECT_EQ(find_advice(refused, &ping).key, "peer_down");
  const decode::Packet segment{.ethertype = 0x0800, .protocol = 6, .len = 1500};
  EXPECT_EQ(find_advice(refused, &segment).key, "peer_refused");
}

TEST(FindAdvice, WhatInterfacesSayByThemselvesIsNoFault) {
  decode::Packet packet{.ethertype = 0x86dd, .protocol = 58};
  packet.dst = {.family = 6, .bytes = {0xff, 2}};
  packet.src = {.family = 6, .bytes = {0xfe, 0x80}};
  packet.icmp = decode::Icmp{.type = 143};
  EXPECT_TRUE(find_advice(drop("IP_INNOROUTES", "ip6_pkt_discard+0x14"), &packet).harmless);
  EXPECT_TRUE(find_advice(drop("NO_TX_TARGET", "br_flood+0x14"), &packet).harmless);
  packet.icmp->type = 135;  // somebody's link address is asked for
  EXPECT_EQ(find_advice(drop("NO_TX_TARGET", "br_flood+0x14"), &packet).key, "bridge_no_port");
  packet.src = {.family = 6, .bytes = {}};
  EXPECT_EQ(find_advice(drop("NO_TX_TARGET", "br_flood+0x14"), &packet).key, "interface_news");
}

TEST(FindAdvice, AnEchoReplyIsOneWhereverThatIsFound) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = 1};
  packet.icmp = decode::Icmp{.type = 0};
  for (const char* function : {"ping_rcv+0x1", "icmp_rcv+0x1"}) {
    EXPECT_EQ(find_advice(drop("NO_SOCKET", function), &packet).key, "echo_reply");
  }
}

TEST(FindAdvice, WhatWasTakenIsNoFaultWhateverItsPlace) {
  journey::DropInfo taken = drop("NOT_SPECIFIED", "tcp_v4_rcv+0x1");
  taken.taken = true;
  EXPECT_TRUE(find_advice(taken).harmless);
}

TEST(FindAdvice, WhatTcpDoesNotTakeWithoutAReason) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = 6, .tcp_flags = 2};
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "tcp_v4_rcv+0x1"), &packet).key, "tcp_link_address");
  EXPECT_EQ(find_advice(drop("", "tcp_v4_rcv+0x1"), &packet).key, "tcp_refused");
  packet.tcp_cut = true;
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "tcp_v4_rcv+0x1"), &packet).key, "bad_header");
}

// An interface without carrier has a queueing discipline that drops all.
TEST(FindAdvice, AnInterfaceThatIsDownIsAmongWhatItMayBe) {
  EXPECT_THAT(find_advice(drop("QDISC_DROP", "__dev_queue_xmit+0xd01")).cause,
              HasSubstr("no carrier"));
}

TEST(FindAdvice, ThePacketSaysThatItsTtlRanOut) {
  decode::Packet packet{.ttl = 1};
  EXPECT_EQ(find_advice(drop("", "ip_forward+0x1"), &packet).key, "ttl_exceeded");
  EXPECT_EQ(find_advice(drop("", "ip6_forward+0x1"), &packet).key, "ttl_exceeded");
  EXPECT_EQ(find_advice(drop("", "nf_hook_slow+0x1"), &packet).key, "firewall");
  packet.ttl = 2;
  EXPECT_EQ(find_advice(drop("", "ip_forward+0x1"), &packet).key, "forward_refused");
  EXPECT_EQ(find_advice(drop("", "ip_forward+0x1")).key, "forward_refused");
}

TEST(FindAdvice, LaterFragmentsAreFreedWithTheOneBefore) {
  decode::Packet fragment{.ethertype = 0x0800};
  fragment.later_fragment = true;
  for (const char* function : {"ip_do_fragment+0x4ca", "ip6_fragment+0x1", "kfree_skb_list+0x2",
                               "skb_release_data.isra.0+0x2"}) {
    journey::DropInfo drop{.raw = {}, .reason = "NOT_SPECIFIED", .function = function};
    EXPECT_EQ(find_advice(drop, &fragment).key, "fragments_freed") << function;
    drop.reason = "NETFILTER_DROP";
    EXPECT_EQ(find_advice(drop, &fragment).key, "firewall") << function;
  }
  const decode::Packet whole{.ethertype = 0x0800};
  const journey::DropInfo drop{.raw = {}, .reason = "", .function = "ip_do_fragment+0x4ca"};
  EXPECT_EQ(find_advice(drop, &whole).key, "mtu");
}

TEST(FindAdvice, WhatIsNoFaultIsSaidToBeNone) {
  EXPECT_TRUE(find_advice(drop("TCP_OLD_DATA", "tcp_data_queue+0x1")).harmless);
  EXPECT_TRUE(find_advice(drop("SKB_CONSUMED", "")).harmless);
  EXPECT_FALSE(find_advice(drop("TCP_ZEROWINDOW", "tcp_data_queue+0x1")).harmless);
  EXPECT_FALSE(find_advice(drop("", "")).harmless);
}

TEST(FindAdvice, NamesThatItKnows) {
  EXPECT_TRUE(knows_reason("NETFILTER_DROP"));
  EXPECT_TRUE(knows_reason("NOT_SPECIFIED"));
  EXPECT_FALSE(knows_reason("OF_A_LATER_KERNEL"));
}

journey::Journey dropped_in(const char* name, const char* file, const journey::DropInfo& why) {
  journey::Journey journey;
  journey.packet = {.ethertype = 0x0800};
  journey.packet.src = {.family = 4, .bytes = {10, 0, 0, 1}};
  journey.packet.dst = {.family = 4, .bytes = {10, 0, 0, 2}};
  journey.outcome = {.kind = journey::OutcomeKind::kDropped,
                     .netns = {.inode = 7, .name = name},
                     .drop = why,
                     .netns_file = file};
  return journey;
}

TEST(AdviceWords, WhatTheTableDoesNotKnowIsNamed) {
  const auto words = [](const char* reason, const char* function) {
    return *advice_words(dropped_in("web", "", drop(reason, function)));
  };
  EXPECT_EQ(words("OF_A_LATER\x1b_KERNEL", "f+0x1").key, "unknown");
  EXPECT_THAT(words("OF_A_LATER\x1b_KERNEL", "f+0x1").cause, HasSubstr(" OF_A_LATER\\x1b_KERNEL,"));
  EXPECT_THAT(words("NOT_SPECIFIED", "some_function.part.0+0x12").cause,
              HasSubstr(" some_function "));
  EXPECT_THAT(words("", "").cause, HasSubstr("gives no reason"));
}

TEST(AdviceWords, TheCommandEntersTheNamespace) {
  const auto check = [](const char* name, const char* file) {
    return advice_words(dropped_in(name, file, drop("NETFILTER_DROP", "")))->check;
  };
  EXPECT_EQ(check("host", ""), "nft -a list ruleset");
  EXPECT_EQ(check("q1", "/run/netns/q1"), "ip netns exec q1 nft -a list ruleset");
  EXPECT_EQ(check("web", "/proc/4711/ns/net"),
            "nsenter --net=/proc/4711/ns/net nft -a list ruleset");
  EXPECT_EQ(check("a b'c", "/run/netns/a b'c"), "ip netns exec 'a b'\\''c' nft -a list ruleset");
  EXPECT_EQ(check("w\x1b[31m", "/run/netns/w\x1b[31m"),
            "ip netns exec $'w\\x1b[31m' nft -a list ruleset");
  EXPECT_EQ(check("-n", "/run/netns/-n"), "nsenter --net=/run/netns/-n nft -a list ruleset")
      << "ip would take it for an option";
}

TEST(AdviceWords, WhereItCannotEnterTheNamespaceItSaysSo) {
  const auto enter_first = [](const char* name, const char* file, const char* reason) {
    return advice_words(dropped_in(name, file, drop(reason, "")))->enter_first;
  };
  EXPECT_TRUE(enter_first("", "", "NETFILTER_DROP"));
  EXPECT_FALSE(enter_first("host", "", "NETFILTER_DROP"));
  EXPECT_FALSE(enter_first("web", "/run/netns/web", "NETFILTER_DROP"));
  EXPECT_FALSE(enter_first("", "", "CPU_BACKLOG")) << "that is the machine's, not the namespace's";
}

TEST(AdviceWords, WhoWaitsForANextHopIsToldHowToFollowTheRequestsForIt) {
  journey::Journey journey = dropped_in("web", "/run/netns/web", drop("NEIGH_FAILED", ""));
  EXPECT_THAT(advice_words(journey)->mend, HasSubstr("`tracepkt trace arp and host ADDRESS`"));
  journey::Hop asked{.netns = journey.outcome.netns, .stage = STAGE_neigh};
  asked.note = decode::Neighbour{.address = {.family = 4, .bytes = {10, 0, 0, 254}}};
  journey.hops = {asked};
  EXPECT_THAT(advice_words(journey)->mend, HasSubstr("`tracepkt trace arp and host 10.0.0.254`"));
  EXPECT_THAT(advice_words(journey)->mend, HasSubstr("hop, 10.0.0.254, must"));
  EXPECT_EQ(asking_filter(6, "fd00::1"), "'icmp6 and ip6[40] >= 135 and ip6[40] <= 136'");
}

TEST(AdviceWords, NamesAndAddressesAreFilledIn) {
  journey::Journey journey = dropped_in("web", "/run/netns/web", drop("IP_RPFILTER", ""));
  EXPECT_THAT(advice_words(journey)->mend, HasSubstr("/conf/DEV/rp_filter"))
      << "a word to be replaced";
  journey.outcome.device.index = 3;
  std::ranges::copy(std::string_view("e;id"), journey.outcome.device.name.bytes.begin());
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web ip route get 10.0.0.1");
  EXPECT_THAT(advice_words(journey)->mend, StartsWith("Route 10.0.0.1 back "));
  EXPECT_THAT(advice_words(journey)->mend,
              HasSubstr("`ip netns exec web sysctl -w net/ipv4/conf/'e;id'/rp_filter=2`"));

  // After NAT.
  journey::Hop hop{.stage = STAGE_drop, .packet = journey.packet};
  hop.packet->src.bytes[3] = 9;
  journey.hops = {hop};
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web ip route get 10.0.0.9");
}

TEST(AdviceWords, TheRouteBeforeTheDropSaysMoreThanThereBeingNone) {
  const auto words = [](const char* reason, const char* function, int error) {
    journey::Journey journey = dropped_in("web", "/run/netns/web", drop(reason, function));
    journey.hops = {{.stage = STAGE_route, .route = decode::Route{.table = 254, .error = error}},
                    {.stage = STAGE_drop, .packet = journey.packet}};
    return *advice_words(journey);
  };
  EXPECT_THAT(words("NOT_SPECIFIED", "ip_error+0x94", EINVAL).cause, HasSubstr("blackhole"));
  EXPECT_EQ(words("NOT_SPECIFIED", "ip_error+0x94", EINVAL).check,
            "ip netns exec web ip route show table all match 10.0.0.2");
  EXPECT_EQ(words("NOT_SPECIFIED", "ip_error+0x94", EHOSTUNREACH).key, "route_refuses");
  EXPECT_THAT(words("NOT_SPECIFIED", "ip_error+0x94", EACCES).cause, HasSubstr("prohibits"));
  EXPECT_EQ(words("NOT_SPECIFIED", "ip_error+0x94", ENETUNREACH).key, "input_refused");
  EXPECT_EQ(words("IP_INNOROUTES", "ip_error+0x94", ENETUNREACH).key, "no_route");
  EXPECT_EQ(words("NETFILTER_DROP", "", EINVAL).key, "firewall");
}

TEST(AdviceWords, WhatIsThrownAwayOnAGoodRouteWaitsForIpsec) {
  const auto words = [](std::uint8_t type) {
    journey::Journey journey =
        dropped_in("web", "/run/netns/web", drop("NOT_SPECIFIED", "dst_discard_out+0x14"));
    journey.hops = {{.stage = STAGE_route, .route = decode::Route{.table = 254, .type = type}},
                    {.stage = STAGE_drop, .packet = journey.packet, .drop = *journey.outcome.drop}};
    return *advice_words(journey);
  };
  EXPECT_EQ(words(RTN_UNICAST).key, "ipsec_state");
  EXPECT_EQ(words(RTN_BLACKHOLE).key, "route_refuses");
}

TEST(AdviceWords, ARoutingRuleThatRefusesIsNamed) {
  journey::Journey journey = dropped_in("web", "/run/netns/web", drop("NOT_SPECIFIED", "ip_error"));
  journey.hops = {{.stage = STAGE_route,
                   .route = decode::Route{.table = 255, .error = EAGAIN},
                   .routing_rule = journey::RoutingRule{.priority = 100,
                                                        .text = "from 10.1.0.0/24 prohibit",
                                                        .refuses = RTN_PROHIBIT}},
                  {.stage = STAGE_icmp},
                  {.stage = STAGE_drop, .packet = journey.packet}};
  const AdviceWords words = *advice_words(journey);
  EXPECT_EQ(words.key, "rule_refuses");
  EXPECT_THAT(words.cause, HasSubstr("100: from 10.1.0.0/24 prohibit"));
  EXPECT_EQ(words.check, "ip netns exec web ip rule");
  EXPECT_THAT(words.mend,
              HasSubstr("`ip netns exec web ip rule del pref 100 from 10.1.0.0/24 prohibit`"));

  journey.hops[0].routing_rule->text = "from all iif e;id prohibit";
  EXPECT_THAT(advice_words(journey)->mend,
              HasSubstr(" del pref 100 from all iif 'e;id' prohibit`"));

  // One that led to a table does not.
  journey.hops[0].routing_rule->refuses = 0;
  EXPECT_EQ(advice_words(journey)->key, "input_refused");
}

TEST(AdviceWords, WhatIsDroppedAsInvalidHasAdviceOfItsOwn) {
  journey::Journey journey = dropped_in("web", "/run/netns/web", drop("NETFILTER_DROP", ""));
  decode::Netfilter netfilter{.family = 2, .verdict = 0, .rule = 3, .table = "t", .chain = "in"};
  journey.outcome.chain = journey::ChainWalk{.base = netfilter, .rules = {}};
  netfilter.kind = NETFILTER_RULE;
  journey.outcome.chain->rules = {{.raw = netfilter, .text = "ct state invalid drop"}};
  const AdviceWords words = *advice_words(journey);
  EXPECT_EQ(words.key, "conntrack_invalid");
  EXPECT_EQ(words.check, "ip netns exec web conntrack -S");
  EXPECT_THAT(words.cause, StartsWith("Dropped by a firewall rule in namespace web (nftables, "));
  EXPECT_THAT(words.cause, HasSubstr("). conntrack calls it INVALID"));
  journey.outcome.chain->rules[0].text = "drop";
  EXPECT_EQ(advice_words(journey)->key, "firewall");
}

TEST(AdviceWords, ForwardingIsSwitchedOffOfAnInterfaceToo) {
  journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("IP_INADDRERRORS", "ip_error+0x94"));
  journey.outcome.device = {.index = 2, .name = {{"eth0"}}};
  EXPECT_EQ(advice_words(journey)->check,
            "ip netns exec web sysctl net.ipv4.ip_forward net/ipv4/conf/eth0/forwarding");
  journey.packet.dst = {.family = 6, .bytes = {0xfd, 1}};
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web sysctl net.ipv6.conf.all.forwarding");
  EXPECT_THAT(
      advice_words(journey)->mend,
      StartsWith("If this is to be a router: `ip netns exec web sysctl -w net.ipv6.conf.all.f"));
}

TEST(AdviceWords, WhoHasAWrongLinkAddressIsNamed) {
  journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("OTHERHOST", "ip_rcv_core+0x22c"));
  EXPECT_THAT(advice_words(journey)->mend, HasSubstr(" the one before has "));
  journey::Hop hop{.netns = {.inode = 77, .name = "db"}, .stage = STAGE_route};
  hop.route = decode::Route{.table = 254};
  journey.hops = {hop};
  EXPECT_THAT(advice_words(journey)->mend, HasSubstr(" the one before (namespace db) has "));
}

TEST(AdviceWords, WhatNftablesHasNotDroppedItsListDoesNotShow) {
  const auto of = [](const char* function) {
    return *advice_words(dropped_in("web", "/run/netns/web", drop("NETFILTER_DROP", function)));
  };
  EXPECT_EQ(of("nft_do_chain+0x3e8").check, "ip netns exec web nft -a list ruleset");
  EXPECT_EQ(of("nf_hook_slow+0xaa").key, "firewall");
  EXPECT_EQ(of("nf_hook_slow+0xaa").check,
            "ip netns exec web sh -c 'nft -a list ruleset; iptables-legacy-save -c; conntrack -S'");
  EXPECT_THAT(of("nf_hook_slow+0xaa").cause, HasSubstr("iptables-legacy, NAT"));
}

TEST(AdviceWords, WhatCameInIsLookedUpAsSuch) {
  journey::Journey journey = dropped_in("web", "/run/netns/web", drop("", "ip6_pkt_prohibit+0x14"));
  journey.outcome.device = {.index = 2, .name = {{"eth0"}}};
  journey.packet.dst = {.family = 6, .bytes = {0xfd, 1}};
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web ip route get fd01::");
  journey.hops = {{.netns = journey.outcome.netns, .stage = STAGE_in}};
  EXPECT_EQ(advice_words(journey)->check,
            "ip netns exec web ip route get fd01:: from 10.0.0.1 iif eth0");
  EXPECT_THAT(advice_words(journey)->mend, HasSubstr("`ip netns exec web ip -6 rule`"));
}

TEST(AdviceWords, APacketWithoutAddressesIsNotLookedForByOne) {
  journey::Journey journey = dropped_in("web", "/run/netns/web", drop("IP_INHDR", "ip_rcv_core"));
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web tcpdump -nvvc10 -i DEV host 10.0.0.1");
  journey.packet = {.ethertype = 0x0800};
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web tcpdump -nvvc10 -i DEV");
}

TEST(AdviceWords, PastTheLastChainItWasNoRule) {
  journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("NETFILTER_DROP", "nf_hook_slow+0xaa"));
  journey.hops = {
      {.netns = journey.outcome.netns, .device = journey.outcome.device, .stage = STAGE_netfilter},
      {.netns = journey.outcome.netns, .device = journey.outcome.device, .stage = STAGE_drop}};
  journey.hops[1].drop = journey.outcome.drop;
  EXPECT_EQ(advice_words(journey)->key, "firewall");
  journey.hops[0].chain = journey::ChainWalk{.base = decode::Netfilter{.verdict = 1}, .rules = {}};
  EXPECT_EQ(advice_words(journey)->key, "nat_refused");
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web conntrack -S");
  journey.outcome.conntrack_full = true;
  EXPECT_EQ(advice_words(journey)->key, "conntrack_full");
}

TEST(SilenceWords, OfARequestThatAProgramBehindAnInterfaceTook) {
  journey::Journey request = dropped_in("web", "/run/netns/web", {});
  request.outcome.kind = journey::OutcomeKind::kDelivered;
  request.outcome.drop.reset();
  request.outcome.socket = decode::Socket{.pid = 7};
  request.outcome.device = {.index = 2, .name = {{"eth0"}}};
  request.packet.protocol = 1;
  request.packet.icmp = decode::Icmp{.type = 8};
  request.hops = {{.device = request.outcome.device, .stage = STAGE_tx},
                  {.device = request.outcome.device, .stage = STAGE_deliver}};
  ASSERT_TRUE(silence_words(request).has_value());
  EXPECT_EQ(silence_words(request)->key, "unanswered_by_process");
  EXPECT_EQ(silence_words(request)->check, "ip netns exec web ip -s -d link show dev eth0");
  request.hops[0].stage = STAGE_in;  // a socket that gets a copy
  EXPECT_FALSE(silence_words(request).has_value());
}

TEST(SilenceWords, OfARequestThatTheKernelTookAndDidNotAnswer) {
  journey::Journey request = dropped_in("web", "/run/netns/web", {});
  request.outcome.kind = journey::OutcomeKind::kDelivered;
  request.outcome.drop.reset();
  request.packet.protocol = 1;
  request.packet.icmp = decode::Icmp{.type = 8};
  request.hops = {{.stage = STAGE_deliver}};
  ASSERT_TRUE(silence_words(request).has_value());
  EXPECT_EQ(silence_words(request)->check, "ip netns exec web ip route get 10.0.0.1 from 10.0.0.2");
  EXPECT_THAT(silence_words(request)->cause, HasSubstr("no way back to 10.0.0.1"));

  request.hops[0].answered = true;
  EXPECT_FALSE(silence_words(request).has_value());
  request.hops[0].answered = false;
  request.outcome.socket = decode::Socket{};
  EXPECT_FALSE(silence_words(request).has_value());
  request.outcome.socket.reset();
  request.outcome.kind = journey::OutcomeKind::kLeft;
  EXPECT_FALSE(silence_words(request).has_value());
  request.outcome.kind = journey::OutcomeKind::kDelivered;
  request.packet.icmp->type = 0;
  EXPECT_FALSE(silence_words(request).has_value());
}

TEST(AdviceWords, OfWhatIsInAQueueStill) {
  journey::Journey sent = dropped_in("web", "/run/netns/web", {});
  sent.outcome.kind = journey::OutcomeKind::kLeft;
  sent.outcome.drop.reset();
  sent.outcome.device = {.index = 2, .name = {.bytes = {'e', '0'}}};
  sent.outcome.seen = false;
  sent.hops = {{.stage = STAGE_tx, .note = {}}};
  EXPECT_FALSE(advice_words(sent).has_value());
  EXPECT_EQ(outcome_words(sent), "left through e0");
  EXPECT_THAT(cause_words(sent),
              HasSubstr("may still be in the queue of e0: `tc -s qdisc show dev e0`"));
  sent.hops.push_back({.stage = STAGE_qdisc, .note = decode::Queue{.waits = true}});
  sent.hops.back().device = sent.outcome.device;
  sent.hops.back().netns = sent.outcome.netns;
  ASSERT_TRUE(advice_words(sent).has_value());
  EXPECT_EQ(advice_words(sent)->check, "ip netns exec web tc -s qdisc show dev e0");
  EXPECT_EQ(outcome_words(sent), "WAITING in the queue of e0");
  EXPECT_EQ(cause_words(sent), "");
  sent.hops.back().note = decode::Queue{};
  EXPECT_FALSE(advice_words(sent).has_value());
  EXPECT_EQ(cause_words(sent), "Nothing more was heard of it on this machine after that.");
}

TEST(AdviceWords, OnlyOfWhatWasDropped) {
  journey::Journey journey = dropped_in("web", "", drop("NETFILTER_DROP", ""));
  journey.outcome.kind = journey::OutcomeKind::kDelivered;
  EXPECT_FALSE(advice_words(journey).has_value());
}

}  // namespace
}  // namespace tracepkt::explain
