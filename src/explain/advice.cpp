#include "explain/advice.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <ranges>

#include "explain/netfilter.h"
#include "explain/route.h"

namespace tracepkt::explain {
namespace {

struct Remedy {
  std::string_view key;
  std::string_view check;
  std::string_view mend;
  bool harmless;
};

struct Reason {
  std::string_view name;
  std::string_view key;
  std::string_view cause;
};

struct RefusingRoute {
  std::string_view type;  // by route_type()
  std::string_view key;
  std::string_view cause;
};

struct RuleFor {
  std::string_view asks_for;
  std::string_view key;
  std::string_view cause;
};

struct Trait {
  std::string_view name;
  bool (*holds)(const decode::Packet& packet);
};

struct PacketOf {
  std::string_view trait;
  std::string_view reason;
  std::string_view key;
  std::string_view cause;
};

struct Place {
  std::string_view function;
  std::string_view reason;  // empty: where the kernel gives none
  std::string_view key;
  std::string_view cause;
};

constexpr auto kRemedies = std::to_array<Remedy>({
#define FAULT(key, check, mend) {#key, check, mend, false},
#define NO_FAULT(key, check, mend) {#key, check, mend, true},
#include "explain/advice.def"
});

constexpr auto kReasons = std::to_array<Reason>({
#define REASON(name, key, cause) {#name, #key, cause},
#include "explain/advice.def"
});

constexpr auto kRefusingRoutes = std::to_array<RefusingRoute>({
#define ROUTE(type, key, cause) {#type, #key, cause},
#include "explain/advice.def"
});

constexpr auto kRules = std::to_array<RuleFor>({
#define RULE(asks_for, key, cause) {#asks_for, #key, cause},
#include "explain/advice.def"
});

constexpr auto kPlaces = std::to_array<Place>({
#define PLACE(function, reason, key, cause) {#function, #reason, #key, cause},
#include "explain/advice.def"
});

constexpr auto kPackets = std::to_array<PacketOf>({
#define PACKET(trait, reason, key, cause) {#trait, #reason, #key, cause},
#include "explain/advice.def"
});

bool is_segment(const decode::Packet& packet) {
  return packet.protocol == IPPROTO_TCP && packet.tcp_flags != 0;
}

constexpr auto kTraits = std::to_array<Trait>({
    // Of VXLAN (IANA's port, and Linux's own) or GENEVE.
    {"tunnel_port",
     [](const decode::Packet& packet) {
       constexpr auto kPorts = std::to_array<std::uint16_t>({4789, 8472, 6081});
       return packet.protocol == IPPROTO_UDP && packet.has_ports &&
              std::ranges::find(kPorts, packet.dport) != kPorts.end();
     }},
    {"tcp_reset",
     [](const decode::Packet& packet) {
       return is_segment(packet) && (packet.tcp_flags & TH_RST) != 0;
     }},
    {"tcp_syn_ack",
     [](const decode::Packet& packet) {
       return is_segment(packet) && (packet.tcp_flags & (TH_SYN | TH_ACK)) == (TH_SYN | TH_ACK);
     }},
    // Of a connection that is open, or was.
    {"tcp_segment",
     [](const decode::Packet& packet) {
       return is_segment(packet) && (packet.tcp_flags & (TH_SYN | TH_ACK)) == TH_ACK;
     }},
    {"tcp_no_data",
     [](const decode::Packet& packet) {
       return is_segment(packet) && packet.tcp_data == 0u &&
              (packet.tcp_flags & (TH_SYN | TH_FIN | TH_RST)) == 0;
     }},
});

constexpr const Trait* trait(std::string_view name) {
  const auto* const it = std::ranges::find(kTraits, name, &Trait::name);
  return it == kTraits.end() ? nullptr : it;
}

constexpr const Remedy* remedy(std::string_view key) {
  const auto* const it = std::ranges::find(kRemedies, key, &Remedy::key);
  return it == kRemedies.end() ? nullptr : it;
}

constexpr auto kSilences = std::to_array<Advice>({
#define SILENCE(key, cause, check, mend) {#key, cause, check, mend},
#include "explain/advice.def"
});

constexpr const Advice& silence(std::string_view key) {
  return *std::ranges::find(kSilences, key, &Advice::key);
}

static_assert(std::ranges::all_of(kReasons, remedy, &Reason::key) &&
                  std::ranges::all_of(kPlaces, remedy, &Place::key) &&
                  std::ranges::all_of(kPackets, remedy, &PacketOf::key) &&
                  std::ranges::all_of(kRefusingRoutes, remedy, &RefusingRoute::key) &&
                  std::ranges::all_of(kRules, remedy, &RuleFor::key),
              "a row's key has no FAULT or NO_FAULT of that name");
static_assert(std::ranges::all_of(kPackets, trait, &PacketOf::trait));

Advice advice(std::string_view key, std::string_view cause) {
  const Remedy& found = *remedy(key);
  return {.key = found.key,
          .cause = cause,
          .check = found.check,
          .mend = found.mend,
          .harmless = found.harmless};
}

bool is_unspecified(std::string_view reason) { return reason.empty() || reason == "NOT_SPECIFIED"; }

bool forwards(std::string_view function) {
  return function == "ip_forward" || function == "ip6_forward";
}

bool receives_udp(std::string_view function) {
  return function == "__udp4_lib_rcv" || function == "__udp6_lib_rcv" || function == "udp_rcv" ||
         function == "udpv6_rcv" || function == "__udp4_lib_mcast_deliver" ||
         function == "__udp6_lib_mcast_deliver";
}

bool frees_fragments(std::string_view function) {
  return function == "ip_do_fragment" || function == "ip6_fragment" ||
         function == "skb_release_data" || function == "kfree_skb_list" ||
         function == "kfree_skb_list_reason";
}

bool floods_or_has_no_route(std::string_view function) {
  return function == "ip6_pkt_discard" || function == "ip6_pkt_discard_out" ||
         function == "br_flood" || function == "br_handle_frame_finish" ||
         function == "br_dev_xmit";
}

// Who is there, and which groups are wanted: IGMP and MLD, the search for routers (133), and for
// others who have the address that is to be one's own (135, from no address yet).
bool is_interface_news(const decode::Packet& packet) {
  constexpr std::array<std::uint8_t, 4> kNews = {131, 132, 133, 143};
  if (packet.protocol == IPPROTO_IGMP) {
    return true;
  }
  if (packet.protocol != IPPROTO_ICMPV6 || !packet.icmp || !packet.dst.is_multicast()) {
    return false;
  }
  const bool from_nowhere = packet.src == decode::Address{.family = 6, .bytes = {}};
  return std::ranges::find(kNews, packet.icmp->type) != kNews.end() ||
         (packet.icmp->type == 135 && from_nowhere);
}

constexpr decode::Address kBroadcast = {.family = 4, .bytes = {255, 255, 255, 255}};

bool is_for_everybody(const decode::Packet& packet) {
  return (packet.arp && packet.arp->op == 1) || packet.dst.is_multicast() ||
         packet.dst == kBroadcast;
}

// What is not longer fits every link that IP goes over (RFC 791).
bool is_small(const decode::Packet& packet) { return packet.len != 0 && packet.len <= 576; }

bool hands_to_an_interface(std::string_view function) {
  return function == "veth_xmit" || function == "__dev_forward_skb" ||
         function == "__dev_forward_skb2";
}

// What comes in by an interface of a VRF goes on as the VRF's, and is refused there.
bool is_refused_in_vrf(const journey::Journey& journey, const journey::Hop& decision) {
  const journey::Hop& end = journey.hops.back();
  const auto reversed = std::views::reverse(journey.hops);
  const auto in = std::ranges::find_if(reversed, [&](const journey::Hop& hop) {
    return (hop.stage == STAGE_in || hop.stage == STAGE_tx) && hop.netns.inode == end.netns.inode;
  });
  const std::string table = route_table(*decision.route);
  return in != reversed.end() && in->stage == STAGE_in && end.device.index != 0 &&
         in->device != end.device && table != "main" && table != "local" && table != "default";
}

// ip_error() has another reason where nothing is forwarded, and IPv6 a function for what has no
// way.
bool is_suppressed(const journey::DropInfo& drop) {
  const std::string_view function = plain_function(drop.function);
  return (function == "ip_error" && drop.reason == "IP_INNOROUTES") ||
         function.starts_with("ip6_pkt_discard") || function == "ip6_pkt_drop";  // in one (6.1)
}

// What the routing table answered just before the drop, if that tells more than `found`.
const RefusingRoute* refusing_route(const journey::Journey& journey, const Advice& found) {
  constexpr auto kOfRoutes =
      std::to_array<std::string_view>({"no_route", "input_refused", "discarded", "ipsec_state"});
  if (std::ranges::find(kOfRoutes, found.key) == kOfRoutes.end() || journey.hops.empty()) {
    return nullptr;
  }
  const journey::Hop& end = journey.hops.back();
  const auto reversed = std::views::reverse(journey.hops) | std::views::drop(1);
  const auto decision = std::ranges::find_if(reversed, [](const journey::Hop& hop) {
    const bool is_taken_over = hop.stage == STAGE_rx && hop.inferred;  // by a VRF
    return hop.stage != STAGE_netfilter && hop.stage != STAGE_nat && hop.stage != STAGE_out &&
           hop.stage != STAGE_icmp && !is_taken_over;
  });
  if (decision == reversed.end() || end.stage != STAGE_drop || !decision->route ||
      decision->netns.inode != end.netns.inode) {
    return nullptr;
  }
  std::string_view type = route_type(*decision->route);
  if (decision->routing_rule && decision->routing_rule->refuses != 0) {
    type = "ip_rule";
  } else if (type == "unreachable" && is_refused_in_vrf(journey, *decision)) {
    type = "vrf";
  } else if (type == "unicast" && end.drop &&
             plain_function(end.drop->function) == "dst_discard_out") {
    type = "ipsec";
  } else if (type == "unicast" && end.drop && is_suppressed(*end.drop)) {
    type = "suppressed";
  } else if (type == "unicast" && end.drop && plain_function(end.drop->function) == "ip_error") {
    type = "not_forwarded";
  }
  const auto* const row = std::ranges::find(kRefusingRoutes, type, &RefusingRoute::type);
  return row != kRefusingRoutes.end() ? row : nullptr;
}

// Was it dropped in a firewall's hook in which the last chain that it came to let it pass? Those
// are all told, or none. What NAT then made of it may be told between.
bool is_past_the_chains(const journey::Journey& journey) {
  const auto& hops = journey.hops;
  if (journey.outcome.chain || hops.size() < 2 || !hops.back().drop ||
      hops.back().drop->reason != "NETFILTER_DROP" ||
      plain_function(hops.back().drop->function) != "nf_hook_slow") {
    return false;
  }
  const auto before = std::ranges::find_if(
      std::views::reverse(hops) | std::views::drop(1),
      [](const journey::Hop& hop) { return hop.stage != STAGE_nat && hop.stage != STAGE_icmp; });
  return before != hops.rend() && before->chain && !before->chain->base.is_drop() &&
         before->netns.inode == hops.back().netns.inode && before->device == hops.back().device;
}

// Where the kernel gives no reason why it did not forward a packet, the ICMP error that it sent
// just before may.
journey::DropInfo with_sent_error(const journey::Journey& journey, const journey::DropInfo& drop) {
  const auto& hops = journey.hops;
  if (!is_unspecified(drop.reason) || !forwards(plain_function(drop.function)) || hops.size() < 2 ||
      hops[hops.size() - 2].netns.inode != hops.back().netns.inode) {
    return drop;
  }
  const auto* const error = std::get_if<decode::IcmpError>(&hops[hops.size() - 2].note);
  if (error == nullptr) {
    return drop;
  }
  const bool is_v6 = error->protocol == IPPROTO_ICMPV6;
  journey::DropInfo told = drop;
  if (is_v6 ? error->type == 2 : error->type == 3 && error->code == 4) {
    told.reason = "PKT_TOO_BIG";
  } else if (error->type == (is_v6 ? 3 : 11)) {
    told.reason = "IP_INHDR";
  }
  return told;
}

constexpr std::string_view key_of(journey::ProgramPlace place) {
  switch (place) {
    case journey::ProgramPlace::kTcIngress:
      return "tc_ingress";
    case journey::ProgramPlace::kTcEgress:
      return "tc_egress";
    case journey::ProgramPlace::kXdp:
      break;
  }
  return "xdp_program";
}

// Did a process read it that is an interface's other end (tun, tap)?
bool is_taken_from_a_device(const journey::Journey& journey) {
  const std::vector<journey::Hop>& hops = journey.hops;
  return journey.outcome.kind == journey::OutcomeKind::kDelivered && journey.outcome.socket &&
         journey.packet.echo_kind() == decode::EchoKind::kRequest && hops.size() > 1 &&
         hops.back().stage == STAGE_deliver && hops[hops.size() - 2].stage == STAGE_tx &&
         hops.back().device == hops[hops.size() - 2].device;
}

const Place* place_of(std::string_view function, std::string_view reason) {
  const auto* const row = std::ranges::find_if(
      kPlaces, [&](const Place& one) { return one.function == function && one.reason == reason; });
  return row != kPlaces.end() ? row : nullptr;
}

// The row of a reason that is not the kernel's, and in one place only.
Advice advice_of_place(std::string_view reason) {
  const Place& row = *std::ranges::find(kPlaces, reason, &Place::reason);
  return advice(row.key, row.cause);
}

const PacketOf* packet_of(const decode::Packet& packet, std::string_view reason) {
  const auto* const row = std::ranges::find_if(kPackets, [&](const PacketOf& one) {
    return one.reason == reason && trait(one.trait)->holds(packet);
  });
  return row != kPackets.end() ? row : nullptr;
}

}  // namespace

bool is_said_to_be_closed(const journey::Journey& journey) {
  const auto& hops = journey.hops;
  const auto* const error =
      hops.size() > 1 ? std::get_if<decode::IcmpError>(&hops[hops.size() - 2].note) : nullptr;
  return error != nullptr && hops[hops.size() - 2].netns.inode == hops.back().netns.inode &&
         (error->protocol == IPPROTO_ICMPV6 ? error->type == 1 && error->code == 4
                                            : error->type == 3 && error->code == 3);
}

std::string_view plain_function(std::string_view function) {
  return function.substr(0, function.find_first_of("+."));
}

const decode::Packet& packet_at_end(const journey::Journey& journey) {
  const bool is_dropped = journey.outcome.kind == journey::OutcomeKind::kDropped;
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if ((!is_dropped || hop.stage == STAGE_drop) && hop.packet && hop.packet->is_ip()) {
      return *hop.packet;
    }
  }
  return journey.packet;
}

