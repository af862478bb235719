#include "journey/hop_list.h"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <span>
#include <utility>

#include "journey/legacy_walk.h"

namespace tracepkt::journey {

using decode::Event;

void name_owner(decode::Socket& socket, Names& names) {
  if (socket.pid != 0) {
    return;
  }
  if (const auto owner = process_of(names.socket_owner(socket.inode))) {
    socket.pid = owner->pid;
    const std::string_view name = owner->name;
    std::ranges::copy(name.substr(0, socket.comm.bytes.size() - 1), socket.comm.bytes.begin());
  }
}

const Hop* HopList::last_crossing() const {
  const auto it = std::ranges::find_if(std::views::reverse(hops_), &Hop::is_crossing);
  return it == std::views::reverse(hops_).end() ? nullptr : &*it;
}

bool HopList::came_in_by(std::uint32_t netns, std::uint32_t ifindex) const {
  return std::ranges::any_of(hops_, [&](const Hop& hop) {
    return hop.stage == STAGE_rx && hop.netns.inode == netns && hop.device.index == ifindex;
  });
}

// An ifb hands a packet back to the interface that it was taken from, and is what it came by then.
bool HopList::came_back_from(const Event& event) const {
  const Hop* last = last_crossing();
  return last->stage == STAGE_rx && last->netns.inode == event.netns.inode &&
         last->device == event.device && std::ranges::any_of(hops_, [&](const Hop& hop) {
           return hop.stage == STAGE_tx && hop.netns.inode == event.netns.inode &&
                  hop.device.index == event.iif;
         });
}

// Was the same made, or taken in, at this place before? What a router sends round in a circle has a
// smaller TTL the next time. What is received twice is told once, until it comes to the IP layer.
// What an ifb gives back had not come to it before: see settle_ingress().
bool HopList::is_duplicate(const Event& event) const {
  const Hop* last = last_crossing();
  const bool may_be = event.stage == STAGE_in || (event.stage == STAGE_tx && event.iif == 0) ||
                      (event.stage == STAGE_rx && last != nullptr && last->duplicate);
  if (event.stage == STAGE_in && last != nullptr && came_back_from(event)) {
    return false;
  }
  return may_be && event.packet && std::ranges::any_of(hops_, [&](const Hop& hop) {
           return hop.stage == event.stage && hop.netns.inode == event.netns.inode &&
                  hop.device == event.device && hop.packet &&
                  hop.packet->protocol == event.packet->protocol &&
                  hop.packet->ttl == event.packet->ttl && hop.packet->src == event.packet->src &&
                  hop.packet->dst == event.packet->dst;
         });
}

// Has it been sent here, and not come to an interface yet? On lo it is sent before it is received.
bool HopList::is_looped(const Event& event) const {
  const auto in_this_netns = [&](const Hop& hop) {
    return hop.netns.inode == event.netns.inode && (hop.stage == STAGE_out || hop.is_crossing());
  };
  const auto here = std::ranges::find_if(std::views::reverse(hops_), in_this_netns);
  return event.stage == STAGE_rx && here != std::views::reverse(hops_).end() &&
         here->stage == STAGE_out;
}

void HopList::add(const Event& event) {
  Hop hop{.time_ns = event.time_ns,
          .cpu = event.cpu,
          .netns = {.inode = event.netns.inode, .name = {}},
          .device = event.device,
          .stage = event.stage,
          .tracked = event.tracked,
          .duplicate = is_duplicate(event),
          .looped = is_looped(event),
          .packet = event.packet,
          .socket = event.socket,
          .route = event.route,
          .note = event.note};
  if (event.netns.inode != 0) {
    hop.netns.name = names_.netns(event.netns);
    for (Hop& before : hops_) {
      if (before.netns.inode == 0 && before.stage == STAGE_out) {
        before.netns = hop.netns;  // it had neither a device nor a socket; it has not left since
      }
    }
  } else if (!hops_.empty()) {
    hop.netns = hops_.back().netns;  // in a queue, on no device: still where it was
  }
  // At a socket a packet is on no device any more; it came by one, though.
  if (hop.device.index == 0 && (event.stage == STAGE_deliver || event.stage == STAGE_tcp)) {
    hop.device = device_of(event, hop.netns.inode);
  }
  if (event.drop) {
    hop.drop = DropInfo{.raw = *event.drop};
  }
  if (hop.socket) {
    name_owner(*hop.socket, names_);
  }
  if (const auto* tcp = std::get_if<decode::TcpNote>(&event.note); tcp && tcp->has_reason) {
    hop.reset_reason = names_.reset_reason(tcp->reason);
  }
  if (const Hop* crossing = last_crossing();
      event.stage == STAGE_qdisc && crossing != nullptr && crossing->stage == STAGE_tx) {
    hop.queued_ns = event.time_ns - crossing->time_ns;
  }
  hops_.push_back(std::move(hop));
}

void HopList::infer_arrival(const Event& event) {
  const bool on_its_way = event.stage == STAGE_tx || event.stage == STAGE_in ||
                          event.stage == STAGE_deliver || event.stage == STAGE_xdp ||
                          event.stage == STAGE_tcp;
  // Where a packet ends, what it says of its device may be what a socket left there.
  const bool ends_there =
      (event.stage == STAGE_drop || event.stage == STAGE_end) && event.device.index == event.iif;
  if (!(on_its_way || ends_there) || event.iif == 0 || event.netns.inode == 0 || hops_.empty() ||
      came_in_by(event.netns.inode, event.iif)) {
    return;
  }
  const Hop* last = last_crossing();
  if (last == nullptr ||
      (last->netns.inode == event.netns.inode && last->device.index == event.iif) ||
      came_back_from(event)) {
    return;
  }
  add(event);
  Hop& hop = hops_.back();
  hop.device = device_of(event, event.netns.inode);
  hop.stage = STAGE_rx;
  hop.drop.reset();
  hop.socket.reset();
  hop.note = {};
  hop.inferred = true;
  // Where a route or a neighbour was looked up for it before this hook, or it was answered as what
  // came by that, it had arrived by then.
  for (auto arrival = std::prev(hops_.end()); arrival != hops_.begin(); --arrival) {
    Hop& before = *std::prev(arrival);
    const bool is_lookup = before.stage == STAGE_route || before.stage == STAGE_neigh;
    const bool is_answer = (before.stage == STAGE_icmp || before.stage == STAGE_tcp) &&
                           before.device == arrival->device;
    // The device above has received it from this one, and no hook saw it here (MACsec).
    const bool is_above = event.stage == STAGE_in && before.stage == STAGE_rx &&
                          before.device == event.device && before.device != arrival->device;
    if (!(is_lookup || is_answer || is_above) || before.netns.inode != arrival->netns.inode) {
      break;
    }
    arrival->time_ns = before.time_ns;
    std::swap(before, *arrival);
  }
}

void HopList::infer_return(const Event& event) {
  const Hop* last = last_crossing();
  if (event.stage != STAGE_rx || last == nullptr || last->stage != STAGE_rx ||
      (last->netns.inode == event.netns.inode && last->device == event.device)) {
    return;
  }
  const auto earlier = std::views::reverse(std::span<const Hop>(hops_.data(), last));
  const auto before = std::ranges::find_if(earlier, &Hop::is_crossing);
  const bool was_sent_here = before != earlier.end() && before->stage == STAGE_tx &&
                             before->netns.inode == event.netns.inode &&
                             before->device == event.device;
  // A program's verdict says it better.
  if (!was_sent_here || taking_verdict(hops_) != nullptr) {
    return;
  }
  Hop hop{.time_ns = event.time_ns,
          .cpu = event.cpu,
          .netns = last->netns,
          .device = last->device,
          .stage = STAGE_tx,
          .inferred = true,
          .packet = event.packet};
  hops_.push_back(std::move(hop));
}

decode::Device HopList::device_of(const Event& event, std::uint32_t netns) const {
  if (event.device.index == event.iif) {
    return event.device;
  }
  decode::Device device = {.index = event.iif, .name = {}};
  for (const Hop& hop : hops_) {
    if (hop.netns.inode != netns) {
      continue;
    }
    if (hop.device.index == event.iif) {
      return hop.device;
    }
    // The device of a VRF takes over what comes in by one of its own.
    if (hop.route) {
      device.name = hop.route->vrf;
    }
  }
  return device;
}

void ChainWalks::add(const Event& event) {
  if (!event.netfilter || is_own_table(*event.netfilter)) {
    return;
  }
  switch (event.netfilter->kind) {
    case NETFILTER_CHAIN:
      end_walk(event);
      break;
    case NETFILTER_POLICY:
      if (event.netfilter->backend != NETFILTER_XTABLES) {
        by_policy_ = true;
        break;
      }
      [[fallthrough]];  // what the kernel calls so there may be a rule
    case NETFILTER_RULE:
    case NETFILTER_RETURN:
      // Asked for its name first, a namespace can be entered: it may have had no hop yet.
      (void)names_.netns(event.netns);
      rules_.push_back(
          {.raw = *event.netfilter, .text = names_.rule(event.netns.inode, *event.netfilter)});
      break;
  }
}

void ChainWalks::end_walk(const Event& event) {
  list_.add(event);
  if (event.netfilter->backend == NETFILTER_XTABLES) {
    by_policy_ = complete_legacy_walk(*event.netfilter, rules_);
  }
  hops_.back().chain =
      ChainWalk{.base = *event.netfilter, .rules = std::move(rules_), .by_policy = by_policy_};
  rules_.clear();
  by_policy_ = false;
}

}  // namespace tracepkt::journey
