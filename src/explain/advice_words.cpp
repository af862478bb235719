#include "explain/advice_words.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <utility>
#include <variant>

#include "base/text.h"
#include "explain/advice.h"
#include "explain/netfilter.h"
#include "explain/notes.h"
#include "explain/programs.h"

namespace tracepkt::explain {
namespace {

// What enters the namespace of that file, in front of a command; nothing where it is not needed.
std::string enter_words(std::string_view file) {
  constexpr std::string_view kNamed = "/run/netns/";
  if (file.empty()) {
    return "";
  }
  if (file.starts_with(kNamed) && !file.substr(kNamed.size()).starts_with('-')) {
    return "ip netns exec " + shell_word(file.substr(kNamed.size())) + ' ';
  }
  return "nsenter --net=" + shell_word(file) + ' ';
}

bool has_to_be_entered(const journey::Outcome& outcome) {
  return outcome.netns_file.empty() && outcome.netns.name != "host";
}

using Fields = std::array<std::pair<std::string_view, std::string>, 27>;

std::string filled(std::string_view text, const Fields& fields) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('{'), text.size());
    out += text.substr(0, open);
    text.remove_prefix(open);
    const std::size_t end = text.find('}') + 1;  // 0: there is none
    if (end == 0) {
      return out.append(text);
    }
    const auto* const field =
        std::ranges::find(fields, text.substr(1, end - 2), &Fields::value_type::first);
    out += field != fields.end() ? field->second : text.substr(0, end);
    text.remove_prefix(end);
  }
  return out;
}

// The next hop whose link address was asked for where the packet ended; family 0: none is known.
decode::Address asked_hop(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if (const auto* neighbour = std::get_if<decode::Neighbour>(&hop.note)) {
      return hop.netns.inode == journey.outcome.netns.inode ? neighbour->address
                                                            : decode::Address{};
    }
  }
  return {};
}

// Its words, each quoted: the names of interfaces among them may be anything.
std::string shell_words(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    out += (out.empty() ? "" : " ") + shell_word(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// Where it was sent or forwarded from, with a route, before it came to where it ended.
std::string sender_words(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if ((hop.route || hop.stage == STAGE_out) && hop.netns.inode != journey.outcome.netns.inode &&
        hop.netns.inode != 0) {
      return fmt::format(" (namespace {})", printable(hop.netns.label()));
    }
  }
  return "";
}

// Where NAT gave it other addresses last.
std::string nat_words(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if (hop.nat) {
      return fmt::format(" (namespace {})", printable(hop.netns.label()));
    }
  }
  return "";
}

// The interface by which it went into a tunnel.
std::string tunnel_words(const journey::Hop& hop, const journey::Journey& journey) {
  const std::string dev = printable(hop.device.name.view());
  return hop.netns.inode == journey.outcome.netns.inode
             ? dev
             : fmt::format("{} (namespace {})", dev, printable(hop.netns.label()));
}

// Where what sent it elsewhere is to be looked for.
std::string redirect_words(const journey::Journey& journey) {
  const journey::Hop* const at = redirected_at(journey);
  return at != nullptr ? fmt::format(
                             "`tc -s filter show dev {} ingress`, and the netdev chains of "
                             "`nft -a list ruleset`, in namespace {}",
                             shell_word(at->device.name.view()), printable(at->netns.label()))
                       : "";
}

// The routing rule that was asked last.
journey::RoutingRule last_rule(const journey::Journey& journey) {
  for (const journey::Hop& hop : std::views::reverse(journey.hops)) {
    if (hop.routing_rule) {
      return *hop.routing_rule;
    }
  }
  return {};
}

// Had it come in where it was dropped, or did it begin there?
bool came_in(const journey::Journey& journey) {
  return std::ranges::any_of(journey.hops, [&](const journey::Hop& hop) {
    return (hop.stage == STAGE_rx || hop.stage == STAGE_in) &&
           hop.netns.inode == journey.outcome.netns.inode;
  });
}

// The command that lists who listens. ss knows nothing of UDP-Lite.
std::string_view socket_list(const decode::Packet& packet) {
  return packet.protocol != IPPROTO_UDPLITE ? "ss -lntup"
         : packet.dst.family == 6           ? "cat /proc/net/udplite6"
                                            : "cat /proc/net/udplite /proc/net/udplite6";
}

// The command that lists the rules of legacy tables that may have dropped it: what a firewall drops
// before the IP layer has it is a bridge's, or ARP.
std::string_view legacy_save(const journey::DropInfo& drop, const decode::Packet& packet) {
  return packet.arp               ? "arptables-legacy-save"
         : drop.raw.before_ip     ? "ebtables-legacy-save -c"
         : packet.dst.family == 6 ? "ip6tables-legacy-save -c"
                                  : "iptables-legacy-save -c";
}

// The command that lists the rules that may have dropped it. What nftables drops is not told to be
// dropped in nf_hook_slow() since 6.7, but which kernel it was is not known here.
// IPVS, too, says that a port is unreachable.
std::string ruleset_list(const journey::DropInfo& drop, const decode::Packet& packet,
                         bool may_be_ipvs) {
  if (plain_function(drop.function) != "nf_hook_slow") {
    return "nft -a list ruleset";
  }
  return fmt::format("sh -c 'nft -a list ruleset; {}; conntrack -S{}'", legacy_save(drop, packet),
                     may_be_ipvs ? "; ipvsadm -Ln" : "");
}

