#include "journey/taker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <optional>
#include <ranges>
#include <utility>

#include "journey/hop_list.h"
#include "journey/outcome.h"
#include "journey/senders.h"

namespace tracepkt::journey {
namespace {

using decode::Event;
using decode::Packet;

// TCP keeps none of these in its queue, and tells no hook of them.
bool opens_connection(const Packet& packet) {
  return packet.protocol == IPPROTO_TCP && (packet.tcp_flags & TH_SYN) != 0;
}

Boxed<decode::Socket> socket_at(const SocketPlace& place, const AssembleContext& context) {
  decode::Socket socket{.protocol = place.protocol, .inode = context.names.socket_at(place)};
  return socket.inode != 0 ? socket : Boxed<decode::Socket>();
}

// The firewall's chains behind `in`, and what else was decided there.
const Hop& last_of_taking_in(const std::vector<Hop>& hops, const Hop& in) {
  const Hop* last = &in;
  while (last != &hops.back() && last[1].netns.inode == in.netns.inode &&
         last[1].stage != STAGE_tx && last[1].stage != STAGE_rx && last[1].stage != STAGE_in) {
    ++last;
  }
  return *last;
}

}  // namespace

void find_who_accepted(Journey& journey, const AssembleContext& context) {
  Outcome& outcome = journey.outcome;
  if (outcome.kind != OutcomeKind::kDelivered || !outcome.socket || outcome.socket->inode != 0 ||
      outcome.socket->pid != 0) {
    return;
  }
  const auto reversed = std::views::reverse(journey.hops);
  const auto arrival = std::ranges::find_if(reversed, is_arrival);
  const auto in = std::ranges::find_if(reversed, [&](const Hop& hop) {
    return hop.stage == STAGE_in && hop.packet && hop.netns.inode == outcome.netns.inode;
  });
  // What is no data ends with a connection that has no process any more.
  if (arrival == reversed.end() || arrival->socket || in == reversed.end() ||
      in->packet->tcp_data.value_or(0) == 0) {
    return;
  }
  const SocketPlace place = place_of(*in->packet, outcome.netns.inode, in->device.index);
  if (Boxed<decode::Socket> socket = socket_at(place, context)) {
    name_owner(*socket, context.names);
    outcome.socket = socket;
    arrival->socket = socket;
  }
}

void find_taker(Journey& journey, const std::vector<Event>& events,
                const AssembleContext& context) {
  Outcome& outcome = journey.outcome;
  const auto reversed = std::views::reverse(journey.hops);
  // What came out of a tunnel behind that, such as ARP, was for no socket of the outer packet's.
  const auto in = std::ranges::find_if(reversed, [&](const Hop& hop) {
    return (hop.stage == STAGE_in || hop.stage == STAGE_rx) && hop.packet &&
           hop.netns.inode == outcome.netns.inode;
  });
  if (outcome.kind != OutcomeKind::kConsumed || in == reversed.end() || in->stage != STAGE_in) {
    return;
  }
  const Packet& packet = *in->packet;
  const bool opens = opens_connection(packet);
  const bool is_datagram = packet.protocol == IPPROTO_UDP || packet.protocol == IPPROTO_UDPLITE;
  if (!packet.has_ports || (!is_datagram && !opens)) {
    return;
  }
  const auto ended = std::ranges::find_if(std::views::reverse(events), [&](const Event& event) {
    return event.stage == STAGE_end && event.time_ns >= in->time_ns;
  });
  SocketPlace place = place_of(packet, outcome.netns.inode, in->device.index);
  const decode::Socket* sender =
      context.senders != nullptr ? context.senders->find(place) : nullptr;
  if (ended != std::views::reverse(events).end() && ended->end_port != 0) {
    place.local_port = ended->end_port;
  }
  // As NAT changed it there.
  const auto told = std::find_if(in.base(), journey.hops.end(), [](const Hop& hop) {
    return hop.stage == STAGE_nat && hop.packet;
  });
  if (told != journey.hops.end()) {
    place = place_of(*told->packet, outcome.netns.inode, in->device.index);
    sender =
        sender == nullptr && context.senders != nullptr ? context.senders->find(place) : sender;
  }
  // Who wants a connection wants it of who listens, and not of one that was made before.
  const bool asks = opens && (packet.tcp_flags & TH_ACK) == 0;
  Boxed<decode::Socket> socket =
      asks || sender == nullptr ? socket_at(place, context) : Boxed<decode::Socket>();
  if (!socket && sender != nullptr) {
    socket = *sender;
  }
  if (!socket) {
    return;
  }
  name_owner(*socket, context.names);
  outcome.socket = socket;
  if (!outcome.seen && !opens) {
    // The kernel may free what was read long after that (skb_attempt_defer_free(); of UDP 6.18).
    outcome.unread = context.names.unread(place, socket->inode, in->time_ns);
    if (outcome.unread != 0u) {
      return;
    }
    outcome.unread = std::nullopt;
  }
  // The kernel forgets such a SYN without a word (tcp_conn_request()), and frees it as if it had
  // taken it.
  // What the kernel says now is of now. Of a SYN whose end was not seen that may be long after it
  // came (4 s of silence), and the queue be full of others: who was ignored sends it again
  // meanwhile.
  const bool is_known_taken = context.opening.answered;
  const bool is_asked_late =
      !outcome.seen && context.ending == Ending::kSilent && !context.opening.sent_again;
  if (asks && !is_known_taken && !is_asked_late) {
    // A SYN that is taken makes an end of that.
    if (context.names.is_time_wait(place)) {
      outcome.time_wait = true;
      outcome.socket.reset();
      return;
    }
    outcome.full_queue = queue_of(context.names.full_queue(place));
    outcome.no_way_back = !outcome.full_queue && context.names.has_no_way_back(place);
    if (!outcome.is_ignored()) {
      outcome.full_syn_queue = queue_of(context.names.full_syn_queue(place));
    }
    if (outcome.is_ignored()) {
      return;
    }
  }
  outcome.kind = OutcomeKind::kDelivered;
  // The packet may be freed long after it was read (skb_attempt_defer_free(), 6.18): its end tells
  // no time. It was when it had passed what is told of its taking in there.
  const Hop& last = last_of_taking_in(journey.hops, *in);
  Hop hop{.time_ns = last.time_ns,
          .cpu = in->cpu,
          .netns = in->netns,
          .device = in->device,
          .stage = STAGE_deliver,
          .inferred = true,
          .socket = socket};
  journey.hops.insert(std::ranges::upper_bound(journey.hops, hop.time_ns, {}, &Hop::time_ns),
                      std::move(hop));
}

}  // namespace tracepkt::journey
