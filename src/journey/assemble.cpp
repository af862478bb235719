#include "journey/assemble.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <ranges>
#include <utility>
#include <variant>

#include "journey/event_order.h"
#include "journey/false_drops.h"
#include "journey/hop_list.h"
#include "journey/ingress.h"
#include "journey/outcome.h"
#include "journey/taker.h"
#include "journey/translations.h"
#include "journey/tunnels.h"

namespace tracepkt::journey {
namespace {

using decode::Event;

// Which programs are at the interface where one may have dropped the packet, or sent it elsewhere.
void name_programs(Outcome& outcome, ProgramPlace place, Names& names) {
  Programs programs{
      .place = place,
      .attached = programs_of(names.programs(outcome.netns.inode, outcome.device.index, place))};
  if (!programs.attached.empty()) {
    outcome.programs = std::move(programs);
  }
}

// The program whose verdict ended the journey; null: none told it.
const decode::ProgramVerdict* ending_verdict(const Journey& journey) {
  if (journey.outcome.kind == OutcomeKind::kConsumed) {
    return taking_verdict(journey.hops);
  }
  const auto dropped =
      std::ranges::find(std::views::reverse(journey.hops), STAGE_drop, &Hop::stage);
  return journey.outcome.drop && dropped != std::views::reverse(journey.hops).end()
             ? dropping_verdict(
                   journey.hops,
                   static_cast<std::size_t>(
                       std::distance(dropped, std::views::reverse(journey.hops).end()) - 1))
             : nullptr;
}

// It alone, as it is listed, if it is still there.
void name_program(Outcome& outcome, const decode::ProgramVerdict& verdict, Names& names) {
  const ProgramPlace place = place_of(verdict);
  Programs programs{.place = place, .attached = {program_of(verdict)}};
  for (Program& listed :
       programs_of(names.programs(outcome.netns.inode, outcome.device.index, place))) {
    if (listed.id == verdict.id) {
      programs.attached = {std::move(listed)};
      break;
    }
  }
  outcome.programs = std::move(programs);
}

std::optional<ProgramPlace> place_of_end(const Journey& journey) {
  const Outcome& outcome = journey.outcome;
  if (outcome.device.index == 0) {
    return std::nullopt;
  }
  if (outcome.drop) {
    return program_place(*outcome.drop);
  }
  // Its receiver copied it for an XDP program (see bpf/copied.bpf.h), and no hook saw the copy.
  const bool taken_first = outcome.kind == OutcomeKind::kLost && !outcome.cut &&
                           journey.hops.back().stage == STAGE_rx && journey.hops.back().inferred;
  return taken_first ? std::optional(ProgramPlace::kXdp) : std::nullopt;
}

// Where the packet was dropped for want of the route at `i`, that; null: it was not.
const DropInfo* refused_at(const std::vector<Hop>& hops, std::size_t i) {
  for (std::size_t next = i + 1; next < hops.size(); ++next) {
    if (hops[next].stage == STAGE_drop && hops[next].netns.inode == hops[i].netns.inode) {
      return hops[next].drop ? &*hops[next].drop : nullptr;
    }
    if (hops[next].stage != STAGE_icmp) {
      return nullptr;
    }
  }
  return nullptr;
}

// Which rule chose the table, or refused. Their lists are asked for where that tells something.
void name_routing_rules(Journey& journey, Names& names) {
  std::vector<Hop>& hops = journey.hops;
  // NAT may have changed it between.
  const bool is_changed = std::ranges::any_of(hops, [](const Hop& hop) { return bool(hop.nat); });
  const decode::Packet* packet = is_changed ? nullptr : &journey.packet;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    if (hops[i].packet) {
      packet = is_changed ? nullptr : &*hops[i].packet;
    }
    if (!hops[i].route || !asks_rules(*hops[i].route)) {
      continue;
    }
    const DropInfo* const drop = refused_at(hops, i);
    const std::string rules = names.routing_rules(hops[i].netns.inode, hops[i].route->family);
    if (auto rule = rule_behind(rules, *hops[i].route, packet, drop)) {
      hops[i].routing_rule = *std::move(rule);
    }
  }
}

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
    case STAGE_route: {
      // What waits for its neighbour may be looked up again for somebody else meanwhile.
      const Hop* last = hops.empty() ? nullptr : &hops.back();
      return last != nullptr && last->stage == STAGE_route && last->route && event.route &&
             last->netns.inode == event.netns.inode && last->route->table == event.route->table &&
             last->route->type == event.route->type && last->route->error == event.route->error &&
             last->route->via == event.route->via && last->route->device == event.route->device;
    }
    case STAGE_deliver:
      // A reader that peeks, or copies in pieces.
      return !hops.empty() && hops.back().stage == STAGE_deliver && hops.back().socket &&
             hops.back().socket->pid == event.socket.value_or(decode::Socket{}).pid;
    default:
      return false;
  }
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