AdviceWords in_full(const Advice& found, const journey::Journey& journey) {
  const decode::Packet& packet = packet_at_end(journey);
  const journey::Outcome& outcome = journey.outcome;
  const decode::Address hop = asked_hop(journey);
  const std::string hop_text = hop.family != 0 ? hop.text() : "ADDRESS";
  const bool on_device = outcome.device.index != 0 && !outcome.device.name.view().empty();
  const journey::DropInfo drop = outcome.drop ? *outcome.drop : journey::DropInfo{};
  const auto& queue = outcome.full_syn_queue ? outcome.full_syn_queue : outcome.full_queue;
  const journey::RoutingRule rule = last_rule(journey);
  const std::string dev = on_device ? shell_word(outcome.device.name.view()) : "DEV";
  const std::string src = packet.is_ip() ? packet.src.text() : "ADDRESS";
  const std::string enter = enter_words(outcome.netns_file);
  const journey::Hop* const tunnel = tunnel_at_end(journey);
  const bool is_v6 = packet.dst.family == 6;
  const Fields fields = {{
      {"in", enter},
      // What is not known is a word to be replaced, as in a manual.
      {"dev", dev},
      {"src", src},
      {"dst", packet.is_ip() ? packet.dst.text() : "ADDRESS"},
      {"hop", hop_text},
      {"asking", asking_filter(packet.dst.family, hop_text)},
      {"who", outcome.socket ? process_words(*outcome.socket) : ""},
      {"waiting", queue            ? std::to_string(queue->waiting)
                  : outcome.unread ? std::to_string(*outcome.unread)
                                   : ""},
      {"ip_rule", fmt::format("{}: {}", rule.priority, printable(rule.text))},
      {"pref", std::to_string(rule.priority)},
      {"selector", shell_words(rule.text)},
      {"came_in", came_in(journey) ? fmt::format(" from {} iif {}", src, dev) : ""},
      {"host_src", packet.is_ip() ? " host " + src : ""},
      {"sockets", std::string(socket_list(packet))},
      {"ruleset", ruleset_list(drop, packet, is_said_to_be_closed(journey))},
      {"legacy_save", std::string(legacy_save(drop, packet))},
      {"before", sender_words(journey)},
      {"nat", nat_words(journey)},
      {"redirect", redirect_words(journey)},
      {"forwarding", is_v6 ? "net.ipv6.conf.all.forwarding"
                           : "net.ipv4.ip_forward net/ipv4/conf/" + dev + "/forwarding"},
      {"forward", is_v6 ? fmt::format("`{}sysctl -w net.ipv6.conf.all.forwarding=1`", enter)
                        : fmt::format("`{}sysctl -w net.ipv4.ip_forward=1` (where that is 1 "
                                      "already: net/ipv4/conf/{}/forwarding=1)",
                                      enter, dev)},
      {"tunnel", tunnel != nullptr ? tunnel_words(*tunnel, journey) : ""},
      {"overhead", tunnel != nullptr ? std::to_string(tunnel->tunnel->overhead) : ""},
      {"ignore_echo", is_v6 ? "net.ipv6.icmp.echo_ignore_all net.ipv6.icmp.echo_ignore_anycast"
                            : "net.ipv4.icmp_echo_ignore_all"},
      {"rule_list", is_v6 ? "ip -6 rule" : "ip rule"},
      {"reason", printable(drop.reason)},
      {"function", printable(plain_function(drop.function))},
  }};
  return AdviceWords{.key = std::string(found.key),
                     .cause = filled(found.cause, fields),
                     .check = filled(found.check, fields),
                     .mend = filled(found.mend, fields),
                     .harmless = found.harmless,
                     .enter_first = found.check.starts_with("{in}") && has_to_be_entered(outcome)};
}

}  // namespace

std::string command_words(const journey::Outcome& outcome, std::string_view command) {
  return fmt::format("`{}{}`{}", enter_words(outcome.netns_file), command,
                     has_to_be_entered(outcome) ? ", there" : "");
}

std::string asking_filter(std::uint8_t family, std::string_view hop) {
  return family == 6 ? "'icmp6 and ip6[40] >= 135 and ip6[40] <= 136'"
                     : fmt::format("arp and host {}", hop);
}

std::optional<AdviceWords> advice_words(const journey::Journey& journey) {
  const journey::Outcome& outcome = journey.outcome;
  std::optional<Advice> found = find_advice(journey);
  if (!found) {
    return std::nullopt;
  }
  if (!outcome.programs && !outcome.chain) {
    return in_full(*found, journey);
  }
  const ProgramAdvice program =
      outcome.programs ? program_advice(*outcome.programs) : ProgramAdvice{};
  found->cause = program.cause.empty() ? found->cause : program.cause;
  found->check = program.check.empty() ? found->check : program.check;
  found->mend = program.mend.empty() ? found->mend : program.mend;
  AdviceWords words = in_full(*found, journey);
  // A chain that is known is better looked at alone than with all others.
  if (outcome.chain) {
    const FirewallWords firewall = firewall_words(*outcome.chain, outcome.netns.label());
    if (is_dropped_as_invalid(*outcome.chain)) {
      words.cause = firewall.sentence + ". " + words.cause;
      return words;
    }
    words.cause = firewall.sentence + '.';
    words.check = filled(firewall.check, Fields{{{"in", enter_words(outcome.netns_file)}}});
    words.mend = outcome.chain->by_policy
                     ? "Add a rule that accepts it to that chain, or change the chain's policy."
                     : "Change the rule that drops it, or accept the packet before it comes there.";
  }
  return words;
}

std::optional<AdviceWords> silence_words(const journey::Journey& request) {
  const std::optional<Advice> found = find_silence(request);
  return found ? std::optional(in_full(*found, request)) : std::nullopt;
}

}  // namespace tracepkt::explain
