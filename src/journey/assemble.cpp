#include "journey/assemble.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>

namespace tracepkt::journey {
namespace {

using decode::Event;

// The hops made so far, asked from the newest on.
class HopList {
 public:
  HopList(std::vector<Hop>& hops, Names& names) : hops_(hops), names_(names) {}

  const Hop* last_crossing() const {
    const auto it = std::ranges::find_if(std::views::reverse(hops_), &Hop::is_crossing);
    return it == std::views::reverse(hops_).end() ? nullptr : &*it;
  }

  bool came_in_by(std::uint32_t netns, std::uint32_t ifindex) const {
    return std::ranges::any_of(hops_, [&](const Hop& hop) {
      return hop.stage == STAGE_rx && hop.netns.inode == netns && hop.device.index == ifindex;
    });
  }

  void add(const Event& event) {
    Hop hop{.time_ns = event.time_ns,
            .cpu = event.cpu,
            .netns = {.inode = event.netns.inode, .name = {}},
            .device = event.device,
            .stage = event.stage,
            .packet = event.packet,
            .drop = {},
            .socket = event.socket,
            .route = event.route,
            .chain = {},
            .nat = {}};
    // In a socket's queue a packet is on no device any more; it came by one, though.
    if (hop.device.index == 0 && event.stage == STAGE_deliver) {
      hop.device = device_of(event);
    }
    if (event.netns.inode != 0) {
      hop.netns.name = names_.netns(event.netns);
    } else if (!hops_.empty()) {
      hop.netns = hops_.back().netns;  // in a queue, on no device: still where it was
    }
    if (event.drop) {
      hop.drop = DropInfo{.raw = *event.drop};
    }
    hops_.push_back(std::move(hop));
  }

  // A VLAN, macvlan or ipvlan interface takes a packet over from the one below it without any hook:
  // the packet itself remembers the interface that it came in by last.
  void infer_arrival(const Event& event) {
    const bool on_its_way =
        event.stage == STAGE_tx || event.stage == STAGE_in || event.stage == STAGE_deliver;
    // Where a packet ends, what it says of its device may be what a socket left there.
    const bool ends_there =
        (event.stage == STAGE_drop || event.stage == STAGE_end) && event.device.index == event.iif;
    if (!(on_its_way || ends_there) || event.iif == 0 || event.netns.inode == 0 || hops_.empty() ||
        came_in_by(event.netns.inode, event.iif)) {
      return;
    }
    const Hop* last = last_crossing();
    if (last == nullptr ||
        (last->netns.inode == event.netns.inode && last->device.index == event.iif)) {
      return;
    }
    add(event);
    Hop& hop = hops_.back();
    hop.device = device_of(event);
    hop.stage = STAGE_rx;
    hop.drop.reset();
    hop.socket.reset();
    hop.inferred = true;
    // Where a route was looked up for it before this hook, it had arrived by then.
    if (hops_.size() > 1) {
      Hop& before = *std::prev(hops_.end(), 2);
      if (before.stage == STAGE_route && before.netns.inode == hop.netns.inode) {
        hop.time_ns = before.time_ns;
        std::swap(before, hop);
      }
    }
  }

 private:
  decode::Device device_of(const Event& event) const {
    if (event.device.index == event.iif) {
      return event.device;
    }
    for (const Hop& hop : hops_) {
      if (hop.netns.inode == event.netns.inode && hop.device.index == event.iif) {
        return hop.device;
      }
    }
    return {.index = event.iif, .name = {}};
  }

  std::vector<Hop>& hops_;
  Names& names_;
};

// Firewalls tell each rule that matches, and then what the chain came to, of which a hop is made.
class ChainWalks {
 public:
  ChainWalks(HopList& list, std::vector<Hop>& hops, Names& names)
      : list_(list), hops_(hops), names_(names) {}

  void add(const Event& event) {
    if (!event.netfilter) {
      return;
    }
    switch (event.netfilter->kind) {
      case NETFILTER_CHAIN:
        end_walk(event);
        break;
      case NETFILTER_POLICY:
        by_policy_ = true;
        break;
      case NETFILTER_RULE:
      case NETFILTER_RETURN:
        rules_.push_back(
            {.raw = *event.netfilter, .text = names_.rule(event.netns.inode, *event.netfilter)});
        break;
    }
  }

