#include "explain/advice_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "explain/words.h"

namespace tracepkt::explain {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

journey::DropInfo drop(const char* reason, const char* function) {
  return {.raw = {}, .reason = reason, .function = function};
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

TEST(AdviceWords, AVrfsUnreachableDefaultIsNotToBeDeleted) {
  journey::Journey journey =
      dropped_in("r", "/run/netns/r", drop("NOT_SPECIFIED", "ip_error+0x97"));
  const decode::Device port = {.index = 2, .name = {{"ra"}}};
  const decode::Device vrf = {.index = 5, .name = {{"red"}}};
  journey.outcome.device = vrf;
  journey.hops = {
      {.device = port, .stage = STAGE_in},
      {.stage = STAGE_route, .route = decode::Route{.table = 10, .error = EHOSTUNREACH}},
      {.device = vrf, .stage = STAGE_icmp},
      {.device = vrf, .stage = STAGE_rx, .inferred = true},
      {.device = vrf,
       .stage = STAGE_drop,
       .packet = journey.packet,
       .drop = *journey.outcome.drop}};
  const AdviceWords words = *advice_words(journey);
  EXPECT_EQ(words.key, "vrf_no_route");
  EXPECT_THAT(words.cause, HasSubstr("VRF red knows no way"));
  EXPECT_EQ(words.check, "ip netns exec r ip route show vrf red");
  journey.outcome.device = journey.hops[4].device = port;
  EXPECT_EQ(advice_words(journey)->key, "route_refuses") << "it is in no VRF";
  journey.outcome.device = journey.hops[4].device = vrf;
  journey.hops[1].route->table = 254;
  EXPECT_EQ(advice_words(journey)->key, "route_refuses");
}

TEST(AdviceWords, WhatIsRefusedOnAGoodRouteIsNotForwarded) {
  journey::Journey journey = dropped_in("web", "/run/netns/web", drop("", "ip_error+0x7d"));
  journey.hops = {{.stage = STAGE_route, .route = decode::Route{.table = 254, .type = RTN_UNICAST}},
                  {.stage = STAGE_drop, .packet = journey.packet, .drop = *journey.outcome.drop}};
  EXPECT_EQ(advice_words(journey)->key, "forwarding_off");
  journey.hops[0].route = decode::Route{.table = 254, .error = ENETUNREACH};
  EXPECT_EQ(advice_words(journey)->key, "input_refused");
}

TEST(AdviceWords, AFullFlowOfFqIsNoInterfaceThatIsDown) {
  const journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("FQ_FLOW_LIMIT", "__dev_queue_xmit+0x7ee"));
  EXPECT_THAT(advice_words(journey)->cause, HasSubstr("flow_limit"));
  EXPECT_THAT(advice_words(journey)->mend, testing::Not(HasSubstr("carrier")));
}

TEST(AdviceWords, ASitTunnelMayHaveNoRouteToItsEnd) {
  const journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("NOT_SPECIFIED", "sit_tunnel_xmit+0x1b0"));
  EXPECT_THAT(advice_words(journey)->cause, HasSubstr("no route leads to its remote end"));
}

TEST(AdviceWords, AWayThatATableKnowsMayBeSuppressed) {
  const auto key = [](const char* reason, const char* function) {
    journey::Journey journey = dropped_in("web", "/run/netns/web", drop(reason, function));
    journey.hops = {
        {.stage = STAGE_route, .route = decode::Route{.table = 254, .type = RTN_UNICAST}},
        {.stage = STAGE_drop, .packet = journey.packet, .drop = *journey.outcome.drop}};
    return std::string(advice_words(journey)->key);
  };
  EXPECT_EQ(key("IP_INNOROUTES", "ip_error+0x94"), "rule_suppresses");
  EXPECT_EQ(key("IP_INNOROUTES", "ip6_pkt_discard+0x11"), "rule_suppresses");
  EXPECT_EQ(key("", "ip6_pkt_drop+0x7a"), "rule_suppresses");
  EXPECT_EQ(key("IP_INADDRERRORS", "ip_error+0x94"), "forwarding_off");
}

TEST(AdviceWords, IpThatNobodyTakesWasRefusedByTc) {
  journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("", "__netif_receive_skb_core+0xe65"));
  EXPECT_EQ(advice_words(journey)->key, "tc_ingress");
  journey.packet = {.ethertype = 0x88cc};
  EXPECT_EQ(advice_words(journey)->key, "unknown_link_protocol");
}

TEST(AdviceWords, TheErrorThatTheSenderGotSaysWhyItIsNotForwarded) {
  const auto key = [](const char* function, const decode::IcmpError& error) {
    journey::Journey journey = dropped_in("web", "/run/netns/web", drop("", function));
    journey.packet.ttl = 63;
    journey.hops = {{.stage = STAGE_icmp, .note = error},
                    {.stage = STAGE_drop, .packet = journey.packet, .drop = *journey.outcome.drop}};
    return advice_words(journey)->key;
  };
  EXPECT_EQ(key("ip_forward+0x1b9", {.protocol = IPPROTO_ICMP, .type = 3, .code = 4}), "mtu");
  EXPECT_EQ(key("ip6_forward+0x39c", {.protocol = IPPROTO_ICMPV6, .type = 2}), "mtu");
  EXPECT_EQ(key("ip6_forward+0x39c", {.protocol = IPPROTO_ICMPV6, .type = 3}), "ttl_exceeded");
  EXPECT_EQ(key("ip_forward+0x1b9", {.protocol = IPPROTO_ICMP, .type = 3, .code = 5}),
            "forward_refused");
}

