#include "journey/outcome.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <ranges>
#include <variant>

namespace tracepkt::journey {
namespace {

using decode::Event;

const Hop* last_of(const std::vector<Hop>& hops, stage_id stage) {
  const auto reversed = std::views::reverse(hops);
  const auto it = std::ranges::find(reversed, stage, &Hop::stage);
  return it == reversed.end() ? nullptr : &*it;
}

Outcome outcome_at(OutcomeKind kind, const Hop& hop) {
  return {.kind = kind, .netns = hop.netns, .device = hop.device};
}

// Where TCP gave the packet to a connection's socket, after it had come to the IP layer at `in`.
// Whoever reads it there reads what is in it, a copy at times, or nothing where nothing is in it.
// Where a device upon another has it first (a macvlan), only that is known which received it.
const Hop* arrival_after(const std::vector<Hop>& hops, const Hop& in) {
  const auto arrival = std::ranges::find_if(std::views::reverse(hops), is_arrival);
  return arrival != std::views::reverse(hops).end() && arrival->netns.inode == in.netns.inode &&
                 arrival->time_ns >= in.time_ns
             ? &*arrival
             : nullptr;
}

bool is_ipsec(std::uint8_t protocol) { return protocol == IPPROTO_ESP || protocol == IPPROTO_AH; }

// What IPsec does not drop it has unpacked, and who got that is not told where no hook sees it.
bool is_for_the_kernel(std::uint8_t protocol) {
  return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6 || protocol == IPPROTO_IGMP ||
         is_ipsec(protocol);
}

// What the kernel has left of a connection that its process has closed (FIN_WAIT_2, TIME_WAIT)
// refuses data with a reset, and frees it as if it had taken it (tcp_timewait_state_process()).
bool is_refused_data(const Journey& journey, const Netns& netns) {
  return journey.packet.tcp_data.value_or(0) != 0 &&
         std::ranges::any_of(journey.hops, [&](const Hop& hop) {
           const auto* tcp = std::get_if<decode::TcpNote>(&hop.note);
           return tcp != nullptr && tcp->kind == decode::TcpNote::Kind::kResetSent &&
                  hop.netns.inode == netns.inode;
         });
}

// The packet ended in the kernel without being dropped and without a reader: who wanted it?
Outcome consumed_outcome(const Journey& journey, const Hop& crossing, const Hop* in) {
  if (const Hop* arrival = arrival_after(journey.hops, in != nullptr ? *in : crossing)) {
    Outcome outcome = outcome_at(OutcomeKind::kDelivered, *arrival);
    outcome.socket = arrival->socket.value_or(decode::Socket{});
    return outcome;
  }
  // As it came there, where that is seen.
  const decode::Packet& packet = is_ipsec(journey.packet.protocol) && in != nullptr && in->packet
                                     ? *in->packet
                                     : journey.packet;
  const bool for_the_kernel = in != nullptr && is_for_the_kernel(packet.protocol);
  Outcome outcome = outcome_at(for_the_kernel ? OutcomeKind::kDelivered : OutcomeKind::kConsumed,
                               in != nullptr ? *in : crossing);
  outcome.closed = is_refused_data(journey, outcome.netns);
  return outcome;
}

// Stages that tell what was decided about a packet, not where it is.
bool is_decision(const Hop& hop) {
  return hop.stage == STAGE_route || hop.stage == STAGE_netfilter || hop.stage == STAGE_nat ||
         hop.stage == STAGE_neigh || hop.stage == STAGE_icmp || hop.stage == STAGE_tcp ||
         hop.stage == STAGE_qdisc || hop.stage == STAGE_driver || hop.stage == STAGE_tunnel ||
         hop.stage == STAGE_xdp || hop.stage == STAGE_tc;
}

// The firewall's chain that dropped the packet at this hop; null if none is known to have. It is
// the last thing that happened to the packet there: a copy may have met a firewall before, or
// elsewhere.
const Hop* dropping_chain(const std::vector<Hop>& hops, const Hop& dropped) {
  for (const Hop* hop = &dropped; hop != hops.data();) {
    --hop;
    if (hop->netns.inode != dropped.netns.inode) {
      continue;
    }
    if (hop->chain) {
      return hop->chain->base.is_drop() ? hop : nullptr;
    }
    if (!is_decision(*hop)) {
      return nullptr;
    }
  }
  return nullptr;
}

// A program there sent it elsewhere before the IP layer had it, though it was on its way to that.
bool was_taken_from(const std::vector<Hop>& hops, const Hop& in) {
  return std::any_of(&in, hops.data() + hops.size(), [&](const Hop& hop) {
    const auto* verdict = std::get_if<decode::ProgramVerdict>(&hop.note);
    return verdict != nullptr && verdict->is_taken() && !verdict->egress &&
           hop.netns.inode == in.netns.inode && hop.device == in.device;
  });
}

// Of a packet that came twice one may be dropped, as TCP does that has it already.
bool dropped_each(const std::vector<Hop>& hops, const Netns& netns) {
  const auto count = [&](auto is_one) {
    return std::ranges::count_if(
        hops, [&](const Hop& hop) { return hop.netns.inode == netns.inode && is_one(hop); });
  };
  return count([](const Hop& hop) { return hop.stage == STAGE_drop; }) >
         count([](const Hop& hop) { return hop.duplicate && hop.stage == STAGE_in; });
}

// A packet that a bridge copies to many ports is dropped by all who are not meant. Did a branch of
// it come to an IP layer that neither dropped it nor sent it on? ARP has none, and is taken where
// it was received. Null if none did.
const Hop* taken_branch(const std::vector<Hop>& hops, bool is_arp) {
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    const auto in_same_netns = [&](const Hop& other) {
      return other.netns.inode == hop->netns.inode;
    };
    const bool came_in = hop->stage == STAGE_in || (is_arp && hop->stage == STAGE_rx);
    if (came_in && !was_taken_from(hops, *hop) && !dropped_each(hops, hop->netns) &&
        std::none_of(hops.rbegin(), hop, [&](const Hop& other) {
          return (other.stage == STAGE_tx || other.stage == STAGE_neigh) && in_same_netns(other);
        })) {
      return &*hop;
    }
  }
  return nullptr;
}

// Of a packet that was under way where what is known ends. Silence tells nothing here.
Outcome cut_outcome(const std::vector<Hop>& hops, const Hop* taken) {
  if (const Hop* arrival = taken != nullptr ? arrival_after(hops, *taken) : nullptr) {
    Outcome outcome = outcome_at(OutcomeKind::kDelivered, *arrival);
    outcome.socket = arrival->socket.value_or(decode::Socket{});
    return outcome;
  }
  Outcome outcome = hops.empty() ? Outcome{} : outcome_at(OutcomeKind::kLost, hops.back());
  outcome.seen = false;
  outcome.cut = true;
  return outcome;
}

// Was a copy freed after it had come to the IP layer here? Other copies may have ended unseen.
bool ended_at(const Hop& taken, const std::vector<Event>& events) {
  return std::ranges::any_of(events, [&](const Event& event) {
    return event.stage == STAGE_end && event.time_ns >= taken.time_ns &&
           event.netns.inode == taken.netns.inode;
  });
}

// GRO keeps what opens or resets a connection apart, and so fragments and what has no data.
bool may_merge(const decode::Packet& packet) {
  switch (packet.protocol) {
    case IPPROTO_TCP:
      return (packet.tcp_flags & (TH_SYN | TH_RST)) == 0 && packet.tcp_data != 0u;
    case IPPROTO_UDP:
    case IPPROTO_GRE:
    case IPPROTO_IPIP:
    case IPPROTO_IPV6:
      return !packet.first_fragment && !packet.later_fragment;
    default:
      return false;
  }
}

// Would what GRO lets pass be heard of again? Where a device upon another has it first (a macvlan),
// only TCP tells that it came to its connection.
bool is_heard_of_behind_gro(const Event& event) {
  return event.to_ip ||
         (event.packet->protocol == IPPROTO_TCP &&
          (event.hook == HOOK_napi_gro_receive_entry || event.hook == HOOK_napi_gro_frags_entry));
}

// GRO makes one packet of segments that follow each other, as they are received; those behind the
// first are not heard of again.
bool was_merged(const Journey& journey, const Hop& crossing, const std::vector<Event>& events) {
  return crossing.stage == STAGE_rx && &crossing == &journey.hops.back() &&
         std::ranges::any_of(events, [&](const Event& event) {
           return event.packet && may_merge(*event.packet) && is_heard_of_behind_gro(event) &&
                  event.time_ns == crossing.time_ns && event.device == crossing.device;
         });
}

// Does it wait for the link address of its next hop, behind the interface that it was sent by (an
// ipvlan in mode l3, a tunnel)?
bool waits_for_neighbour(const Hop& hop) {
  constexpr std::uint8_t kNudIncomplete = 0x01;
  const auto* neighbour = std::get_if<decode::Neighbour>(&hop.note);
  return neighbour != nullptr && (neighbour->state & kNudIncomplete) != 0;
}

// What a tunnel's packet is cut into for the interface that is to send it (ip_do_fragment(),
// ip6_fragment(), or GSO) are new ones, and the packet itself is freed there without having been
// seen to leave. Index 0: it was not.
decode::Device cut_for(const Hop& left, const std::vector<Event>& events) {
  const auto end = std::ranges::find_if(events, [&](const Event& event) {
    return event.stage == STAGE_end && event.last && event.time_ns >= left.time_ns &&
           event.netns.inode == left.netns.inode && event.device.index != 0 &&
           event.device != left.device;
  });
  return end != events.end() ? end->device : decode::Device{};
}

// Every link takes packets of that length: what a firewall takes in a router's place (SYNPROXY)
// ends as one that was cut.
bool may_be_cut(const decode::Packet& packet) {
  constexpr std::uint32_t kLeastMtu = 68;      // RFC 791
  constexpr std::uint32_t kLeastMtuV6 = 1280;  // RFC 8200
  return packet.len > (packet.dst.family == 6 ? kLeastMtuV6 : kLeastMtu);
}

// The same of what a router cuts: nothing but what it was to go out by is told of its end. Index 0:
// it was not cut.
decode::Device cut_on_its_way(const Hop& taken, const std::vector<Event>& events) {
  const decode::Device device = cut_for(taken, events);
  const bool came_by_that = std::ranges::any_of(events, [&](const Event& event) {
    return event.stage == STAGE_end && event.device == device && event.device.index == event.iif;
  });
  return came_by_that ? decode::Device{} : device;
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

}  // namespace

bool is_arrival(const Hop& hop) {
  const auto* tcp = std::get_if<decode::TcpNote>(&hop.note);
  return tcp != nullptr && tcp->kind == decode::TcpNote::Kind::kArrived;
}

Hop* answered_hop(std::vector<Hop>& hops, const AssembleContext& context) {
  if (context.answered_ns == 0) {
    return nullptr;
  }
  const auto reversed = std::views::reverse(hops);
  const auto there = [&](const Hop& one) {
    return one.netns.inode == context.answered_in_netns && one.stage != STAGE_drop &&
           !is_decision(one);
  };
  // A copy may have been sent elsewhere (tc mirred) after it came in.
  auto hop = std::ranges::find_if(reversed, [&](const Hop& one) {
    return there(one) && (one.stage == STAGE_in || one.stage == STAGE_rx);
  });
  if (hop == reversed.end()) {
    hop = std::ranges::find_if(reversed, there);
  }
  if (hop == reversed.end() || (hop->time_ns > context.answered_ns && !hop->inferred)) {
    return nullptr;
  }
  return &*hop;
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
  const Hop* taken = taken_branch(hops, bool(journey.packet.arp));
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
  if (taken == nullptr && taking_verdict(hops) != nullptr) {
    return outcome_at(OutcomeKind::kConsumed, hops.back());
  }
  const bool seen =
      context.ending == Ending::kSeen || (taken != nullptr && ended_at(*taken, events));
  if (context.ending == Ending::kCut && !seen) {
    return cut_outcome(hops, taken);
  }
  const auto crossing = std::ranges::find_if(reversed, [&](const Hop& hop) {
    return hop.stage == STAGE_tx ||
           (hop.stage == STAGE_rx && !sent_and_refused(journey, hop.netns));
  });
  if (crossing == reversed.end()) {
    return hops.empty() ? Outcome{} : outcome_at(OutcomeKind::kLost, hops.back());
  }
  // The kernel itself never takes a packet silently; a socket may.
  const bool for_a_socket = journey.packet.has_ports;
  Outcome outcome;
  const decode::Device cut_by = taken != nullptr && may_be_cut(journey.packet)
                                    ? cut_on_its_way(*taken, events)
                                    : decode::Device{};
  if (cut_by.index != 0) {
    outcome = outcome_at(OutcomeKind::kLeft, *taken);
    outcome.device = cut_by;
    outcome.sent_by = cut_by;
  } else if (taken != nullptr && (seen || for_a_socket)) {
    outcome = consumed_outcome(journey, *crossing, taken);
  } else if (taken != nullptr && journey.packet.later_fragment) {
    // It waits for the others, and when they have come is a part of the first.
    outcome = outcome_at(OutcomeKind::kConsumed, *taken);
  } else if (!seen && waits_for_neighbour(hops.back())) {
    outcome = outcome_at(OutcomeKind::kLost, hops.back());
  } else if (crossing->stage == STAGE_tx) {
    outcome = outcome_at(OutcomeKind::kLeft, *crossing);
    outcome.sent_by = cut_for(*crossing, events);
  } else if (seen || arrival_after(hops, *crossing) != nullptr) {
    outcome = consumed_outcome(journey, *crossing, nullptr);
  } else if (was_merged(journey, *crossing, events)) {
    outcome = outcome_at(OutcomeKind::kConsumed, *crossing);
    outcome.merged = true;
  } else {
    outcome = outcome_at(OutcomeKind::kLost, hops.back());
  }
  outcome.seen = seen;
  return outcome;
}

}  // namespace tracepkt::journey
