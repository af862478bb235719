#include "journey/tunnels.h"

#include <netinet/in.h>

#include <cstddef>
#include <optional>
#include <utility>

namespace tracepkt::journey {
namespace {

// From IPIP's header alone to IPv6, UDP, options of Geneve, and an Ethernet header with VLAN tags.
constexpr std::uint32_t kLeastOverhead = 20;
constexpr std::uint32_t kMostOverhead = 160;

bool is_tunnel_protocol(std::uint8_t protocol) {
  return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 || protocol == IPPROTO_GRE ||
         protocol == IPPROTO_UDP || protocol == IPPROTO_ESP || protocol == IPPROTO_AH;
}

bool is_fragment(const decode::Packet& packet) {
  return packet.first_fragment || packet.later_fragment;
}

Hop tunnel_hop(const Hop& at, std::uint64_t time_ns, const Tunnel& tunnel) {
  const decode::Packet& packet = tunnel.into ? tunnel.outer : *at.packet;
  Hop hop{.time_ns = time_ns,
          .cpu = at.cpu,
          .netns = at.netns,
          .device = at.device,
          .stage = STAGE_tunnel,
          .inferred = true,
          .packet = packet};
  hop.tunnel = tunnel;
  return hop;
}

// Of a tunnel's packet that came in fragments the first was seen, and what was inside of all of
// them comes out of its buffer: how long the whole was, it does not say. Only a tunnel's interface
// has something received out of what the IP layer has taken in.
bool is_out_of_fragments(const Hop& was, const Hop& is) {
  const decode::Packet& outer = *was.packet;
  const decode::Packet& inner = *is.packet;
  return was.stage == STAGE_in && is.stage == STAGE_rx && was.netns.inode == is.netns.inode &&
         outer.first_fragment && is_tunnel_protocol(outer.protocol) &&
         outer.len < inner.len + kLeastOverhead &&
         (outer.src != inner.src || outer.dst != inner.dst || outer.protocol != inner.protocol);
}

}  // namespace

bool may_carry(const decode::Packet& outer, const decode::Packet& inner) {
  // One that is no fragment may carry one: of what was too long for the tunnel.
  if (!outer.is_ip() || !is_tunnel_protocol(outer.protocol) || is_fragment(outer) ||
      outer.len < inner.len + kLeastOverhead || outer.len > inner.len + kMostOverhead) {
    return false;
  }
  const bool same_ends = outer.src == inner.src && outer.dst == inner.dst;
  return !same_ends || outer.protocol != inner.protocol;
}

void infer_tunnels(std::vector<Hop>& hops) {
  std::optional<std::size_t> before;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    if (!hops[i].packet) {
      continue;
    }
    if (before) {
      const decode::Packet& was = *hops[*before].packet;
      const decode::Packet& is = *hops[i].packet;
      if (may_carry(is, was)) {
        // Right behind where the inner one was seen last: what follows is about the outer one. Not
        // so its route, where IPsec encrypts no more than what is in it (transport mode).
        std::size_t at = *before + 1;
        while (is.src == was.src && is.dst == was.dst && at < i && hops[at].stage == STAGE_route) {
          ++at;
        }
        Hop hop = tunnel_hop(hops[*before], hops[at].time_ns,
                             {.into = true, .outer = is, .overhead = is.len - was.len});
        hops.insert(hops.begin() + static_cast<std::ptrdiff_t>(at), std::move(hop));
        ++i;
      } else if (may_carry(was, is)) {
        Hop hop = tunnel_hop(hops[i], hops[i].time_ns,
                             {.into = false, .outer = was, .overhead = was.len - is.len});
        hops.insert(hops.begin() + static_cast<std::ptrdiff_t>(i), std::move(hop));
        ++i;
      } else if (is_out_of_fragments(hops[*before], hops[i])) {
        Hop hop = tunnel_hop(hops[i], hops[i].time_ns, {.into = false, .outer = was});
        hops.insert(hops.begin() + static_cast<std::ptrdiff_t>(i), std::move(hop));
        ++i;
      }
    }
    before = i;
  }
  // Told where it is about to be encrypted: that was the place to look behind.
  std::erase_if(hops, [](const Hop& hop) { return hop.stage == STAGE_tunnel && !hop.tunnel; });
}

}  // namespace tracepkt::journey
