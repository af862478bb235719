#include "explain/words.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <ranges>
#include <variant>

#include "base/text.h"
#include "explain/advice.h"
#include "explain/advice_words.h"
#include "explain/netfilter.h"
#include "explain/notes.h"
#include "explain/programs.h"
#include "explain/route.h"

namespace tracepkt::explain {
namespace {

using decode::EchoKind;
using journey::Hop;
using journey::OutcomeKind;

std::string transport_words(const decode::Packet& packet) {
  if (!packet.icmp) {
    return packet.later_fragment ? "a later fragment" : packet.tcp_flags_text();
  }
  if (packet.nd_target.family != 0) {
    return fmt::format("neighbour {} {}",
                       packet.icmp->type == 135 ? "solicitation for" : "advertisement of",
                       packet.nd_target.text());
  }
  switch (packet.echo_kind()) {
    case EchoKind::kRequest:
      return fmt::format("echo request {}/{}", packet.icmp->id, packet.icmp->seq);
    case EchoKind::kReply:
      return fmt::format("echo reply {}/{}", packet.icmp->id, packet.icmp->seq);
    case EchoKind::kError:
      return icmp_error_words(packet.protocol, *packet.icmp) +
             (packet.quoted_echo
                  ? fmt::format(", about echo request {}/{}", packet.quoted_echo->icmp.id,
                                packet.quoted_echo->icmp.seq)
                  : "");
    case EchoKind::kNone:
      break;
  }
  return fmt::format("type {} code {}", packet.icmp->type, packet.icmp->code);
}

std::string reader_words(const Hop& hop) {
  const bool read = hop.note.index() == 0 && !hop.inferred;
  return (read ? "read by " : "for ") + process_words(*hop.socket);
}

// Of a packet that nothing more was heard of while it waited for its next hop: which; else null.
const decode::Neighbour* awaited_neighbour(const journey::Journey& journey) {
  return journey.outcome.kind == OutcomeKind::kLost && !journey.hops.empty()
             ? std::get_if<decode::Neighbour>(&journey.hops.back().note)
             : nullptr;
}

// A reset that came where it was meant to has done its work, and nobody reads it.
bool ended_a_connection(const journey::Journey& journey) {
  return std::ranges::any_of(journey.hops, [](const Hop& hop) {
    const auto* tcp = std::get_if<decode::TcpNote>(&hop.note);
    return tcp != nullptr && tcp->kind == decode::TcpNote::Kind::kResetReceived;
  });
}

// IP comes next for what an interface has received; bridges and tunnels hand it on, or drop it.
bool is_taken_before_ip(const journey::Journey& journey) {
  return journey.outcome.kind == OutcomeKind::kConsumed && journey.outcome.seen &&
         journey.packet.is_ip() && !journey.packet.dst.is_multicast() && !journey.hops.empty() &&
         journey.hops.back().stage == STAGE_rx;
}

std::string waits_for_fragments(const journey::Outcome& outcome) {
  return fmt::format(
      " It is the first of its fragments, and may be waiting there for the others, which is given "
      "up after 30 s (IPv6: 60 s): {}.",
      command_words(outcome, "nstat -az '*Reasm*'"));
}

// What it may be that a packet of which nothing more was heard waits for; empty where that cannot
// be told.
std::string waiting_words(const journey::Journey& journey) {
  const auto reversed = std::views::reverse(journey.hops);
  const auto last = std::ranges::find_if(reversed, [](const Hop& hop) {
    return hop.stage != STAGE_netfilter && hop.stage != STAGE_nat;
  });
  if (last == reversed.end() ||
      (last->stage != STAGE_in && last->stage != STAGE_route && last->stage != STAGE_out)) {
    return "";
  }
  if (last->stage != STAGE_out && journey.packet.first_fragment) {
    return waits_for_fragments(journey.outcome);
  }
  // sock_queue_err_skb()
  if (last->stage != STAGE_out && journey.packet.echo_kind() == EchoKind::kError) {
    return " It may be waiting for a process there to ask its socket for errors (MSG_ERRQUEUE); "
           "or, if it was to go further, for the link address of its next hop.";
  }
  return " It may be waiting for the link address of its next hop, which is given up after some 3 "
         "s.";
}

// Of a packet that was given to an interface for sending, and not heard of again. The interface may
// lead to another one of this machine.
std::string left_words(const journey::Journey& journey) {
  const decode::Device& device = journey.outcome.device;
  const bool came_out = std::ranges::any_of(journey.hops, [&](const Hop& hop) {
    return hop.stage == STAGE_qdisc && hop.device == device &&
           hop.netns.inode == journey.outcome.netns.inode;
  });
  const std::string words = "Nothing more was heard of it on this machine after that.";
  const std::string look = "tc -s qdisc show dev " + shell_word(device.name.view());
  return came_out
             ? words
             : fmt::format("{} It may still be in the queue of {}: {}.", words,
                           printable(device.name.view()), command_words(journey.outcome, look));
}

// The whole of it is in cause_words().
std::string drop_words(const journey::DropInfo& drop) {
  return drop.reason.empty() ? printable(drop.function) : printable(drop.reason);
}

}  // namespace

std::string duration_words(std::uint64_t duration_ns) {
  const double us = static_cast<double>(duration_ns) / 1000;
  if (us < 10) {
    return fmt::format("{:.1f} us", us);
  }
  if (us < 1000) {
    return fmt::format("{:.0f} us", us);
  }
  return us < 1e6 ? fmt::format("{:.2f} ms", us / 1e3) : fmt::format("{:.2f} s", us / 1e6);
}

std::string packet_words(const decode::Packet& packet) {
  std::string words;
  append_packet_words(words, packet);
  return words;
}

void append_packet_words(std::string& out, const decode::Packet& packet) {
  out += packet.protocol_name();
  if (packet.arp) {
    out += ' ' + arp_words(*packet.arp);
  }
  if (packet.is_ip()) {
    out += ' ';
    packet.append_addresses(out);
  }
  if (const std::string transport = transport_words(packet); !transport.empty()) {
    out += ", ";
    out += transport;
  }
  out += ", ";
  const fmt::format_int len(packet.len);
  out.append(len.data(), len.size());
  out += " bytes";
  out += packet.first_fragment ? ", the first of its fragments" : "";
}

std::string hop_words(const Hop& hop, const Hop* before) {
  if (hop.duplicate) {
    return "a duplicate of it";
  }
  if (hop.looped) {
    return "this machine's own copy";
  }
  switch (hop.stage) {
    case STAGE_drop:
      return hop.drop ? drop_words(*hop.drop) : "";
    case STAGE_deliver:
      return hop.socket     ? reader_words(hop)
             : hop.answered ? "answered by the kernel"
                            : "taken by the kernel";
    case STAGE_route:
      return hop.route ? route_words(*hop.route, hop.routing_rule ? &*hop.routing_rule : nullptr)
                       : "";
    case STAGE_netfilter:
      return hop.chain ? chain_words(*hop.chain) : "";
    case STAGE_nat:
      return hop.nat ? nat_words(*hop.nat) : "";
    case STAGE_tunnel:
      return hop.tunnel ? tunnel_words(*hop.tunnel) : "";
    case STAGE_out:
      return hop.socket ? "from " + process_words(*hop.socket) : "";
    case STAGE_qdisc:
    case STAGE_neigh:
    case STAGE_icmp:
    case STAGE_tcp:
    case STAGE_driver:
    case STAGE_xdp:
    case STAGE_tc:
    case STAGE_function:
      return note_words(hop);
    case STAGE_in:
      if (hop.packet && hop.packet->is_ip()) {
        return fmt::format("{} {}", hop.packet->protocol_name(), hop.packet->addresses_text());
      }
      return "";
    default:
      break;
  }
  if (hop.stage == STAGE_tx && hop.inferred) {
    return "sent back, as XDP_TX does";
  }
  if (hop.past_ip) {
    return "sent on before IP had it";
  }
  const bool renamed =
      before != nullptr && before->packet && hop.packet && before->packet->is_ip() &&
      (before->packet->src != hop.packet->src || before->packet->dst != hop.packet->dst);
  return renamed ? "now " + hop.packet->addresses_text() : "";
}

std::string outcome_words(const journey::Journey& journey) {
  const journey::Outcome& outcome = journey.outcome;
  const std::string where = printable(outcome.netns.label());
  switch (outcome.kind) {
    case OutcomeKind::kDelivered:
      return "delivered in " + where;
    case OutcomeKind::kDropped:
      return (is_fault(journey) ? "DROPPED in " : "freed in ") + where;
    case OutcomeKind::kLeft:
      return fmt::format(
          "{} {}",
          journey::waiting_queue(journey) != nullptr ? "WAITING in the queue of" : "left through",
          printable(outcome.device.name.view()));
    case OutcomeKind::kConsumed:
      return (outcome.is_ignored() ? "IGNORED in "
              : outcome.merged     ? "merged in "
                                   : "consumed in ") +
             where;
    case OutcomeKind::kLost:
      return (awaited_neighbour(journey) != nullptr ? "WAITING in " : "LOST SIGHT OF in ") + where;
  }
  return "";
}

bool is_fault(const journey::DropInfo& drop, const decode::Packet& packet) {
  return !find_advice(drop, &packet).harmless;
}

bool is_fault(const journey::Journey& journey) {
  const journey::Outcome& outcome = journey.outcome;
  const bool dropped = outcome.kind == OutcomeKind::kDropped;
  return outcome.is_ignored() ||
         (dropped && (!outcome.drop || is_fault(*outcome.drop, journey.packet)));
}

std::string cause_words(const journey::Journey& journey) {
  const journey::Outcome& outcome = journey.outcome;
  if (journey.more_hops != 0) {
    return fmt::format("It circles: {} more hops.", journey.more_hops);
  }
  if (outcome.kind == OutcomeKind::kLost && outcome.cut) {
    return "What came after the last hop above is not known: there the file ends, or goes on in "
           "another one.";
  }
  if (const decode::Neighbour* neighbour = awaited_neighbour(journey)) {
    return fmt::format(
        "It was still waiting for the link address of its next hop {0}, which had not answered. "
        "See whether {0} is up and on that link, and how far the requests come, while you try "
        "again: `tracepkt trace {1}`.",
        neighbour->address.text(),
        asking_filter(neighbour->address.family, neighbour->address.text()));
  }
  if (outcome.kind == OutcomeKind::kLost && outcome.programs) {
    return taken_first_words(*outcome.programs);
  }
  if (outcome.kind == OutcomeKind::kLost) {
    return fmt::format(
        "Its end was not seen: nothing more was heard of it after the last hop above.{}",
        waiting_words(journey));
  }
  if (const auto* verdict = journey::taking_verdict(journey.hops);
      verdict != nullptr && outcome.kind == OutcomeKind::kConsumed) {
    return taken_words(*verdict);
  }
  if (outcome.in_vain && journey.packet.arp) {
    return fmt::format(
        "No answer to it was seen. Who has {} among its addresses (`ip -br addr`) answers only "
        "where, "
        "with rp_filter, `ip route get {}` leads back by the interface that it came in by, and as "
        "arp_ignore and arp_filter let it.",
        journey.packet.arp->target.text(), journey.packet.arp->sender.text());
  }
  if (outcome.merged) {
    return "Nothing was heard of it after it was received: GRO has made it a part of the segment "
           "before it, and tells the IP layer of one packet. What became of that is told of the "
           "first.";
  }
  if (outcome.kind == OutcomeKind::kConsumed && !outcome.seen && journey.packet.later_fragment) {
    return "Taken in by the IP layer there, which puts the fragments of a packet together, and "
           "gives them up after 30 s where one is missing: what became of the packet is told of "
           "its first.";
  }
  if (outcome.kind == OutcomeKind::kConsumed && !outcome.seen && !outcome.is_ignored() &&
      !outcome.time_wait && !outcome.closed && !ended_a_connection(journey)) {
    if (journey.packet.tcp_flags == TH_ACK && journey.packet.tcp_data == 0u) {
      return "Taken in by the IP layer there: an acknowledgement, with no data that anybody reads.";
    }
    return outcome.socket
               ? fmt::format("Taken in for {}, which was not seen reading it.",
                             process_words(*outcome.socket))
               : fmt::format(
                     "Taken in by the IP layer there; who read it was not seen.{}",
                     journey.packet.first_fragment ? waits_for_fragments(journey.outcome) : "");
  }
  if (is_taken_before_ip(journey)) {
    return "Taken there before it came to IP, and freed without complaint: by Open vSwitch, whose "
           "flow "
           "drops it or whose ovs-vswitchd is to decide, or by an action of tc.";
  }
  if (outcome.kind == OutcomeKind::kLeft && outcome.sent_by.index != 0) {
    return fmt::format(
        "{} was sent by {} as several packets, fragments as like as not: it is longer than what "
        "may go there at once. See them: `tracepkt trace 'ip[6:2] & 0x3fff != 0 or ip6[6] = 44'`.",
        outcome.sent_by == outcome.device
            ? "It"
            : fmt::format("What {} put it into", printable(outcome.device.name.view())),
        printable(outcome.sent_by.name.view()));
  }
  if (outcome.kind == OutcomeKind::kLeft && !outcome.seen) {
    return journey::waiting_queue(journey) != nullptr ? "" : left_words(journey);
  }
  if (outcome.kind != OutcomeKind::kDropped) {
    return "";
  }
  if (outcome.chain) {
    return firewall_words(*outcome.chain, outcome.netns.label()).sentence + '.';
  }
  std::string words =
      fmt::format("{} by the kernel in namespace {}", is_fault(journey) ? "Dropped" : "Freed",
                  printable(outcome.netns.label()));
  if (outcome.device.index != 0) {
    words += fmt::format(" at interface {}", printable(outcome.device.name.view()));
  }
  if (outcome.drop) {
    words += outcome.drop->reason.empty() ? ", which gives no reason"
                                          : ", reason " + printable(outcome.drop->reason);
    if (!outcome.drop->function.empty()) {
      words += ", in " + printable(outcome.drop->function);
    }
  }
  return words + '.';
}

std::string rule_text(const journey::Journey& journey) {
  const journey::Outcome& outcome = journey.outcome;
  return outcome.chain ? firewall_words(*outcome.chain, outcome.netns.label()).text : "";
}

}  // namespace tracepkt::explain
