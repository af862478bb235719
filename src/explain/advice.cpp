#include "explain/advice.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <utility>
#include <variant>

#include "base/text.h"
#include "explain/netfilter.h"
#include "explain/notes.h"
#include "explain/programs.h"
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

// "tcp_v4_rcv.cold+0x7" is in tcp_v4_rcv: the compiler takes functions apart.
std::string_view plain_function(std::string_view function) {
  return function.substr(0, function.find_first_of("+."));
}

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

bool is_for_everybody(const decode::Packet& packet) {
  constexpr decode::Address kBroadcast = {.family = 4, .bytes = {255, 255, 255, 255}};
  return (packet.arp && packet.arp->op == 1) || packet.dst.is_multicast() ||
         packet.dst == kBroadcast;
}

// What is not longer fits every link that IP goes over (RFC 791).
bool is_small(const decode::Packet& packet) { return packet.len != 0 && packet.len <= 576; }

bool hands_to_an_interface(std::string_view function) {
  return function == "veth_xmit" || function == "__dev_forward_skb" ||
         function == "__dev_forward_skb2";
}

// What enters the namespace of that file, in front of a command; nothing where it is not needed.
std::string enter_words(std::string_view file) {
  constexpr std::string_view kNamed = "/run/netns/";
  if (file.empty()) {
    return "";
  }
  if (file.starts_with(kNamed) && !file.substr(kNamed.size()).starts_with('-')) {
    return "ip netns exec " + shell_word(file.substr(kNamed.size())) + ' ';
  }
  return "nsenter --net=" + shell_word(file) + ' ';
}

using Fields = std::array<std::pair<std::string_view, std::string>, 20>;

std::string filled(std::string_view text, const Fields& fields) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('{'), text.size());
    out += text.substr(0, open);
    text.remove_prefix(open);
    const std::size_t end = text.find('}') + 1;  // 0: there is none
    if (end == 0) {
      return out.append(text);
    }
    const auto* const field =
        std::ranges::find(fields, text.substr(1, end - 2), &Fields::value_type::first);
    out += field != fields.end() ? field->second : text.substr(0, end);
    text.remove_prefix(end);
  }
  return out;
}

// The next hop whose link address was asked for where the packet ended; family 0: none is known.
decode::Address asked_hop(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if (const auto* neighbour = std::get_if<decode::Neighbour>(&hop.note)) {
      return hop.netns.inode == journey.outcome.netns.inode ? neighbour->address
                                                            : decode::Address{};
    }
  }
  return {};
}

// Its words, each quoted: the names of interfaces among them may be anything.
std::string shell_words(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    out += (out.empty() ? "" : " ") + shell_word(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// Where it was sent or forwarded from, with a route, before it came to where it ended.
std::string sender_words(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if ((hop.route || hop.stage == STAGE_out) && hop.netns.inode != journey.outcome.netns.inode &&
        hop.netns.inode != 0) {
      return fmt::format(" (namespace {})", printable(hop.netns.label()));
    }
  }
  return "";
}

// The routing rule that was asked last.
journey::RoutingRule last_rule(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if (hop.routing_rule) {
      return *hop.routing_rule;
    }
  }
  return {};
}

// Had it come in where it was dropped, or did it begin there?
bool came_in(const journey::Journey& journey) {
  return std::ranges::any_of(journey.hops, [&](const journey::Hop& hop) {
    return (hop.stage == STAGE_rx || hop.stage == STAGE_in) &&
           hop.netns.inode == journey.outcome.netns.inode;
  });
}

// The command that lists the rules that may have dropped it. What nftables drops is not told to be
// dropped in nf_hook_slow() since 6.7, but which kernel it was is not known here.
std::string_view ruleset_list(const journey::DropInfo& drop, const decode::Packet& packet) {
  if (plain_function(drop.function) != "nf_hook_slow") {
    return "nft -a list ruleset";
  }
  return packet.dst.family == 6
             ? "sh -c 'nft -a list ruleset; ip6tables-legacy-save -c; conntrack -S'"
             : "sh -c 'nft -a list ruleset; iptables-legacy-save -c; conntrack -S'";
}

