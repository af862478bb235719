#include "explain/notes.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>

#include "base/text.h"
#include "explain/programs.h"
#include "explain/words.h"
#include "wire/function.h"

namespace tracepkt::explain {
namespace {

using decode::Neighbour;
using decode::TcpNote;

constexpr std::uint16_t kNudIncomplete = 0x01;
constexpr std::uint16_t kNudFailed = 0x20;

constexpr std::uint64_t kWorthTellingNs = 100'000'000;

// enum tcp_ca_state
constexpr std::uint8_t kCaRecovery = 3;
constexpr std::uint8_t kCaLoss = 4;

std::string words_of(const Neighbour& neighbour) {
  const std::string address = neighbour.address.text();
  const std::uint64_t time_ns = neighbour.told_ns - std::min(neighbour.told_ns, neighbour.asked_ns);
  const std::string time = duration_words(time_ns);
  if (neighbour_state(neighbour) == "resolved") {
    return address + " found" + (neighbour.asked_ns != 0 ? " in " + time : "");
  }
  if (neighbour_state(neighbour) == "failed") {
    return fmt::format("{} does not answer, asked {} times in {}", address, neighbour.probes, time);
  }
  // It is told where the packet begins to wait: nothing of later, but of those that waited before.
  return address + " has not answered yet" + (time_ns >= kWorthTellingNs ? ", after " + time : "");
}

std::string words_of(const TcpNote& note, const journey::Hop& hop) {
  switch (note.kind) {
    case TcpNote::Kind::kArrived:
      return hop.socket ? "for " + process_words(*hop.socket) : "for a socket";
    case TcpNote::Kind::kResetSent:
      return hop.reset_reason.empty() ? "reset sent" : "reset sent: " + printable(hop.reset_reason);
    case TcpNote::Kind::kResetReceived:
      return hop.socket ? "reset received, by " + process_words(*hop.socket) : "reset received";
    case TcpNote::Kind::kRetransmitted:
      break;
  }
  const std::string_view cause = retransmit_cause(note);
  if (cause == "timeout") {
    return fmt::format("again, after timeout {}", note.tries);
  }
  return cause == "loss" ? "again, the receiver lacks it" : "again, to ask for an answer";
}

}  // namespace

std::string icmp_error_words(std::uint8_t protocol, const decode::Icmp& icmp) {
  if (protocol == IPPROTO_ICMP) {
    switch (icmp.type) {
      case 3:
        switch (icmp.code) {
          case 0:
            return "network unreachable";
          case 1:
            return "host unreachable";
          case 2:
            return "protocol unreachable";
          case 3:
            return "port unreachable";
          case 4:
            return "fragmentation needed, but not allowed";
          case 9:
          case 10:
          case 13:
            return "administratively prohibited";
          default:
            return fmt::format("destination unreachable (code {})", icmp.code);
        }
      case 5:
        return "redirect";
      case 11:
        return icmp.code == 0 ? "time to live exceeded" : "fragment reassembly time exceeded";
      case 12:
        return "parameter problem";
      default:
        return fmt::format("error type {} code {}", icmp.type, icmp.code);
    }
  }
  switch (icmp.type) {
    case 1:
      switch (icmp.code) {
        case 0:
          return "no route to destination";
        case 1:
          return "administratively prohibited";
        case 3:
          return "address unreachable";
        case 4:
          return "port unreachable";
        default:
          return fmt::format("destination unreachable (code {})", icmp.code);
      }
    case 2:
      return "packet too big";
    case 3:
      return icmp.code == 0 ? "hop limit exceeded" : "fragment reassembly time exceeded";
    case 4:
      return icmp.code == 1   ? "unknown next header"
             : icmp.code == 2 ? "unknown IPv6 option"
                              : "parameter problem";
    default:
      return fmt::format("error type {} code {}", icmp.type, icmp.code);
  }
}

std::string arp_words(const decode::Arp& arp) {
  switch (arp.op) {
    case 1:
      return fmt::format("who-has {} tell {}", arp.target.text(), arp.sender.text());
    case 2:
      return fmt::format("{} is-at {}", arp.sender.text(),
                         decode::link_address_text(arp.sender_mac.data(), arp.sender_mac.size()));
    default:
      return fmt::format("operation {}", arp.op);
  }
}

std::string process_words(const decode::Socket& socket) {
  return socket.pid == 0 ? "a process that is not known"
                         : fmt::format("{} ({})", printable(socket.comm.view()), socket.pid);
}

std::string_view tunnel_kind(const decode::Packet& outer) {
  switch (outer.protocol) {
    case IPPROTO_IPIP:
      return outer.src.family == 4 ? "ipip" : "ip4ip6";
    case IPPROTO_IPV6:
      return outer.src.family == 4 ? "sit" : "ip6ip6";
    case IPPROTO_GRE:
      return "gre";
    case IPPROTO_ESP:
      return "esp";
    case IPPROTO_AH:
      return "ah";
    default:
      break;
  }
  switch (outer.dport) {
    case 4789:  // IANA's
    case 8472:  // Linux's own, before there was one
      return "vxlan";
    case 6081:
      return "geneve";
    case 51820:
      return "wireguard";
    default:
      // ESP in UDP, for NAT (RFC 3948): to that port, or the answers from it.
      return outer.dport == 4500 || outer.sport == 4500 ? "esp" : "udp";
  }
}

std::string tunnel_words(const journey::Tunnel& tunnel) {
  const std::string outer =
      fmt::format("{} {}", tunnel_kind(tunnel.outer), tunnel.outer.addresses_text());
  return tunnel.into ? fmt::format("encap: into {}, {} bytes more", outer, tunnel.overhead)
                     : fmt::format("decap: out of {}", outer);
}

std::string_view neighbour_state(const Neighbour& neighbour) {
  if ((neighbour.state & kNudFailed) != 0) {
    return "failed";
  }
  return (neighbour.state & kNudIncomplete) != 0 ? "waiting" : "resolved";
}

std::string_view tcp_event(const TcpNote& note) {
  switch (note.kind) {
    case TcpNote::Kind::kArrived:
      return "arrived";
    case TcpNote::Kind::kResetSent:
      return "reset_sent";
    case TcpNote::Kind::kRetransmitted:
      return "retransmitted";
    case TcpNote::Kind::kResetReceived:
      return "reset_received";
  }
  return "";
}

std::string_view retransmit_cause(const TcpNote& note) {
  if (note.ca_state == kCaLoss || note.tries > 0) {
    return "timeout";
  }
  return note.ca_state == kCaRecovery ? "loss" : "probe";
}

std::string qdisc_handle(const decode::Queue& queue) {
  return fmt::format("{:x}:", queue.handle >> 16);
}

bool refused_as_busy(const decode::Refusal& refusal) {
  constexpr std::int32_t kNetdevTxBusy = 0x10;
  return refusal.code == kNetdevTxBusy;
}

std::string function_name(const journey::Hop& hop) {
  const auto* call = std::get_if<decode::FunctionCall>(&hop.note);
  return !hop.function.empty() || call == nullptr ? hop.function
                                                  : fmt::format("{:#x}", call->address);
}

std::string returned_value(const decode::FunctionCall& call) {
  if (!call.returned) {
    return "";
  }
  switch (call.returns) {
    case RETURNS_SIGNED:
      return fmt::format("{}", static_cast<std::int64_t>(call.value));
    case RETURNS_BOOL:
      return call.value != 0 ? "true" : "false";
    case RETURNS_POINTER:
      return fmt::format("{:#x}", call.value);
    default:
      return fmt::format("{}", call.value);
  }
}

std::string note_words(const journey::Hop& hop) {
  if (const auto* neighbour = std::get_if<Neighbour>(&hop.note)) {
    // The number is the one that --journey takes.
    return words_of(*neighbour) +
           (hop.asked_by != 0 ? fmt::format(", asked in journey {}", hop.asked_by) : "");
  }
  if (const auto* tcp = std::get_if<TcpNote>(&hop.note)) {
    return words_of(*tcp, hop);
  }
  if (const auto* icmp = std::get_if<decode::IcmpError>(&hop.note)) {
    return "sent: " + icmp_error_words(icmp->protocol, {.type = icmp->type, .code = icmp->code});
  }
  if (const auto* queue = std::get_if<decode::Queue>(&hop.note)) {
    return fmt::format("{} {} {} in the queue", printable(queue->kind.view()), qdisc_handle(*queue),
                       queue->waits ? "still" : duration_words(hop.queued_ns));
  }
  if (const auto* refusal = std::get_if<decode::Refusal>(&hop.note)) {
    return refused_as_busy(*refusal) ? "busy, does not take it now"
                                     : fmt::format("does not take it, code {}", refusal->code);
  }
  if (const auto* verdict = std::get_if<decode::ProgramVerdict>(&hop.note)) {
    return verdict_words(*verdict);
  }
  if (const auto* call = std::get_if<decode::FunctionCall>(&hop.note)) {
    const std::string value = returned_value(*call);
    return printable(function_name(hop)) + "()" + (value.empty() ? "" : " = " + value);
  }
  return "";
}

}  // namespace tracepkt::explain
