#include "journey/false_drops.h"

#include <netinet/in.h>

#include <algorithm>
#include <ranges>

namespace tracepkt::journey {

using decode::Event;

bool FalseDrops::is_end(const Event& event) {
  if (event.stage != STAGE_drop || !event.drop || !event.packet) {
    return false;
  }
  // An error about a tunnel's packet is made one about the packet within: by a copy of the quoted
  // one.
  if (without_reason(event) &&
      is_in(event, {"ip4ip6_err", "ip6ip6_err", "ip6_err_gen_icmpv6_unreach"})) {
    return true;
  }
  if (!came_in()) {
    return false;
  }
  const decode::Packet& packet = *event.packet;
  // Older kernels (5.10 and 6.1 do, 6.12 does not) free in icmpv6_rcv what they have taken in
  // just as what they drop, which is little: taken in, then, unless there is a reason.
  if (packet.protocol == IPPROTO_ICMPV6 && without_reason(event) && is_in(event, {"icmpv6_rcv"})) {
    return true;
  }
  // In a reassembled packet the later fragments are freed with the first.
  if (packet.later_fragment && event.netns.inode == 0) {
    return without_reason(event) && !is_in(event, {"inet_frag_rbtree_purge"});
  }
  // What an ICMP error says a socket is told at once; the message itself is kept for whoever asks
  // for it (IP_RECVERR), which of a connect that failed nobody does.
  if (packet.echo_kind() == decode::EchoKind::kError && is_purge(event)) {
    return true;
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
  // So is an acknowledgement to who has closed his half, or whose peer has: it has been taken note
  // of, and there is nothing to put into a queue.
  constexpr std::uint8_t kAck = 0x10;
  if (event.drop->has_reason && without_reason(event) && packet.tcp_flags == kAck &&
      is_in(event, {"tcp_rcv_state_process"})) {
    return true;
  }
  // What lay in a socket's queue, a FIN mostly, goes when that is closed.
  return event.device.index == 0 && is_purge(event);
}

bool FalseDrops::is_purge(const Event& event) {
  return reason(event) == "QUEUE_PURGE" ||
         (without_reason(event) &&
          is_in(event, {"sk_stream_kill_queues", "skb_queue_purge", "skb_queue_purge_reason",
                        "inet_sock_destruct", "inet_csk_destroy_sock"}));
}

bool FalseDrops::is_refusal(const Event& event) {
  if (event.stage != STAGE_drop || event.last || !event.drop || !event.packet ||
      !event.packet->icmp || !came_in()) {
    return false;
  }
  const std::string why = reason(event);
  return why == "NO_SOCKET" || why == "SOCKET_FILTER" || why == "SOCKET_RCVBUFF" ||
         (without_reason(event) &&
          is_in(event, {"ping_rcv", "icmp_rcv", "icmpv6_rcv", "raw_rcv", "rawv6_rcv"}));
}

// Is the IP layer the last that saw it?
bool FalseDrops::came_in() const {
  const auto reversed = std::views::reverse(hops_);
  const auto hop = std::ranges::find_if(
      reversed, [](const Hop& one) { return one.stage == STAGE_in || one.is_crossing(); });
  return hop != reversed.end() && (hop->stage == STAGE_in || hop->inferred);
}

std::string FalseDrops::reason(const Event& event) {
  return event.drop->has_reason ? names_.drop_reason(event.drop->reason) : "";
}

bool FalseDrops::without_reason(const Event& event) {
  return !event.drop->has_reason || reason(event) == "NOT_SPECIFIED";
}

// "icmp_rcv+0x1a2" and "icmp_rcv.cold+0x7" are in icmp_rcv.
bool FalseDrops::is_in(const Event& event, std::initializer_list<std::string_view> functions) {
  const std::string symbol = names_.symbol(event.drop->location);
  const std::string_view function = std::string_view(symbol).substr(0, symbol.find_first_of("+."));
  return std::ranges::find(functions, function) != functions.end();
}

}  // namespace tracepkt::journey