AdviceWords in_full(const Advice& found, const journey::Journey& journey,
                    const decode::Packet& packet) {
  const journey::Outcome& outcome = journey.outcome;
  const decode::Address hop = asked_hop(journey);
  const std::string hop_text = hop.family != 0 ? hop.text() : "ADDRESS";
  const bool on_device = outcome.device.index != 0 && !outcome.device.name.view().empty();
  const journey::DropInfo drop = outcome.drop ? *outcome.drop : journey::DropInfo{};
  const auto& queue = outcome.full_syn_queue ? outcome.full_syn_queue : outcome.full_queue;
  const journey::RoutingRule rule = last_rule(journey);
  const std::string dev = on_device ? shell_word(outcome.device.name.view()) : "DEV";
  const std::string src = packet.is_ip() ? packet.src.text() : "ADDRESS";
  const std::string enter = enter_words(outcome.netns_file);
  const bool is_v6 = packet.dst.family == 6;
  const Fields fields = {{
      {"in", enter},
      // What is not known is a word to be replaced, as in a manual.
      {"dev", dev},
      {"src", src},
      {"dst", packet.is_ip() ? packet.dst.text() : "ADDRESS"},
      {"hop", hop_text},
      {"asking", asking_filter(packet.dst.family, hop_text)},
      {"who", outcome.socket ? process_words(*outcome.socket) : ""},
      {"waiting", queue            ? std::to_string(queue->waiting)
                  : outcome.unread ? std::to_string(*outcome.unread)
                                   : ""},
      {"ip_rule", fmt::format("{}: {}", rule.priority, printable(rule.text))},
      {"pref", std::to_string(rule.priority)},
      {"selector", shell_words(rule.text)},
      {"came_in", came_in(journey) ? fmt::format(" from {} iif {}", src, dev) : ""},
      {"host_src", packet.is_ip() ? " host " + src : ""},
      {"ruleset", std::string(ruleset_list(drop, packet))},
      {"before", sender_words(journey)},
      {"forwarding", is_v6 ? "net.ipv6.conf.all.forwarding"
                           : "net.ipv4.ip_forward net/ipv4/conf/" + dev + "/forwarding"},
      {"forward", is_v6 ? fmt::format("`{}sysctl -w net.ipv6.conf.all.forwarding=1`", enter)
                        : fmt::format("`{}sysctl -w net.ipv4.ip_forward=1` (where that is 1 "
                                      "already: net/ipv4/conf/{}/forwarding=1)",
                                      enter, dev)},
      {"rule_list", is_v6 ? "ip -6 rule" : "ip rule"},
      {"reason", printable(drop.reason)},
      {"function", printable(plain_function(drop.function))},
  }};
  return AdviceWords{.key = std::string(found.key),
                     .cause = filled(found.cause, fields),
                     .check = filled(found.check, fields),
                     .mend = filled(found.mend, fields),
                     .harmless = found.harmless,
                     .enter_first = found.check.starts_with("{in}") && outcome.netns_file.empty() &&
                                    outcome.netns.name != "host"};
}

// The packet as it was seen last: NAT may have changed it since it was first seen.
const decode::Packet& last_packet(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if (hop.packet && hop.packet->is_ip()) {
      return *hop.packet;
    }
  }
  return journey.packet;
}

// The packet as it was when it was dropped: NAT may have changed it since it was first seen.
const decode::Packet& dropped_packet(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if (hop.stage == STAGE_drop && hop.packet && hop.packet->is_ip()) {
      return *hop.packet;
    }
  }
  return journey.packet;
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
    return hop.stage != STAGE_netfilter && hop.stage != STAGE_nat && hop.stage != STAGE_out &&
           hop.stage != STAGE_icmp;
  });
  if (decision == reversed.end() || end.stage != STAGE_drop || !decision->route ||
      decision->netns.inode != end.netns.inode) {
    return nullptr;
  }
  std::string_view type = route_type(*decision->route);
  if (decision->routing_rule && decision->routing_rule->refuses != 0) {
    type = "ip_rule";
  } else if (type == "unicast" && end.drop &&
             plain_function(end.drop->function) == "dst_discard_out") {
    type = "ipsec";
  }
  const auto* const row = std::ranges::find(kRefusingRoutes, type, &RefusingRoute::type);
  return row != kRefusingRoutes.end() ? row : nullptr;
}

// Was it dropped in a firewall's hook in which the last chain that it came to let it pass? Those
// are all told, or none.
bool is_past_the_chains(const journey::Journey& journey) {
  const auto& hops = journey.hops;
  if (journey.outcome.chain || hops.size() < 2 || !hops.back().drop ||
      hops.back().drop->reason != "NETFILTER_DROP" ||
      plain_function(hops.back().drop->function) != "nf_hook_slow") {
    return false;
  }
  const journey::Hop& before = hops[hops.size() - 2];
  return before.chain && !before.chain->base.is_drop() &&
         before.netns.inode == hops.back().netns.inode && before.device == hops.back().device;
}

// Did a process read it that is an interface's other end (tun, tap)?
bool is_taken_from_a_device(const journey::Journey& journey) {
  const std::vector<journey::Hop>& hops = journey.hops;
  return journey.outcome.kind == journey::OutcomeKind::kDelivered && journey.outcome.socket &&
         journey.packet.echo_kind() == decode::EchoKind::kRequest && hops.size() > 1 &&
         hops.back().stage == STAGE_deliver && hops[hops.size() - 2].stage == STAGE_tx &&
         hops.back().device == hops[hops.size() - 2].device;
}

}  // namespace