 private:
  void end_walk(const Event& event) {
    list_.add(event);
    hops_.back().chain =
        ChainWalk{.base = *event.netfilter, .rules = std::move(rules_), .by_policy = by_policy_};
    rules_.clear();
    by_policy_ = false;
  }

  HopList& list_;
  std::vector<Hop>& hops_;
  Names& names_;
  std::vector<Rule> rules_;  // of the chain that it is in
  bool by_policy_ = false;
};

// What the kernel frees as if it were dropped, though it is not: looked up by the names of the
// reason and of the function, so only where the way so far and the packet speak for it.
class FalseDrops {
 public:
  FalseDrops(const std::vector<Hop>& hops, Names& names) : hops_(hops), names_(names) {}

  // The packet was taken, and this is only its end.
  bool is_end(const Event& event) {
    if (event.stage != STAGE_drop || !event.drop || !event.packet || !came_in()) {
      return false;
    }
    const decode::Packet& packet = *event.packet;
    // Older kernels (5.10 and 6.1 do, 6.12 does not) free in icmpv6_rcv what they have taken in
    // just as what they drop, which is little: taken in, then, unless there is a reason.
    if (packet.protocol == IPPROTO_ICMPV6 && without_reason(event) &&
        is_in(event, {"icmpv6_rcv"})) {
      return true;
    }
    // In a reassembled packet the later fragments are freed with the first.
    if (packet.later_fragment && event.netns.inode == 0) {
      return without_reason(event) && !is_in(event, {"inet_frag_rbtree_purge"});
    }
    if (packet.protocol != IPPROTO_TCP) {
      return false;
    }
    // In TIME_WAIT a socket takes the last FIN and the ACKs. Without any reasons (before 5.17) the
    // same function drops what no socket wants as well.
    if (event.drop->has_reason && without_reason(event) &&
        is_in(event, {"tcp_v4_rcv", "tcp_v6_rcv"})) {
      return true;
    }
    // What lay in a socket's queue, a FIN mostly, goes when that is closed.
    return event.device.index == 0 &&
           (reason(event) == "QUEUE_PURGE" ||
            (without_reason(event) &&
             is_in(event, {"sk_stream_kill_queues", "skb_queue_purge", "skb_queue_purge_reason",
                           "inet_sock_destruct", "inet_csk_destroy_sock"})));
  }

  // A socket did not want its copy of an ICMP message, while another one holds the packet.
  bool is_refusal(const Event& event) {
    if (event.stage != STAGE_drop || event.last || !event.drop || !event.packet ||
        !event.packet->icmp || !came_in()) {
      return false;
    }
    const std::string why = reason(event);
    return why == "NO_SOCKET" || why == "SOCKET_FILTER" || why == "SOCKET_RCVBUFF" ||
           (without_reason(event) &&
            is_in(event, {"ping_rcv", "icmp_rcv", "icmpv6_rcv", "raw_rcv", "rawv6_rcv"}));
  }

 private:
  // Is the IP layer the last that saw it?
  bool came_in() const {
    const auto reversed = std::views::reverse(hops_);
    const auto hop = std::ranges::find_if(
        reversed, [](const Hop& one) { return one.stage == STAGE_in || one.is_crossing(); });
    return hop != reversed.end() && (hop->stage == STAGE_in || hop->inferred);
  }

  std::string reason(const Event& event) {
    return event.drop->has_reason ? names_.drop_reason(event.drop->reason) : "";
  }

  bool without_reason(const Event& event) {
    return !event.drop->has_reason || reason(event) == "NOT_SPECIFIED";
  }

  // "icmp_rcv+0x1a2" and "icmp_rcv.cold+0x7" are in icmp_rcv.
  bool is_in(const Event& event, std::initializer_list<std::string_view> functions) {
    const std::string symbol = names_.symbol(event.drop->location);
    const std::string_view function =
        std::string_view(symbol).substr(0, symbol.find_first_of("+."));
    return std::ranges::find(functions, function) != functions.end();
  }

