#include "journey/ingress.h"

#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/pkt_cls.h>

#include "journey/assemble.h"
#include "journey/testing.h"

namespace tracepkt::journey {
namespace {

using testing::At;
using testing::echo;
using testing::event;
using Kind = decode::ProgramVerdict::Kind;

constexpr std::uint32_t kXdpReason = 7;

// "rx@1 tc@3 in@3"
std::string way(const std::vector<decode::Event>& rest, const std::string& flowtable = "") {
  const decode::Packet packet = echo(false, 1, 2, 7, 1);
  std::vector<decode::Event> events = {event({.time_ns = 1, .stage = STAGE_rx}, packet),
                                       event({.time_ns = 2, .stage = STAGE_in}, packet)};
  events.insert(events.end(), rest.begin(), rest.end());
  testing::FakeNames names;
  names.reasons[kXdpReason] = "XDP";
  names.reasons[8] = "NETFILTER_DROP";
  names.symbols[7] = "nf_hook_slow+0x7b";
  names.flowtables["eth0"] = flowtable;
  Journey journey;
  assemble(events, {.names = names, .ending = Ending::kSeen}, journey);
  std::string text;
  for (const Hop& hop : journey.hops) {
    text += (text.empty() ? "" : " ") + std::string(decode::stage_name(hop.stage)) + '@' +
            std::to_string(hop.time_ns);
  }
  return text;
}

decode::Event asked(std::uint64_t time_ns, Kind kind, std::int32_t verdict, bool egress = false) {
  const bool is_xdp = kind == Kind::kXdpGeneric;
  decode::Event asked = event({.time_ns = time_ns, .stage = is_xdp ? STAGE_xdp : STAGE_tc});
  asked.note = decode::ProgramVerdict{.kind = kind, .egress = egress, .verdict = verdict, .id = 5};
  return asked;
}

decode::Event chain(std::uint64_t time_ns, std::uint8_t pf, std::uint8_t hook,
                    std::int32_t verdict) {
  decode::Event chain = event({.time_ns = time_ns, .stage = STAGE_netfilter});
  chain.netfilter = decode::Netfilter{
      .family = pf, .pf = pf, .hook = hook, .verdict = verdict, .table = "t", .chain = "c"};
  return chain;
}

decode::Event dropped(std::uint64_t time_ns, std::uint32_t reason) {
  decode::Event drop = event({.time_ns = time_ns, .stage = STAGE_drop, .last = true});
  drop.drop = decode::Drop{.reason = reason, .has_reason = true, .location = 1};
  return drop;
}

constexpr int kXdpDrop = 1;
constexpr int kXdpPass = 2;

TEST(Ingress, IsBehindThoseThatLetThePacketPass) {
  EXPECT_EQ(way({asked(3, Kind::kXdpGeneric, kXdpPass), asked(4, Kind::kClsBpf, TC_ACT_OK),
                 chain(5, NFPROTO_NETDEV, NF_NETDEV_INGRESS, NF_ACCEPT)}),
            "rx@1 xdp@3 tc@4 netfilter@5 in@5 deliver@5");
  EXPECT_EQ(way({chain(3, NFPROTO_IPV4, 5, NF_ACCEPT),
                 chain(4, NFPROTO_IPV4, NF_INET_PRE_ROUTING, NF_ACCEPT)}),
            "rx@1 netfilter@3 in@3 netfilter@4 deliver@4");
}

TEST(Ingress, StaysWhereNothingIsAsked) {
  EXPECT_EQ(way({chain(3, NFPROTO_IPV4, NF_INET_PRE_ROUTING, NF_DROP), dropped(4, 1)}),
            "rx@1 in@2 netfilter@3 drop@4");
  EXPECT_EQ(way({asked(3, Kind::kClsBpf, TC_ACT_SHOT, true), dropped(4, 1)}),
            "rx@1 in@2 tc@3 drop@4");
  EXPECT_EQ(way({dropped(3, 1)}), "rx@1 in@2 drop@3");
}

TEST(Ingress, WhatDoesNotPassDoesNotComeIn) {
  EXPECT_EQ(way({asked(3, Kind::kXdpGeneric, kXdpDrop), dropped(4, kXdpReason)}),
            "rx@1 xdp@3 drop@4");
  EXPECT_EQ(way({asked(3, Kind::kClsBpf, TC_ACT_SHOT), dropped(4, 1)}), "rx@1 tc@3 drop@4");
  EXPECT_EQ(way({asked(3, Kind::kClsBpf, TC_ACT_REDIRECT),
                 event({.time_ns = 4, .ifindex = 2, .device = "eth1"})}),
            "rx@1 tc@3 tx@4");
  EXPECT_EQ(way({chain(3, NFPROTO_NETDEV, NF_NETDEV_INGRESS, NF_DROP), dropped(4, 1)}),
            "rx@1 netfilter@3 drop@4");
  // Where verdicts are not told, the reason tells, or that it comes back from an ifb.
  EXPECT_EQ(way({dropped(3, kXdpReason)}), "rx@1 drop@3");
  const decode::Packet packet = echo(false, 1, 2, 7, 1);
  const decode::Event given = event({.time_ns = 3, .ifindex = 2, .device = "ifb0"}, packet);
  EXPECT_EQ(way({given, event({.time_ns = 4, .stage = STAGE_rx, .iif = 2}, packet),
                 event({.time_ns = 5, .stage = STAGE_in, .iif = 2}, packet)}),
            "rx@1 tx@3 rx@4 in@5 deliver@5");
}

decode::Event forwarded(bool tracked, int hops = 1) {
  decode::Packet packet = echo(false, 1, 2, 7, 1);
  packet.ttl = static_cast<std::uint8_t>(packet.ttl - hops);
  decode::Event sent = event({.time_ns = 4, .ifindex = 2, .device = "eth1", .iif = 1}, packet);
  sent.tracked = tracked;
  return sent;
}

TEST(Ingress, WhatAFlowtableForwardsDoesNotComeIn) {
  EXPECT_EQ(way({forwarded(false)}, "inet f ft"), "rx@1 netfilter@2 tx@4");
  EXPECT_EQ(
      way({chain(3, NFPROTO_NETDEV, NF_NETDEV_INGRESS, NF_ACCEPT), forwarded(false)}, "inet f ft"),
      "rx@1 netfilter@3 netfilter@3 tx@4");
  // No flowtable is there, conntrack has seen it, it was not routed, or a table was asked.
  EXPECT_EQ(way({forwarded(false)}), "rx@1 in@2 tx@4");
  EXPECT_EQ(way({forwarded(true)}, "inet f ft"), "rx@1 in@2 tx@4");
  EXPECT_EQ(way({forwarded(false, 0)}, "inet f ft"), "rx@1 tx@4");
  EXPECT_EQ(way({forwarded(true, 0)}, "inet f ft"), "rx@1 in@2 tx@4");
  decode::Event route = event({.time_ns = 3, .stage = STAGE_route});
  route.route = decode::Route{};
  EXPECT_EQ(way({route, forwarded(false)}, "inet f ft"), "rx@1 in@2 route@3 tx@4");
  EXPECT_EQ(
      way({chain(3, NFPROTO_IPV4, NF_INET_FORWARD, NF_ACCEPT), forwarded(false)}, "inet f ft"),
      "rx@1 in@2 netfilter@3 tx@4");
}

TEST(Ingress, AFirewallsDropSaysWhetherTheIpLayerHadIt) {
  constexpr std::uint32_t kNetfilterDrop = 8;
  decode::Event drop = dropped(3, kNetfilterDrop);
  EXPECT_EQ(way({drop}), "rx@1 in@2 drop@3");
  drop.drop->before_ip = true;
  EXPECT_EQ(way({drop}), "rx@1 drop@3");
  drop.drop->reason = 1;
  EXPECT_EQ(way({drop}), "rx@1 in@2 drop@3") << "a protocol has written there";
  drop.drop->has_reason = false;
  drop.drop->location = 7;  // nf_hook_slow()
  EXPECT_EQ(way({drop}), "rx@1 drop@3");
  decode::Event route = event({.time_ns = 3, .stage = STAGE_route});
  route.route = decode::Route{};
  drop.time_ns = 4;
  EXPECT_EQ(way({route, drop}), "rx@1 in@2 route@3 drop@4");
}

TEST(Ingress, WhatABondOrVlanInterfaceRefusesBelowDidNotComeIn) {
  const auto crossings = [](std::string function, const std::string& dropped_at) {
    const decode::Packet packet = echo(false, 1, 2, 7, 1);
    const auto at = [](std::uint64_t time_ns, stage_id stage, const std::string& device) {
      const std::uint32_t ifindex = device == "bond0" ? 9 : 1;
      return At{.time_ns = time_ns,
                .stage = stage,
                .ifindex = ifindex,
                .device = device,
                .iif = stage == STAGE_in ? ifindex : 0};
    };
    decode::Event drop = event(at(3, STAGE_drop, dropped_at));
    drop.drop = decode::Drop{.reason = 5, .has_reason = true, .location = 1};
    std::vector<decode::Event> events = {event(at(1, STAGE_rx, "eth0"), packet),
                                         event(at(2, STAGE_in, "bond0"), packet), drop};
    testing::FakeNames names;
    names.symbols[1] = std::move(function);
    Journey journey;
    assemble(events, {.names = names, .ending = Ending::kSeen}, journey);
    return testing::way(journey);
  };
  EXPECT_EQ(crossings("__netif_receive_skb_core.constprop.0+0x13e", "eth0"),
            "host eth0 rx | host eth0 drop");
  EXPECT_EQ(crossings("vlan_do_receive+0x2d3", "eth0"), "host eth0 rx | host eth0 drop");
  EXPECT_EQ(crossings("ip_rcv_core+0x240", "bond0"),
            "host eth0 rx | host bond0 rx | host bond0 in | host bond0 drop");
}

TEST(Ingress, WhatIsSentOnAsItIsDoesNotComeIn) {
  const decode::Packet packet = echo(false, 1, 2, 7, 1);
  const decode::Event sent = forwarded(false, 0);
  const decode::Event received = event({.time_ns = 5, .stage = STAGE_rx, .netns = 2}, packet);
  EXPECT_EQ(way({sent, received}), "rx@1 tx@4 rx@5");
  // What a chain sends on is sent before the chain has ended.
  EXPECT_EQ(way({sent, received, chain(6, NFPROTO_NETDEV, NF_NETDEV_INGRESS, NF_STOLEN)}),
            "rx@1 netfilter@2 tx@4 rx@5");
  // A copy of it was sent.
  EXPECT_EQ(way({sent, received, event({.time_ns = 6, .ifindex = 3, .device = "eth2"}, packet)}),
            "rx@1 in@2 tx@4 rx@5 tx@6");
}

TEST(Ingress, WhatIsSentOnOrBackCameIn) {
  decode::Packet packet = echo(false, 1, 2, 7, 1);
  --packet.ttl;
  EXPECT_EQ(way({event({.time_ns = 3, .ifindex = 2, .device = "eth1"}, packet),
                 event({.time_ns = 4, .stage = STAGE_rx, .netns = 2}, packet)}),
            "rx@1 in@2 tx@3 rx@4");
  EXPECT_EQ(way({event({.time_ns = 3}, packet), event({.time_ns = 4, .stage = STAGE_rx}, packet)}),
            "rx@1 in@2 tx@3 rx@4");
}

}  // namespace
}  // namespace tracepkt::journey