const journey::Hop* tunnel_at_end(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if (hop.tunnel) {
      return hop.tunnel->into && hop.device != journey.outcome.device ? &hop : nullptr;
    }
  }
  return nullptr;
}

const journey::Hop* redirected_at(const journey::Journey& journey) {
  const auto reversed = std::views::reverse(journey.hops);
  const auto sent = std::ranges::find(reversed, STAGE_tx, &journey::Hop::stage);
  if (sent == reversed.end() || !sent->past_ip ||
      sent->netns.inode == journey.outcome.netns.inode) {
    return nullptr;
  }
  const auto came_in = std::find_if(sent, reversed.end(), [&](const journey::Hop& hop) {
    return hop.stage == STAGE_rx && hop.netns.inode == sent->netns.inode;
  });
  return came_in != reversed.end() ? &*came_in : nullptr;
}

Advice find_advice(const journey::DropInfo& drop, const decode::Packet* packet) {
  std::string_view function = plain_function(drop.function);
  std::string_view reason = is_unspecified(drop.reason) ? std::string_view() : drop.reason;
  // Where the kernel does not say it, the packet does: its TTL is counted down after that check.
  if (reason.empty() && forwards(function) && packet != nullptr && packet->ttl <= 1) {
    reason = "IP_INHDR";
  }
  // IPv4's routing refuses a multicast as it does a wrong source; IPv6 has a place for that.
  if (reason.empty() && function == "ip_rcv_finish_core" && packet != nullptr &&
      packet->dst.is_multicast()) {
    function = "ip6_mc_input";
  }
  // That it came from outside is refused, or that its source is an address of ours: the same here.
  if ((reason.empty() || reason == "IP_LOCAL_SOURCE") && function == "ip_rcv_finish_core" &&
      packet != nullptr && packet->src == packet->dst) {
    reason = "hairpin";
  }
  // Who is to have what is for many is asked apart, and that it is nobody is no reason.
  if (reason.empty() && receives_udp(function) && packet != nullptr) {
    if (packet->dst.is_multicast()) {
      function = "udp_rcv";
      reason = "multicast";
    } else if (drop.raw.broadcast || packet->dst == kBroadcast) {
      function = "udp_rcv";
      reason = "broadcast";
    }
  }
  // Sent to all on the link, of whom not all have to do with it.
  if (function == "ip_error" && (reason.empty() || reason == "IP_INADDRERRORS") &&
      drop.raw.broadcast) {
    reason = "broadcast";
  }
  // Later fragments hang on the first one, and are freed where that ends.
  if (reason.empty() && frees_fragments(function) && packet != nullptr && packet->later_fragment) {
    function = "ip_do_fragment";
    reason = "later_fragment";
  }
  if (reason.empty() && packet != nullptr && packet->ip_options &&
      (function == "ip_rcv_finish_core" || function == "ip_rcv_finish")) {
    reason = "ip_options";
  }
  if (packet != nullptr && floods_or_has_no_route(function) && is_interface_news(*packet)) {
    reason = "interface_news";
  }
  if (reason.empty() && packet != nullptr && function == "br_pass_frame_up" &&
      is_for_everybody(*packet)) {
    reason = "for_everybody";
  }
  if (reason.empty() && packet != nullptr && hands_to_an_interface(function) && is_small(*packet)) {
    reason = "small";
  }
  // Where these free it for ping_rcv() (seen in 6.12), or a capture does not name the function.
  if (packet != nullptr && packet->echo_kind() == decode::EchoKind::kReply &&
      reason == "NO_SOCKET" &&
      (function.empty() || function == "icmp_rcv" || function == "icmpv6_rcv")) {
    function = "ping_rcv";
  }
  if (drop.taken) {
    function = "";
    reason = "taken";
  }
  // What TCP does not take by any reason of its own: see FalseDrops.
  if (drop.reason == "NOT_SPECIFIED" && packet != nullptr &&
      (function == "tcp_v4_rcv" || function == "tcp_v6_rcv")) {
    reason = packet->tcp_cut                                                   ? "cut_short"
             : (packet->tcp_flags & TH_SYN) != 0 || packet->dst.is_multicast() ? "link_address"
                                                                               : reason;
  }
  // Every kernel knows IP and ARP: where nobody takes it, the interface gives it to nobody.
  if (reason == "UNHANDLED_PROTO" && function == "__netif_receive_skb_core" && packet != nullptr &&
      (packet->is_ip() || packet->arp)) {
    reason = "inactive_port";
  }
  if (drop.reason.empty() && function == "__netif_receive_skb_core" && packet != nullptr &&
      (packet->is_ip() || packet->arp)) {
    reason = "known_protocol";
  }
  if (reason.empty() && packet != nullptr &&
      (function == "dst_discard" || function == "dst_discard_out")) {
    reason = packet->protocol == IPPROTO_NONE && packet->dst.family == 6 ? "no_next_header"
             : packet->dst.family == 4 && function == "dst_discard_out"  ? "ipv4"
                                                                         : "";
  }
  const Place* place = reason.empty() ? place_of(function, drop.reason) : nullptr;
  place = place != nullptr ? place : place_of(function, reason);
  if (place != nullptr) {
    return advice(place->key, place->cause);
  }
  if (const PacketOf* row = packet != nullptr ? packet_of(*packet, reason) : nullptr) {
    return advice(row->key, row->cause);
  }
  if (const auto* const row = std::ranges::find(kReasons, reason, &Reason::name);
      row != kReasons.end()) {
    return advice(row->key, row->cause);
  }
  if (!reason.empty()) {
    return advice("unknown", "The kernel calls it {reason}, which tracepkt has no words for.");
  }
  return advice("unknown",
                function.empty()
                    ? "The kernel gives no reason, and which of its functions it was cannot "
                      "be seen here."
                    : "The kernel gives no reason, and of its function {function} tracepkt "
                      "knows nothing.");
}

