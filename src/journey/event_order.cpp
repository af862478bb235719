#include "journey/event_order.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <variant>

namespace tracepkt::journey {
namespace {

using decode::Event;

bool is_kept_route(const Event& event) { return event.route && event.route->kept; }

// Where something was in a place: one that tells of a packet from afar has no part in this.
bool is_seen(const Event& event) {
  return event.stage == STAGE_tx || event.stage == STAGE_rx || event.stage == STAGE_in ||
         event.stage == STAGE_deliver || event.stage == STAGE_drop;
}

// A lookup has no packet: its answer is kept for the next that is seen of one to that address
// (bpf/route.bpf.h). Of a packet that nothing is seen of after it, as of most datagrams that are
// read, it is still there when another one comes, and is taken for that one's if it has none of its
// own. It was before that one came in, though. Or it is of one that came after it, and that was
// looked up before this one, which a reader had already, was gone; or, where its own is known, of
// the error about it, for which the kernel asks once more for the way to where it was going
// (icmp_route_lookup).
bool is_another_packets(const Event& route, const std::vector<Event>& events) {
  if (route.stage != STAGE_route || !route.route || route.route->kept ||
      route.route->type == RTN_BROADCAST || route.route->type == RTN_MULTICAST) {
    return false;  // those that are made here come in here as well
  }
  const auto was = [&](stage_id stage) {
    return std::ranges::any_of(events, [&](const Event& event) {
      return event.stage == stage && event.netns.inode == route.netns.inode &&
             event.time_ns < route.time_ns;
    });
  };
  const bool is_over = std::ranges::any_of(events, [&](const Event& event) {
    return event.last && event.netns.inode == route.netns.inode && event.time_ns < route.time_ns;
  });
  if (is_over || was(STAGE_deliver) || (was(STAGE_icmp) && was(STAGE_route))) {
    return true;
  }
  const Event* first = nullptr;
  for (const Event& event : events) {
    if (event.netns.inode != route.netns.inode) {
      continue;
    }
    if (event.stage == STAGE_out) {
      return false;
    }
    if (is_seen(event) && (first == nullptr || event.time_ns < first->time_ns)) {
      first = &event;
    }
  }
  return first != nullptr && (first->stage == STAGE_rx || first->stage == STAGE_in) &&
         (!first->packet || !first->packet->dst.is_multicast()) && route.time_ns < first->time_ns;
}

// Nor has a socket the route of what a table was asked for: the first packet to its peer.
bool is_asked_for(const Event& kept, const std::vector<Event>& events) {
  return is_kept_route(kept) && std::ranges::any_of(events, [&](const Event& event) {
           return event.route && !event.route->kept && event.netns.inode == kept.netns.inode;
         });
}

// Where a packet came in, its neighbour may have been asked for before, for another one.
bool may_wait_for_others(const Event& event, const std::vector<Event>& events) {
  const auto* neighbour = std::get_if<decode::Neighbour>(&event.note);
  return neighbour != nullptr && std::ranges::any_of(events, [&](const Event& other) {
           return (other.stage == STAGE_rx || other.stage == STAGE_in) &&
                  other.netns.inode == event.netns.inode && other.time_ns <= neighbour->told_ns;
         });
}

std::uint64_t begin_of(const std::vector<Event>& events) {
  std::uint64_t begin_ns = std::numeric_limits<std::uint64_t>::max();
  for (const Event& event : events) {
    if (!may_wait_for_others(event, events)) {
      begin_ns = std::min(begin_ns, event.time_ns);
    }
  }
  return begin_ns;
}

// What is told of a packet's way before it was seen has its place there: who sent it comes first,
// and it did not wait for a neighbour before it came where that was looked for.
void put_early_in_place(std::vector<Event>& events) {
  // Where a hook sees it on its way out, that hop says who sent it.
  const auto out = std::ranges::find_if(
      events, [](const Event& event) { return event.stage == STAGE_out && !event.socket; });
  const auto sender = std::ranges::find_if(
      events, [](const Event& event) { return event.stage == STAGE_out && event.socket; });
  if (out != events.end() && sender != events.end()) {
    out->socket = sender->socket;
    events.erase(sender);
  }
  const std::uint64_t begin_ns = begin_of(events);
  for (Event& event : events) {
    const auto* tcp = std::get_if<decode::TcpNote>(&event.note);
    // Nor has a route that a socket keeps a time of its own.
    const bool first = event.stage == STAGE_out || is_kept_route(event) ||
                       (tcp != nullptr && tcp->kind == decode::TcpNote::Kind::kRetransmitted);
    if (first) {
      event.time_ns = std::min(event.time_ns, begin_ns);
    }
  }
  for (Event& event : events) {
    auto* neighbour = std::get_if<decode::Neighbour>(&event.note);
    if (neighbour == nullptr) {
      continue;
    }
    std::uint64_t last_ns = 0;
    for (const Event& other : events) {
      // Into a tunnel's device first, and then by the one that needs the address.
      const bool by_another = other.stage == STAGE_tx && other.device.index != event.device.index;
      const bool before = other.stage == STAGE_route || other.stage == STAGE_in ||
                          other.stage == STAGE_rx || other.stage == STAGE_out ||
                          other.stage == STAGE_netfilter || by_another;
      if (before && other.netns.inode == event.netns.inode && other.time_ns <= neighbour->told_ns) {
        last_ns = std::max(last_ns, other.time_ns);
      }
    }
    if (neighbour->asked_ns == 0) {
      event.time_ns = last_ns != 0 ? last_ns : event.time_ns;
      // Who sent it is told at the same time as that it was found: since when tells nothing.
      neighbour->asked_ns = last_ns < neighbour->told_ns ? last_ns : 0;
    }
    event.time_ns = std::max(event.time_ns, last_ns);
  }
}

// Of what is told at the same time, in this order.
int rank(const Event& event) {
  switch (event.stage) {
    case STAGE_out:
      return 0;
    case STAGE_tcp:
      return std::get_if<decode::TcpNote>(&event.note) != nullptr &&
                     std::get<decode::TcpNote>(event.note).kind ==
                         decode::TcpNote::Kind::kRetransmitted
                 ? 1
                 : 4;
    case STAGE_route:
      return 2;
    case STAGE_neigh:
      return 4;
    default:
      return 3;
  }
}

bool is_before(const Event& a, const Event& b) {
  return a.time_ns != b.time_ns ? a.time_ns < b.time_ns : rank(a) < rank(b);
}

}  // namespace

void put_in_order(std::vector<Event>& events) {
  for (auto it = events.begin(); it != events.end();) {
    it = is_another_packets(*it, events) ? events.erase(it) : std::next(it);
  }
  for (auto it = events.begin(); it != events.end();) {
    it = is_asked_for(*it, events) ? events.erase(it) : std::next(it);
  }
  const bool has_notes = std::ranges::any_of(events, [](const Event& event) {
    return event.stage == STAGE_out || event.note.index() != 0 || is_kept_route(event);
  });
  if (has_notes) {
    put_early_in_place(events);
  }
  // Few, and nearly in order: each goes back by as many as come after it.
  for (auto it = events.begin(); it != events.end(); ++it) {
    std::rotate(std::upper_bound(events.begin(), it, *it, is_before), it, std::next(it));
  }
}

}  // namespace tracepkt::journey