namespace {

const Place* place_of(std::string_view function, std::string_view reason) {
  const auto* const row = std::ranges::find_if(
      kPlaces, [&](const Place& one) { return one.function == function && one.reason == reason; });
  return row != kPlaces.end() ? row : nullptr;
}

const PacketOf* packet_of(const decode::Packet& packet, std::string_view reason) {
  const auto* const row = std::ranges::find_if(kPackets, [&](const PacketOf& one) {
    return one.reason == reason && trait(one.trait)->holds(packet);
  });
  return row != kPackets.end() ? row : nullptr;
}

}  // namespace

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
  // Who is to have a multicast is asked apart, and that it is nobody is no reason.
  if (drop.reason == "NOT_SPECIFIED" && receives_udp(function) && packet != nullptr &&
      packet->dst.is_multicast()) {
    function = "udp_rcv";
    reason = "multicast";
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
  // Where these free it for ping_rcv() (seen in 6.12).
  if (packet != nullptr && packet->echo_kind() == decode::EchoKind::kReply &&
      reason == "NO_SOCKET" && (function == "icmp_rcv" || function == "icmpv6_rcv")) {
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

std::string asking_filter(std::uint8_t family, std::string_view hop) {
  return family == 6 ? "'icmp6 and ip6[40] >= 135 and ip6[40] <= 136'"
                     : fmt::format("arp and host {}", hop);
}

std::optional<AdviceWords> advice_words(const journey::Journey& journey) {
  const journey::Outcome& outcome = journey.outcome;
  if (outcome.full_queue) {
    return in_full(silence("listen_queue_full"), journey, last_packet(journey));
  }
  if (outcome.full_syn_queue) {
    return in_full(silence("syn_queue_full"), journey, last_packet(journey));
  }
  if (outcome.no_way_back) {
    return in_full(silence("no_way_back"), journey, last_packet(journey));
  }
  if (outcome.unread) {
    return in_full(silence("unread"), journey, last_packet(journey));
  }
  if (journey::waiting_queue(journey) != nullptr) {
    return in_full(silence("interface_queue"), journey, last_packet(journey));
  }
  if (outcome.kind != journey::OutcomeKind::kDropped || !outcome.drop) {
    return std::nullopt;
  }
  const decode::Packet& packet = dropped_packet(journey);
  Advice found = find_advice(*outcome.drop, &packet);
  if (const RefusingRoute* const route = refusing_route(journey, found)) {
    found = advice(route->key, route->cause);
  }
  if (outcome.conntrack_full) {
    const auto* const place = std::ranges::find(kPlaces, "conntrack_full", &Place::reason);
    found = advice(place->key, place->cause);
  } else if (is_past_the_chains(journey)) {
    const auto* const place = std::ranges::find(kPlaces, "past_the_chains", &Place::reason);
    found = advice(place->key, place->cause);
  }
  AdviceWords words = in_full(found, journey, packet);
  if (outcome.programs) {
    const ProgramAdvice program = program_advice(*outcome.programs);
    found.cause = program.cause.empty() ? found.cause : program.cause;
    found.check = program.check.empty() ? found.check : program.check;
    found.mend = program.mend.empty() ? found.mend : program.mend;
    words = in_full(found, journey, packet);
  }
  // A chain that is known is better looked at alone than with all others.
  if (outcome.chain) {
    const FirewallWords firewall = firewall_words(*outcome.chain, outcome.netns.label());
    words.cause = firewall.sentence + '.';
    words.check = filled(firewall.check, Fields{{{"in", enter_words(outcome.netns_file)}}});
    words.mend = outcome.chain->by_policy
                     ? "Add a rule that accepts it to that chain, or change the chain's policy."
                     : "Change the rule that drops it, or accept the packet before it comes there.";
    if (is_dropped_as_invalid(*outcome.chain)) {
      const auto* const row = std::ranges::find(kRules, "invalid", &RuleFor::asks_for);
      const std::string cause = words.cause + ' ' + std::string(row->cause);
      words = in_full(advice(row->key, row->cause), journey, packet);
      words.cause = cause;
    }
  }
  return words;
}

std::optional<AdviceWords> silence_words(const journey::Journey& request) {
  const journey::Outcome& outcome = request.outcome;
  if (is_taken_from_a_device(request)) {
    return in_full(silence("unanswered_by_process"), request, last_packet(request));
  }
  const bool to_the_kernel = outcome.kind == journey::OutcomeKind::kDelivered && !outcome.socket;
  if (!to_the_kernel || request.packet.echo_kind() != decode::EchoKind::kRequest ||
      std::ranges::any_of(request.hops, &journey::Hop::answered)) {
    return std::nullopt;
  }
  return in_full(silence("unanswered"), request, last_packet(request));
}

}  // namespace tracepkt::explain