// Is it the same packet with other addresses or ports?
bool is_translated(const decode::Packet& from, const decode::Packet& to) {
  const bool same =
      from.ethertype == to.ethertype && from.protocol == to.protocol && from.ip_id == to.ip_id;
  const bool moved = from.src != to.src || from.dst != to.dst;
  const bool other_ports =
      from.has_ports && to.has_ports && (from.sport != to.sport || from.dport != to.dport);
  return from.is_ip() && same && (moved || other_ports);
}

// Where what led to the drop begins: by then NAT had done its part.
std::size_t begin_of_end(const std::vector<Hop>& hops, std::size_t drop) {
  const auto belongs = [&](const Hop& hop) {
    return (hop.stage == STAGE_neigh || hop.stage == STAGE_icmp || hop.stage == STAGE_tcp) &&
           hop.netns.inode == hops[drop].netns.inode;
  };
  while (drop > 0 && belongs(hops[drop - 1])) {
    --drop;
  }
  return drop;
}

// No hook tells of NAT: what is seen of the packet before and after it does. Where it ends in a
// process it is told as it is then; where it came from one, what NAT changed back of it is what it
// had changed of what that answers.
void infer_nat(std::vector<Hop>& hops, const Translations* translations) {
  std::optional<decode::Packet> before;
  const auto first = std::ranges::find_if(hops, [](const Hop& hop) { return bool(hop.packet); });
  if (translations != nullptr && first != hops.end() && first->stage == STAGE_tx) {
    before = translations->before(*first->packet, first->netns.inode);
  }
  for (std::size_t i = 0; i < hops.size(); ++i) {
    if (!hops[i].packet) {
      continue;
    }
    const bool is_told = hops[i].stage == STAGE_nat;
    // Of another length it is one in a tunnel's. A reader's may have got more behind it.
    if (before && is_translated(*before, *hops[i].packet) &&
        (is_told || before->len == hops[i].packet->len)) {
      const std::size_t at = hops[i].stage == STAGE_drop ? begin_of_end(hops, i) : i;
      Hop nat{.time_ns = is_told && i > 0 ? hops[i - 1].time_ns : hops[at].time_ns,
              .cpu = hops[i].cpu,
              .netns = hops[i].netns,
              .device = {},
              .stage = STAGE_nat,
              .inferred = true,
              .packet = hops[i].packet,
              .nat = AddressChange{.from = *before, .to = *hops[i].packet}};
      hops.insert(hops.begin() + static_cast<std::ptrdiff_t>(at), std::move(nat));
      ++i;
    }
    before = hops[i].packet;
  }
  std::erase_if(hops, [](const Hop& hop) { return hop.stage == STAGE_nat && !hop.nat; });
}

// Does it only tell that the packet waits for its neighbour, while a later one tells how that
// ended? One without a neighbour tells that the packet was there.
bool is_wait_that_ended(const Event& event, const std::vector<Event>& events) {
  if (event.stage != STAGE_neigh) {
    return false;
  }
  const auto* waiting = std::get_if<decode::Neighbour>(&event.note);
  return waiting == nullptr || std::ranges::any_of(events, [&](const Event& other) {
           const auto* told = std::get_if<decode::Neighbour>(&other.note);
           return told != nullptr && other.netns.inode == event.netns.inode &&
                  told->address == waiting->address && told->told_ns > waiting->told_ns;
         });
}

// Does it only tell that the packet was put into a queue, which it was seen to leave?
bool is_queue_that_was_left(const Event& event, const std::vector<Event>& events) {
  const auto* queue = std::get_if<decode::Queue>(&event.note);
  return queue != nullptr && queue->waits && std::ranges::any_of(events, [&](const Event& other) {
           const auto* told = std::get_if<decode::Queue>(&other.note);
           const bool went_on = told != nullptr
                                    ? !told->waits && other.device == event.device
                                    : other.stage != STAGE_tx && other.stage != STAGE_function;
           return went_on && other.time_ns > event.time_ns;
         });
}

// Did a table know no way, which one that was asked behind it did? Where the user has rules of
// routing, the local table is asked first.
bool is_refusal_that_was_overruled(const Event& event, const std::vector<Event>& events) {
  return event.stage == STAGE_route && event.route && event.route->error != 0 &&
         std::ranges::any_of(events, [&](const Event& other) {
           return other.stage == STAGE_route && other.route && other.route->error == 0 &&
                  other.netns.inode == event.netns.inode &&
                  other.route->family == event.route->family && other.time_ns > event.time_ns;
         });
}