  const std::vector<Hop>& hops_;
  Names& names_;
};

bool same_place(const Hop& hop, const Event& event) {
  return hop.netns.inode == event.netns.inode && hop.device == event.device;
}

// Would this event tell a second time what a hop already tells?
bool is_repetition(const std::vector<Hop>& hops, const HopList& list, const Event& event) {
  const Hop* crossing = list.last_crossing();
  switch (event.stage) {
    case STAGE_tx:
    case STAGE_rx:
      return crossing != nullptr && crossing->stage == event.stage && same_place(*crossing, event);
    case STAGE_deliver:
      // A reader that peeks, or copies in pieces.
      return !hops.empty() && hops.back().stage == STAGE_deliver && hops.back().socket &&
             hops.back().socket->pid == event.socket.value_or(decode::Socket{}).pid;
    default:
      return false;
  }
}

const Hop* last_of(const std::vector<Hop>& hops, stage_id stage) {
  const auto reversed = std::views::reverse(hops);
  const auto it = std::ranges::find(reversed, stage, &Hop::stage);
  return it == reversed.end() ? nullptr : &*it;
}

Outcome outcome_at(OutcomeKind kind, const Hop& hop) {
  return {.kind = kind,
          .netns = hop.netns,
          .device = hop.device,
          .drop = {},
          .chain = {},
          .socket = {}};
}

// The packet ended in the kernel without being dropped and without a reader: who wanted it?
Outcome consumed_outcome(const Journey& journey, const Hop& crossing, const Hop* in) {
  const bool icmp =
      journey.packet.protocol == IPPROTO_ICMP || journey.packet.protocol == IPPROTO_ICMPV6;
  const bool for_the_kernel = in != nullptr && (icmp || journey.packet.protocol == IPPROTO_IGMP);
  return outcome_at(for_the_kernel ? OutcomeKind::kDelivered : OutcomeKind::kConsumed,
                    in != nullptr ? *in : crossing);
}

// Stages that tell what was decided about a packet, not where it is.
bool is_decision(const Hop& hop) {
  return hop.stage == STAGE_route || hop.stage == STAGE_netfilter || hop.stage == STAGE_nat;
}

// The firewall's chain that dropped the packet at this hop; null if none is known to have.
const Hop* dropping_chain(const std::vector<Hop>& hops, const Hop& dropped) {
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    if (hop->chain && hop->chain->base.is_drop() && hop->netns.inode == dropped.netns.inode) {
      return &*hop;
    }
  }
  return nullptr;
}

// A packet that a bridge copies to many ports is dropped by all who are not meant. Did a branch of
// it come to an IP layer that neither dropped it nor sent it on? Null if none did.
const Hop* taken_branch(const std::vector<Hop>& hops) {
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    const auto in_same_netns = [&](const Hop& other) {
      return other.netns.inode == hop->netns.inode;
    };
    if (hop->stage == STAGE_in &&
        std::none_of(
            hops.begin(), hops.end(),
            [&](const Hop& other) { return other.stage == STAGE_drop && in_same_netns(other); }) &&
        std::none_of(hops.rbegin(), hop, [&](const Hop& other) {
          return other.stage == STAGE_tx && in_same_netns(other);
        })) {
      return &*hop;
    }
  }
  return nullptr;
}

void name_drop(DropInfo& drop, Names& names) {
  drop.reason = drop.raw.has_reason ? names.drop_reason(drop.raw.reason) : "";
  drop.function = names.symbol(drop.raw.location);
}

// Was a copy freed after it had come to the IP layer here? Other copies may have ended unseen.
bool ended_at(const Hop& taken, const std::vector<Event>& events) {
  return std::ranges::any_of(events, [&](const Event& event) {
    return event.stage == STAGE_end && event.time_ns >= taken.time_ns &&
           event.netns.inode == taken.netns.inode;
  });
}

// Where the packet was when it was answered; null if it was not. What set out before the packet
// came there answers an earlier one.
Hop* answered_hop(std::vector<Hop>& hops, const AssembleContext& context) {
  if (context.answered_ns == 0) {
    return nullptr;
  }
  const auto reversed = std::views::reverse(hops);
  const auto hop = std::ranges::find_if(reversed, [&](const Hop& one) {
    return one.netns.inode == context.answered_in_netns && one.stage != STAGE_drop &&
           !is_decision(one);
  });
  if (hop == reversed.end() || (hop->time_ns > context.answered_ns && !hop->inferred)) {
    return nullptr;
  }
  return &*hop;
}