TEST(AdviceWords, WithoutAReasonForwardingMayBeOff) {
  journey::Journey journey = dropped_in("web", "/run/netns/web", drop("", "ip6_forward+0x1dd"));
  journey.packet.ttl = 63;
  EXPECT_THAT(advice_words(journey)->mend,
              HasSubstr("`ip netns exec web sysctl net.ipv4.ip_forward "));
}

TEST(AdviceWords, AProgramThatIsKnownHasItsCheckWhateverThePlaceTells) {
  journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("", "__dev_queue_xmit+0x340"));
  EXPECT_EQ(advice_words(journey)->key, "transmit_refused");
  journey.outcome.programs = journey::Programs{
      .place = journey::ProgramPlace::kTcEgress,
      .attached = {{.kind = "bpf", .id = 7, .pref = 1, .handle = 1, .name = "shot"}}};
  EXPECT_EQ(advice_words(journey)->key, "tc_egress");
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web tc -s filter show dev DEV egress");
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

TEST(AdviceWords, LegacyTablesAreListedByTheirOwnTool) {
  journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("NETFILTER_DROP", "nf_hook_slow+0xaa"));
  const auto names = [&](const std::string& tool) {
    const AdviceWords words = *advice_words(journey);
    return words.check.contains("; " + tool + "; ") &&
           words.mend.contains("`ip netns exec web " + tool + "`");
  };
  EXPECT_TRUE(names("iptables-legacy-save -c"));
  journey.packet.src.family = journey.packet.dst.family = 6;
  EXPECT_TRUE(names("ip6tables-legacy-save -c"));
  journey.outcome.drop->raw.before_ip = true;
  EXPECT_TRUE(names("ebtables-legacy-save -c")) << "a bridge's";
  journey.packet.arp = decode::Arp{};
  EXPECT_TRUE(names("arptables-legacy-save"));
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

TEST(AdviceWords, ATunnelsPortThatNobodyTakesWantsAnInterfaceAndNoServer) {
  journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("NO_SOCKET", "__udp4_lib_rcv+0x545"));
  journey.packet.protocol = 17;
  journey.packet.has_ports = true;
  journey.packet.dport = 53;
  EXPECT_EQ(advice_words(journey)->key, "port_closed");
  for (const std::uint16_t port : std::to_array<std::uint16_t>({4789, 8472, 6081})) {
    journey.packet.dport = port;
    EXPECT_EQ(advice_words(journey)->key, "tunnel_no_port");
    EXPECT_EQ(advice_words(journey)->check, "ip netns exec web ip -d link show");
  }
  journey.packet.protocol = 6;
  EXPECT_EQ(advice_words(journey)->key, "port_closed");
}

TEST(AdviceWords, OfSctpItsOwnCounters) {
  const journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("NOT_SPECIFIED", "sctp_rcv+0x3b8"));
  EXPECT_EQ(advice_words(journey)->key, "sctp_refused");
}

TEST(AdviceWords, WhatComesBackWithItsOwnSourceIsAHairpin) {
  for (const auto& why : {drop("NOT_SPECIFIED", "ip_rcv_finish_core.constprop.0+0x1ac"),
                          drop("IP_LOCAL_SOURCE", "ip_rcv_finish_core.constprop.0+0x1ac"),
                          drop("", "ip_rcv_finish_core.isra.0+0x12")}) {
    journey::Journey journey = dropped_in("web", "/run/netns/web", why);
    EXPECT_NE(advice_words(journey)->key, "hairpin");
    journey.hops = {{.netns = {.inode = 8, .name = "router"},
                     .stage = STAGE_nat,
                     .nat = journey::AddressChange{}},
                    {.netns = journey.outcome.netns, .stage = STAGE_in},
                    {.netns = journey.outcome.netns, .stage = STAGE_drop}};
    journey.hops[2].packet = journey.packet;
    journey.hops[2].packet->dst = journey.packet.src;
    EXPECT_EQ(advice_words(journey)->key, "hairpin");
    EXPECT_THAT(advice_words(journey)->mend, HasSubstr("(namespace router)"));
  }
}

