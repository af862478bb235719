#include "journey/ingress.h"

#include <linux/netfilter.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "journey/programs.h"

namespace tracepkt::journey {
namespace {

// NF_INET_INGRESS, newer than the headers that this may be built with.
constexpr std::uint8_t kInetIngress = 5;

bool is_ingress(const decode::Netfilter& netfilter) {
  switch (netfilter.pf) {
    case NFPROTO_NETDEV:
      return netfilter.hook == NF_NETDEV_INGRESS;
    case NFPROTO_BRIDGE:
      return false;
    default:
      return netfilter.hook == kInetIngress;
  }
}

bool is_asked_on_the_way_in(const Hop& hop) {
  const auto* verdict = std::get_if<decode::ProgramVerdict>(&hop.note);
  return verdict != nullptr ? place_of(*verdict) != ProgramPlace::kTcEgress
                            : hop.chain && is_ingress(hop.chain->base);
}

bool lets_pass(const Hop& hop) {
  const auto* verdict = std::get_if<decode::ProgramVerdict>(&hop.note);
  return verdict != nullptr ? !verdict->is_drop() && !verdict->is_taken()
                            : !hop.chain->base.is_drop();
}

// A chain of the interface's own, where chains are not seen. Further on a protocol may have written
// where the IP layer had: what a firewall drops has not come to one.
bool is_dropped_before_ip(const Hop& hop) {
  return hop.drop && hop.drop->raw.before_ip &&
         (hop.drop->reason == "NETFILTER_DROP" || hop.drop->function.starts_with("nf_hook_slow+"));
}

bool is_dropped_on_the_way_in(const Hop& hop) {
  if (is_dropped_before_ip(hop)) {
    return true;
  }
  const auto place = hop.drop ? program_place(*hop.drop) : std::nullopt;
  return place && *place != ProgramPlace::kTcEgress;
}

// A bond that does not take what comes by this port, or a VLAN interface that is down: it has not
// come further than what is below.
bool is_refused_below(const Hop& in, const Hop& next) {
  return next.drop && next.netns.inode == in.netns.inode && next.device != in.device &&
         (next.drop->function.starts_with("__netif_receive_skb_core") ||
          next.drop->function.starts_with("vlan_do_receive+"));
}

// An ifb is given what tc takes there, and hands it back to the interface, which receives it once
// more. Where no hook tells that it was taken, this does.
bool is_given_to_an_ifb(const Hop& in, const Hop* end) {
  const auto is_there = [&](const Hop& hop) {
    return hop.netns.inode == in.netns.inode && hop.device == in.device;
  };
  const Hop* const given = &in + 1;
  if (given == end || given->stage != STAGE_tx || given->netns.inode != in.netns.inode ||
      given->device == in.device) {
    return false;
  }
  const Hop* const back =
      std::find_if_not(given + 1, end, [](const Hop& hop) { return hop.stage == STAGE_qdisc; });
  return back != end && back->stage == STAGE_rx && is_there(*back);
}

// A generic XDP program, which is asked before the IP layer: see HopList::infer_return().
bool is_sent_back(const Hop& in, const Hop* end) {
  const Hop* const next = &in + 1;
  return next != end && next->stage == STAGE_tx && next->inferred &&
         next->netns.inode == in.netns.inode && next->device == in.device;
}

// What is asked there sent it out by another interface, as it is: an action of tc's (mirred), a
// program or netdev chain (fwd) whose verdict is not told. What IP forwards has a smaller TTL. Of
// one that was sent a copy of there is more to tell in that namespace.
bool is_sent_past_ip(const Hop& in, const Hop* end) {
  const auto is_there = [&](const Hop& hop) { return hop.netns.inode == in.netns.inode; };
  const Hop* const sent = &in + 1;
  return sent != end && sent->stage == STAGE_tx && !sent->inferred && !sent->tracked &&
         is_there(*sent) && sent->device != in.device && in.packet && sent->packet &&
         in.packet->is_ip() && sent->packet->ethertype == in.packet->ethertype &&
         sent->packet->len == in.packet->len && sent->packet->src == in.packet->src &&
         sent->packet->dst == in.packet->dst && sent->packet->ttl == in.packet->ttl &&
         !std::any_of(sent + 1, end, [&](const Hop& hop) {
           const bool is_who_sent = is_asked_on_the_way_in(hop) && hop.device == in.device;
           return is_there(hop) && hop.stage != STAGE_qdisc && hop.stage != STAGE_driver &&
                  !is_who_sent;
         });
}

// What a flowtable forwards for the software comes past the routing tables, conntrack and all
// chains but the interface's own (nf_flow_offload_ip_hook(), at netdev's ingress), and no hook
// tells of it. `next`: behind what is asked on the way in. Where a batch comes to one destination,
// the tables are asked for the first alone (5.1, 02b24941619f): conntrack has seen the others,
// though. Null: this was not forwarded so.
const Hop* sent_by_flowtable(const Hop& in, const Hop* next, const Hop* end) {
  const Hop* const sent = std::find_if_not(
      next, end, [](const Hop& hop) { return hop.stage == STAGE_nat || hop.stage == STAGE_neigh; });
  const bool goes_on =
      sent != end && sent->stage == STAGE_tx && !sent->inferred && !sent->tracked &&
      sent->netns.inode == in.netns.inode && in.packet && sent->packet && in.packet->is_ip() &&
      sent->packet->ethertype == in.packet->ethertype && sent->packet->ttl + 1 == in.packet->ttl;
  return goes_on ? sent : nullptr;
}

std::optional<ChainWalk> flowtable_walk(std::string_view flowtable) {
  const std::size_t family = flowtable.find(' ');
  const std::size_t table = flowtable.find(' ', family + 1);
  if (family == std::string_view::npos || table == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view of = flowtable.substr(0, family);
  decode::Netfilter base;
  base.family = of == "ip" ? NFPROTO_IPV4 : of == "ip6" ? NFPROTO_IPV6 : NFPROTO_INET;
  base.pf = NFPROTO_NETDEV;
  base.hook = NF_NETDEV_INGRESS;
  base.verdict = NF_STOLEN;
  base.table = flowtable.substr(family + 1, table - family - 1);
  base.chain = flowtable.substr(table + 1);
  return ChainWalk{.base = std::move(base), .is_flowtable = true};
}

}  // namespace

void settle_ingress(std::vector<Hop>& hops, Names& names) {
  for (auto in = hops.begin(); in != hops.end();) {
    const auto next = std::next(in);
    if (in->stage != STAGE_in) {
      in = next;
      continue;
    }
    const auto is_same_place = [&](const Hop& hop) {
      return hop.netns.inode == in->netns.inode && hop.device == in->device;
    };
    const auto end = std::find_if_not(next, hops.end(), [&](const Hop& hop) {
      return is_asked_on_the_way_in(hop) && is_same_place(hop);
    });
    const Hop* const sent = sent_by_flowtable(*in, std::to_address(end), hops.data() + hops.size());
    if (auto walk = sent != nullptr ? flowtable_walk(names.flowtable(in->netns.inode, in->device))
                                    : std::nullopt) {
      in->time_ns = std::prev(end)->time_ns;
      in->stage = STAGE_netfilter;
      in->inferred = true;
      in->packet.reset();
      in->chain = *std::move(walk);
      std::rotate(in, next, end);
      in = end;
      continue;
    }
    const bool goes_past_ip = is_sent_past_ip(*in, hops.data() + hops.size());
    if (goes_past_ip) {
      next->past_ip = true;
      // A chain is told when it is through, which is after it has sent the packet.
      const auto who = std::find_if(next, hops.end(), [&](const Hop& hop) {
        return is_asked_on_the_way_in(hop) && is_same_place(hop);
      });
      if (who != hops.end()) {
        who->time_ns = in->time_ns;
        std::rotate(in, who, std::next(who));
        in = hops.erase(std::next(in));
        continue;
      }
    }
    if (end != hops.end() && is_refused_below(*in, *end)) {
      const bool inferred = in != hops.begin() && std::prev(in)->inferred &&
                            std::prev(in)->stage == STAGE_rx && is_same_place(*std::prev(in));
      in = hops.erase(inferred ? std::prev(in) : in, next);
      continue;
    }
    const bool passes =
        std::all_of(next, end, lets_pass) && !is_given_to_an_ifb(*in, hops.data() + hops.size()) &&
        !is_sent_back(*in, hops.data() + hops.size()) && !goes_past_ip &&
        (end == hops.end() || !is_same_place(*end) || !is_dropped_on_the_way_in(*end));
    if (!passes) {
      in = hops.erase(in);
    } else {
      if (end != next) {
        in->time_ns = std::prev(end)->time_ns;
        std::rotate(in, next, end);
      }
      in = end;
    }
  }
}

}  // namespace tracepkt::journey
