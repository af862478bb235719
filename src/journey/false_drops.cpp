#include "journey/false_drops.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

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
  const decode::Packet& packet = *event.packet;
  // What hangs on another packet (its fragments, the segments that GRO made one of) is freed with
  // that, whose own end tells what became of them.
  if (without_reason(event) && is_in(event, {"skb_release_data"}) &&
      !(packet.later_fragment && event.netns.inode != 0)) {
    return true;
  }
  // Older kernels (5.10 and 6.1 do, 6.12 does not) free in icmpv6_rcv what they have taken in
  // just as what they drop, which is little: taken in, then, unless there is a reason.
  if (packet.protocol == IPPROTO_ICMPV6 && without_reason(event) && is_in(event, {"icmpv6_rcv"})) {
    return true;
  }
  if (packet.protocol == IPPROTO_TCP && is_end_of_segment(event)) {
    return true;
  }
  if (!came_in()) {
    return false;
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
  // What lay in a socket's queue goes when that is closed.
  return packet.protocol == IPPROTO_TCP && event.device.index == 0 && is_purge(event);
}

// These functions have only what came in.
bool FalseDrops::is_end_of_segment(const Event& event) {
  const decode::Packet& packet = *event.packet;
  // A FIN without data in the queue of a socket that is closed: it has been taken note of.
  if ((packet.tcp_flags & TH_FIN) != 0 && packet.tcp_data == 0u && is_purge(event) &&
      is_in(event, {"sk_stream_kill_queues"})) {
    return true;
  }
  if (!event.drop->has_reason || !without_reason(event)) {
    return false;
  }
  // In TIME_WAIT a socket takes the last FIN and the ACKs. Without any reasons (before 5.17) the
  // same function drops what no socket wants as well.
  if (is_in(event, {"tcp_v4_rcv", "tcp_v6_rcv"})) {
    // Nor does it take what is cut short, or was sent to a link address that is not this host's own
    // alone. A SYN that it does take there is repeated, and has been answered.
    const bool opens = (packet.tcp_flags & TH_SYN) != 0;
    return !packet.tcp_cut && !packet.dst.is_multicast() &&
           (!opens ||
            names_.has_connection(place_of(packet, event.netns.inode, event.device.index)));
  }
  // So is an acknowledgement to who has closed his half, or whose peer has: it has been taken note
  // of, and there is nothing to put into a queue.
  return packet.tcp_flags == TH_ACK && is_in(event, {"tcp_rcv_state_process"});
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
  // Asked for in any case: a capture keeps the names that are, and `drops -r` wants this one.
  const bool is_there =
      is_in(event, {"ping_rcv", "icmp_rcv", "icmpv6_rcv", "raw_rcv", "rawv6_rcv"});
  return why == "NO_SOCKET" || why == "SOCKET_FILTER" || why == "SOCKET_RCVBUFF" ||
         (without_reason(event) && is_there);
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