// A multicast comes back to the machine that sends or forwards it: what that machine's IP layer
// then makes of its copy decides nothing about the one that goes out.
bool sent_and_refused(const Journey& journey, const Netns& netns) {
  const auto was = [&](stage_id stage) {
    return std::ranges::any_of(journey.hops, [&](const Hop& hop) {
      return hop.stage == stage && hop.netns.inode == netns.inode;
    });
  };
  return journey.packet.dst.is_multicast() && was(STAGE_tx) && was(STAGE_in) && was(STAGE_drop);
}

Outcome judge(const Journey& journey, const std::vector<Event>& events,
              const AssembleContext& context, const Hop* answered) {
  const std::vector<Hop>& hops = journey.hops;
  if (const Hop* delivered = last_of(hops, STAGE_deliver)) {
    Outcome outcome = outcome_at(OutcomeKind::kDelivered, *delivered);
    outcome.socket = delivered->socket;
    return outcome;
  }
  if (answered != nullptr) {
    return outcome_at(OutcomeKind::kDelivered, *answered);
  }
  const Hop* taken = taken_branch(hops);
  const auto reversed = std::views::reverse(hops);
  const auto dropped = std::ranges::find_if(reversed, [&](const Hop& hop) {
    return hop.stage == STAGE_drop && !sent_and_refused(journey, hop.netns);
  });
  if (dropped != reversed.end() && taken == nullptr) {
    Outcome outcome = outcome_at(OutcomeKind::kDropped, *dropped);
    outcome.drop = dropped->drop;
    if (const Hop* chain = dropping_chain(hops, *dropped)) {
      outcome.chain = chain->chain;
    }
    return outcome;
  }
  const auto crossing = std::ranges::find_if(reversed, [&](const Hop& hop) {
    return hop.stage == STAGE_tx ||
           (hop.stage == STAGE_rx && !sent_and_refused(journey, hop.netns));
  });
  if (crossing == reversed.end()) {
    return hops.empty() ? Outcome{} : outcome_at(OutcomeKind::kLost, hops.back());
  }
  const bool seen =
      context.ending == Ending::kSeen || (taken != nullptr && ended_at(*taken, events));
  // The kernel itself never takes a packet silently; a socket may.
  const bool for_a_socket = journey.packet.has_ports;
  Outcome outcome;
  if (taken != nullptr && (seen || for_a_socket)) {
    outcome = consumed_outcome(journey, *crossing, taken);
  } else if (crossing->stage == STAGE_tx) {
    outcome = outcome_at(OutcomeKind::kLeft, *crossing);
  } else if (seen) {
    outcome = consumed_outcome(journey, *crossing, nullptr);
  } else {
    outcome = outcome_at(OutcomeKind::kLost, hops.back());
  }
  outcome.seen = seen;
  return outcome;
}

// Where no hook saw the packet arrive, none saw it come to the IP layer either: it did before it
// was delivered.
void infer_in(std::vector<Hop>& hops, const Netns& netns) {
  const auto reversed = std::views::reverse(hops);
  const auto last = std::ranges::find_if(reversed, [&](const Hop& hop) {
    return hop.netns.inode == netns.inode && (hop.stage == STAGE_rx || hop.stage == STAGE_in);
  });
  if (last != reversed.end() && last->inferred && last->stage == STAGE_rx) {
    Hop in = *last;
    in.stage = STAGE_in;
    hops.insert(last.base(), std::move(in));
  }
}

// Is it the same packet with other addresses or ports, not one in a tunnel's?
bool is_translated(const decode::Packet& from, const decode::Packet& to) {
  const bool same = from.ethertype == to.ethertype && from.protocol == to.protocol &&
                    from.len == to.len && from.ip_id == to.ip_id;
  const bool moved = from.src != to.src || from.dst != to.dst;
  const bool other_ports =
      from.has_ports && to.has_ports && (from.sport != to.sport || from.dport != to.dport);
  return from.is_ip() && same && (moved || other_ports);
}

// No hook tells of NAT: what is seen of the packet before and after it does.
void infer_nat(std::vector<Hop>& hops) {
  std::optional<decode::Packet> before;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    if (!hops[i].packet) {
      continue;
    }
    const bool is_reverted = hops[i].stage == STAGE_drop;
    if (before && !is_reverted && is_translated(*before, *hops[i].packet)) {
      Hop nat{.time_ns = hops[i].time_ns,
              .cpu = hops[i].cpu,
              .netns = hops[i].netns,
              .device = {},
              .stage = STAGE_nat,
              .inferred = true,
              .packet = hops[i].packet,
              .drop = {},
              .socket = {},
              .route = {},
              .chain = {},
              .nat = AddressChange{.from = *before, .to = *hops[i].packet}};
      hops.insert(hops.begin() + static_cast<std::ptrdiff_t>(i), std::move(nat));
      ++i;
    }
    before = hops[i].packet;
  }
}

}  // namespace