bool knows_reason(std::string_view reason) {
  return is_unspecified(reason) ||
         std::ranges::find(kReasons, reason, &Reason::name) != kReasons.end();
}

std::optional<Advice> find_advice(const journey::Journey& journey) {
  const journey::Outcome& outcome = journey.outcome;
  if (outcome.full_queue) {
    return silence("listen_queue_full");
  }
  if (outcome.full_syn_queue) {
    return silence("syn_queue_full");
  }
  if (outcome.no_way_back) {
    return silence("no_way_back");
  }
  if (outcome.time_wait) {
    return silence("time_wait");
  }
  if (outcome.closed) {
    return advice("tcp_closed",
                  "The process here had closed its connection: the kernel answered the data with a "
                  "reset, and nobody reads it.");
  }
  if (outcome.unread) {
    return silence("unread");
  }
  if (journey::waiting_queue(journey) != nullptr) {
    return silence("interface_queue");
  }
  if (outcome.kind != journey::OutcomeKind::kDropped || !outcome.drop) {
    return std::nullopt;
  }
  if (outcome.chain && is_dropped_as_invalid(*outcome.chain)) {
    const auto* const row = std::ranges::find(kRules, "invalid", &RuleFor::asks_for);
    return advice(row->key, row->cause);
  }
  if (outcome.conntrack_full) {
    return advice_of_place("conntrack_full");
  }
  if (is_past_the_chains(journey)) {
    return advice_of_place(is_said_to_be_closed(journey) ? "no_server" : "past_the_chains");
  }
  const Advice found =
      find_advice(with_sent_error(journey, *outcome.drop), &packet_at_end(journey));
  if (outcome.programs && !outcome.programs->attached.empty()) {
    return advice(key_of(outcome.programs->place), found.cause);
  }
  if (found.key == "mtu" && tunnel_at_end(journey) != nullptr) {
    return advice_of_place("in_a_tunnel");
  }
  if (found.key == "not_for_us" && redirected_at(journey) != nullptr) {
    return advice_of_place("redirected");
  }
  const RefusingRoute* const route = refusing_route(journey, found);
  return route != nullptr ? advice(route->key, route->cause) : found;
}

std::optional<Advice> find_silence(const journey::Journey& request) {
  if (is_taken_from_a_device(request)) {
    return silence("unanswered_by_process");
  }
  const journey::Outcome& outcome = request.outcome;
  const bool to_the_kernel = outcome.kind == journey::OutcomeKind::kDelivered && !outcome.socket;
  if (!to_the_kernel || request.packet.echo_kind() != decode::EchoKind::kRequest ||
      std::ranges::any_of(request.hops, &journey::Hop::answered)) {
    return std::nullopt;
  }
  return silence("unanswered");
}

}  // namespace tracepkt::explain
