#include "explain/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace tracepkt::explain {
namespace {

using ::testing::HasSubstr;

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
                 "sockets|ruleset|legacy_save|ip_rule|pref|selector|rule_list|ignore_echo|before|"
                 "nat|redirect|forwarding|forward|"
                 "tunnel|overhead)\\}"),
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

TEST(FindAdvice, ABroadcastThatNobodyListensToIsNoFault) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = 17};
  packet.dst = {.family = 4, .bytes = {255, 255, 255, 255}};
  for (const char* reason : {"", "NOT_SPECIFIED"}) {
    const Advice found = find_advice(drop(reason, "__udp4_lib_rcv+0x1"), &packet);
    EXPECT_EQ(found.key, "broadcast_port");
    EXPECT_TRUE(found.harmless);
  }
  packet.dst = {.family = 4, .bytes = {10, 0, 0, 255}};
  journey::DropInfo to_all = drop("NOT_SPECIFIED", "udp_rcv+0x1");
  EXPECT_EQ(find_advice(to_all, &packet).key, "bad_header");
  to_all.raw.broadcast = true;
  EXPECT_EQ(find_advice(to_all, &packet).key, "broadcast_port");
}

TEST(FindAdvice, ABroadcastOfAnotherNetworkIsNothingToForward) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = 17};
  packet.dst = {.family = 4, .bytes = {10, 0, 0, 255}};
  for (const char* reason : {"", "IP_INADDRERRORS"}) {
    journey::DropInfo to_all = drop(reason, "ip_error+0x1");
    EXPECT_EQ(find_advice(to_all, &packet).key, find_advice(drop(reason, "ip_error"), nullptr).key);
    to_all.raw.broadcast = true;
    EXPECT_EQ(find_advice(to_all, &packet).key, "broadcast_network");
    EXPECT_TRUE(find_advice(to_all, &packet).harmless);
  }
}

TEST(FindAdvice, AMulticastThatNobodyJoinedIsNoFault) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = 2};
  packet.dst = {.family = 4, .bytes = {224, 0, 0, 22}};
  const Advice found = find_advice(drop("NOT_SPECIFIED", "ip_rcv_finish_core+0x1"), &packet);
  EXPECT_EQ(found.key, "multicast_group");
  EXPECT_TRUE(found.harmless);
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "__udp4_lib_rcv+0x1"), &packet).key,
            "multicast_group");
  EXPECT_EQ(find_advice(drop("", "udp_rcv+0x1"), &packet).key, "multicast_group");
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

TEST(FindAdvice, OfOpenVswitchThePortThatItGoesToNotTheOneItCameBy) {
  EXPECT_EQ(find_advice(drop("DEV_READY", "do_execute_actions+0x1054")).key, "ovs_port");
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "do_execute_actions+0x13c2")).key, "ovs_port");
  EXPECT_EQ(find_advice(drop("OVS_DROP_LAST_ACTION", "do_execute_actions+0xb8")).key,
            "ovs_no_flow_output");
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "ovs_dp_process_packet+0x1a1")).key, "ovs_upcall");
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
    EXPECT_EQ(find_advice(drop(reason, "skb_rbtree_purge+0x1d")).key, "queue_purged");
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
  // In a capture the function may not be named.
  for (const char* function : {"ping_rcv+0x1", "icmp_rcv+0x1", ""}) {
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
  // For all else kernels that give reasons have one.
  EXPECT_EQ(find_advice(drop("NOT_SPECIFIED", "ip_forward+0x2c0")).key, "tproxy_route");
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

}  // namespace
}  // namespace tracepkt::explain