void assemble(std::vector<Event>& events, const AssembleContext& context, Journey& journey) {
  // CPUs write side by side; what they saw is put in order by their common clock.
  if (!std::ranges::is_sorted(events, {}, &Event::time_ns)) {
    std::ranges::stable_sort(events, {}, &Event::time_ns);
  }
  journey.hops.clear();
  journey.hops.reserve(events.size() + 1);
  HopList list(journey.hops, context.names);
  FalseDrops false_drops(journey.hops, context.names);
  ChainWalks chain_walks(list, journey.hops, context.names);
  const auto described =
      std::ranges::find_if(events, [](const Event& event) { return event.packet.has_value(); });
  if (described != events.end()) {
    journey.packet = *described->packet;
    journey.packet_id = described->packet_id;
  }
  for (Event& event : events) {
    list.infer_arrival(event);
    if (false_drops.is_refusal(event)) {
      continue;
    }
    if (false_drops.is_end(event)) {
      event.stage = STAGE_end;
    }
    if (event.stage == STAGE_netfilter) {
      chain_walks.add(event);
      continue;
    }
    // The end adds no hop of its own: it is where the last hop was.
    if (event.stage != STAGE_end && !is_repetition(journey.hops, list, event)) {
      list.add(event);
    }
  }
  Hop* answered_at = answered_hop(journey.hops, context);
  const bool answered = answered_at != nullptr;
  journey.outcome = judge(journey, events, context, answered_at);
  if (answered && answered_at->time_ns > context.answered_ns) {
    // An arrival that only the packet's end told of, after the answer.
    answered_at->time_ns = context.answered_ns;
    std::ranges::stable_sort(journey.hops, {}, &Hop::time_ns);
  }

  if (journey.outcome.kind == OutcomeKind::kDelivered) {
    infer_in(journey.hops, journey.outcome.netns);
  }

  // A raw socket gets a copy, and the kernel then looks for somebody else who wants the packet:
  // that it finds nobody (icmp_rcv says NO_SOCKET) is no loss.
  const Outcome& outcome = journey.outcome;
  // Nor is it one where the kernel has answered: before 5.17 icmpv6_rcv frees all as dropped.
  const bool answered_here = answered && outcome.netns.inode == context.answered_in_netns;
  if ((outcome.socket && outcome.socket->type == SOCK_RAW) || answered_here) {
    std::erase_if(journey.hops, [&](const Hop& hop) {
      return hop.stage == STAGE_drop && hop.netns.inode == outcome.netns.inode;
    });
  }

  infer_nat(journey.hops);

  // Looking these names up is dear, and they are seldom needed: only for what is left.
  for (Hop& hop : journey.hops) {
    if (hop.drop) {
      name_drop(*hop.drop, context.names);
    }
  }
  if (journey.outcome.drop) {
    name_drop(*journey.outcome.drop, context.names);
  }
  const bool silent = outcome.kind == OutcomeKind::kDelivered && !outcome.socket && !answered &&
                      journey.packet.echo_kind() == decode::EchoKind::kRequest;
  if (outcome.drop || silent) {
    journey.outcome.netns_file = context.names.netns_file(outcome.netns.inode);
  }

  // No hook tells that the kernel itself took a packet: it did before it answered, or freed it.
  if (outcome.kind == OutcomeKind::kDelivered && !outcome.socket && !events.empty()) {
    const Event& end = events.back();
    Hop hop{.time_ns = answered ? context.answered_ns : end.time_ns,
            .cpu = end.cpu,
            .netns = outcome.netns,
            .device = outcome.device,
            .stage = STAGE_deliver,
            .answered = answered,
            .packet = {},
            .drop = {},
            .socket = {},
            .route = {},
            .chain = {},
            .nat = {}};
    // Copies may have gone on elsewhere after that.
    journey.hops.insert(std::ranges::upper_bound(journey.hops, hop.time_ns, {}, &Hop::time_ns),
                        std::move(hop));
  }
}

}  // namespace tracepkt::journey
