#include "journey/ingress.h"

#include <linux/netfilter.h>

#include <algorithm>
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

bool is_dropped_on_the_way_in(const Hop& hop) {
  const auto place = hop.drop ? program_place(*hop.drop) : std::nullopt;
  return place && *place != ProgramPlace::kTcEgress;
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

}  // namespace

void settle_ingress(std::vector<Hop>& hops) {
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
    const bool passes =
        std::all_of(next, end, lets_pass) && !is_given_to_an_ifb(*in, hops.data() + hops.size()) &&
        !is_sent_back(*in, hops.data() + hops.size()) &&
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