TEST(AdviceWords, ABridgesPortMayWaitForStpOrBeInAnotherVlan) {
  for (const char* const place : {"br_flood", "br_handle_frame_finish", "br_dev_xmit"}) {
    const auto words = advice_words(dropped_in("web", "", drop("NO_TX_TARGET", place)));
    EXPECT_THAT(words->cause, HasSubstr("forwards (STP)"));
    EXPECT_THAT(words->mend, HasSubstr("forward_delay"));
    EXPECT_THAT(words->mend, HasSubstr("bridge vlan show"));
  }
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
  // NAT had chosen other ports by then, and somebody has them.
  journey.hops.insert(journey.hops.begin() + 1,
                      {.netns = journey.outcome.netns, .stage = STAGE_nat});
  EXPECT_EQ(advice_words(journey)->key, "nat_refused");
  // IPVS says that nobody is there.
  journey.hops.insert(journey.hops.begin() + 2,
                      {.netns = journey.outcome.netns,
                       .stage = STAGE_icmp,
                       .note = decode::IcmpError{.protocol = 1, .type = 3, .code = 3}});
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web ipvsadm -Ln");
  journey.hops[0].chain.reset();
  EXPECT_THAT(advice_words(journey)->check, HasSubstr("conntrack -S; ipvsadm -Ln'"));
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

TEST(SilenceWords, NamesTheSettingOfItsFamily) {
  journey::Journey request = dropped_in("web", "/run/netns/web", {});
  request.outcome.kind = journey::OutcomeKind::kDelivered;
  request.outcome.drop.reset();
  request.packet.protocol = 1;
  request.packet.icmp = decode::Icmp{.type = 8};
  EXPECT_THAT(silence_words(request)->mend, HasSubstr("sysctl net.ipv4.icmp_echo_ignore_all`"));
  request.packet.protocol = 58;
  request.packet.icmp = decode::Icmp{.type = 128};
  request.packet.src.family = request.packet.dst.family = 6;
  EXPECT_THAT(silence_words(request)->mend,
              HasSubstr("`ip netns exec web sysctl net.ipv6.icmp.echo_ignore_all "));
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

TEST(AdviceWords, OfUdpLiteTheListThatHasIt) {
  journey::Journey journey =
      dropped_in("web", "/run/netns/web", drop("NO_SOCKET", "__udp4_lib_rcv+0x1"));
  EXPECT_EQ(advice_words(journey)->check, "ip netns exec web ss -lntup");
  journey.packet.protocol = IPPROTO_UDPLITE;
  EXPECT_EQ(advice_words(journey)->check,
            "ip netns exec web cat /proc/net/udplite /proc/net/udplite6");
}

TEST(AdviceWords, OfWhatWasSentHerePastIp) {
  journey::Journey journey = dropped_in("web", "", drop("OTHERHOST", "ip_rcv_core+0x1"));
  const journey::Netns router = {.inode = 8, .name = "gw"};
  journey.hops = {{.netns = router,
                   .device = {.index = 2, .name = {.bytes = {'r', 'a'}}},
                   .stage = STAGE_rx,
                   .note = {}},
                  {.netns = router, .stage = STAGE_tx, .note = {}}};
  EXPECT_EQ(advice_words(journey)->key, "not_for_us");
  journey.hops[1].past_ip = true;
  EXPECT_EQ(advice_words(journey)->key, "redirected");
  EXPECT_THAT(
      advice_words(journey)->mend,
      StartsWith("See what sends it here: `tc -s filter show dev ra ingress`, and the netdev "
                 "chains of `nft -a list ruleset`, in namespace gw."));
}

TEST(AdviceWords, OfWhatATunnelMadeTooLong) {
  journey::Journey journey = dropped_in("web", "", drop("PKT_TOO_BIG", "ip_fragment+0x1"));
  journey.outcome.device = {.index = 2, .name = {.bytes = {'e', '0'}}};
  EXPECT_EQ(advice_words(journey)->key, "mtu");
  journey::Hop into{.netns = journey.outcome.netns,
                    .device = {.index = 3, .name = {.bytes = {'v', 'x'}}},
                    .stage = STAGE_tunnel,
                    .note = {}};
  into.tunnel = journey::Tunnel{.into = true, .outer = {}, .overhead = 50};
  journey.hops = {into};
  EXPECT_EQ(advice_words(journey)->key, "tunnel_mtu");
  EXPECT_THAT(advice_words(journey)->mend,
              StartsWith("Give vx an MTU that is 50 bytes smaller than"));
  journey.hops[0].netns = {.inode = 8, .name = "gw"};
  EXPECT_THAT(advice_words(journey)->mend, StartsWith("Give vx (namespace gw) an MTU"));
  journey.hops[0].device = journey.outcome.device;  // IPsec: no interface of its own
  EXPECT_EQ(advice_words(journey)->key, "mtu");
  journey.hops[0] = into;
  journey.hops.push_back(into);
  journey.hops[1].tunnel->into = false;
  EXPECT_EQ(advice_words(journey)->key, "mtu") << "it had come out again";
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
  EXPECT_THAT(
      cause_words(sent),
      HasSubstr("may still be in the queue of e0: `ip netns exec web tc -s qdisc show dev e0`."));
  journey::Journey nameless = sent;
  nameless.outcome.netns_file.clear();
  EXPECT_THAT(cause_words(nameless),
              HasSubstr("in the queue of e0: `tc -s qdisc show dev e0`, there."));
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