// A copy of what is about to leave by another interface: tc's mirred writes that down as the one by
// which it came in.
bool is_mirrored_on_the_way_out(const Event& event, const std::vector<Event>& events) {
  return event.stage == STAGE_tx && event.packet && event.iif != event.device.index &&
         std::ranges::any_of(events, [&](const Event& other) {
           return other.stage == STAGE_tx && other.time_ns > event.time_ns && other.packet &&
                  other.netns.inode == event.netns.inode && other.device.index == event.iif &&
                  other.iif != event.iif && other.packet->ttl == event.packet->ttl;
         });
}

// At a socket it is delivered, unless it is dropped there. Who reads it then is told by a hop of
// its own, and says more.
void settle_arrivals(Journey& journey) {
  if (journey.outcome.kind != OutcomeKind::kDelivered || !journey.outcome.socket) {
    return;
  }
  const Netns& there = journey.outcome.netns;
  const bool read =
      std::ranges::any_of(journey.hops, [](const Hop& hop) { return hop.stage == STAGE_deliver; });
  if (read) {
    std::erase_if(journey.hops, [&](const Hop& hop) {
      return is_arrival(hop) && hop.netns.inode == there.inode;
    });
    return;
  }
  for (Hop& hop : journey.hops) {
    if (is_arrival(hop) && hop.netns.inode == there.inode) {
      hop.stage = STAGE_deliver;
    }
  }
}

// "ip_rcv+0x0": a call is at the beginning.
void name_functions(std::vector<FunctionStep>& functions, Names& names) {
  std::ranges::stable_sort(functions, {}, &FunctionStep::time_ns);
  for (FunctionStep& step : functions) {
    step.name = names.symbol(step.call.address);
    step.name.resize(std::min(step.name.size(), step.name.find('+')));
    if (step.netns.inode != 0) {
      step.netns_name = names.netns(step.netns);
    }
  }
}

}  // namespace

void name_drop(DropInfo& drop, Names& names) {
  drop.reason = drop.raw.has_reason ? names.drop_reason(drop.raw.reason) : "";
  drop.function = names.symbol(drop.raw.location);
}

void assemble(std::vector<Event>& events, const AssembleContext& context, Journey& journey) {
  put_in_order(events);
  name_functions(journey.functions, context.names);
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
    if (!is_mirrored_on_the_way_out(event, events)) {
      list.infer_arrival(event);
    }
    list.infer_return(event);
    if (false_drops.is_refusal(event)) {
      continue;
    }
    // Where its end is all that is known of it, that is told.
    const bool taken = false_drops.is_end(event);
    if (taken && !journey.hops.empty()) {
      event.stage = STAGE_end;
    }
    if (event.stage == STAGE_netfilter) {
      chain_walks.add(event);
      continue;
    }
    // The end adds no hop of its own: it is where the last hop was.
    if (event.stage != STAGE_end && !is_repetition(journey.hops, list, event) &&
        !is_wait_that_ended(event, events) && !is_queue_that_was_left(event, events) &&
        !is_refusal_that_was_overruled(event, events)) {
      list.add(event);
      if (taken) {
        journey.hops.back().drop->taken = true;
      }
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
  find_who_accepted(journey, context);
  settle_arrivals(journey);
  find_taker(journey, events, context);

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

  infer_nat(journey.hops, context.translations);
  infer_tunnels(journey.hops);

  // Looking these names up is dear, and they are seldom needed: only for what is left.
  for (Hop& hop : journey.hops) {
    if (hop.drop) {
      name_drop(*hop.drop, context.names);
    }
  }
  settle_ingress(journey.hops, context.names);
  name_routing_rules(journey, context.names);
  if (journey.outcome.drop) {
    name_drop(*journey.outcome.drop, context.names);
    // A firewall's hook, as which conntrack drops what it has no room for; and old chains.
    journey.outcome.conntrack_full = journey.outcome.drop->function.starts_with("nf_hook_slow+") &&
                                     !journey.outcome.chain &&
                                     context.names.is_conntrack_full(outcome.netns.inode);
  }
  if (const auto* verdict = ending_verdict(journey)) {
    name_program(journey.outcome, *verdict, context.names);
  } else if (const auto place = place_of_end(journey)) {
    name_programs(journey.outcome, *place, context.names);
  }
  const bool silent = outcome.kind == OutcomeKind::kDelivered && !answered &&
                      journey.packet.echo_kind() == decode::EchoKind::kRequest;
  const bool unheard_of = outcome.kind == OutcomeKind::kLost || !outcome.seen;
  if (outcome.drop || silent || outcome.is_ignored() || outcome.time_wait || outcome.closed ||
      outcome.unread || unheard_of || waiting_queue(journey) != nullptr) {
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
            .answered = answered};
    // Copies may have gone on elsewhere after that.
    journey.hops.insert(std::ranges::upper_bound(journey.hops, hop.time_ns, {}, &Hop::time_ns),
                        std::move(hop));
  }
}

}  // namespace tracepkt::journey
