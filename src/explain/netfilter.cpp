#include "explain/netfilter.h"

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <vector>

#include "base/text.h"

namespace tracepkt::explain {
namespace {

using decode::Netfilter;

constexpr std::uint8_t kUntracked = 7;  // IP_CT_UNTRACKED, which the kernel keeps to itself

bool is_by_xtables(const Netfilter& netfilter) { return netfilter.backend == NETFILTER_XTABLES; }

// What a rule's number is called.
std::string_view number_word(const Netfilter& netfilter) {
  return is_by_xtables(netfilter) ? "rule" : "handle";
}

std::string chain_path(const journey::ChainWalk& walk) {
  std::vector<std::string> chains = {chain_name(walk.base)};
  for (const journey::Rule& rule : walk.rules) {
    const std::string name = chain_name(rule.raw);
    const auto open = std::ranges::find(chains, name);
    if (rule.raw.kind == NETFILTER_RETURN && chains.size() > 1 && name == chains.back()) {
      chains.pop_back();
    } else if (rule.raw.kind == NETFILTER_RULE && open != chains.end()) {
      chains.erase(open + 1, chains.end());  // back from a chain that it went to for good
    } else if (rule.raw.kind == NETFILTER_RULE) {
      chains.push_back(name);
    }
  }
  std::string path;
  for (const std::string& chain : chains) {
    path += (path.empty() ? "" : " > ") + printable(chain);
  }
  return path;
}

std::string table_words(const Netfilter& netfilter) {
  return is_by_xtables(netfilter)
             ? fmt::format("{} {}", family_name(netfilter), printable(netfilter.table))
             : fmt::format("table {} {}", family_name(netfilter), printable(netfilter.table));
}

std::string endpoint(const decode::Packet& packet, bool source) {
  const std::string address = (source ? packet.src : packet.dst).text();
  if (!packet.has_ports) {
    return address;
  }
  const std::uint16_t port = source ? packet.sport : packet.dport;
  return packet.src.family == 6 ? fmt::format("[{}]:{}", address, port)
                                : fmt::format("{}:{}", address, port);
}

// What is between braces (`jump { ... }`) is in a chain that the kernel has named.
bool is_unnamed(const Netfilter& netfilter) {
  constexpr std::string_view kBegin = "__chain";
  const std::string_view name = netfilter.chain;
  return !is_by_xtables(netfilter) && name.starts_with(kBegin) && name.size() > kBegin.size() &&
         name.find_first_not_of("0123456789", kBegin.size()) == std::string_view::npos;
}

// The rule that decided, as nft(8) lists it: what is between braces with the rule that they belong
// to, which alone leads there. Null where none did, or none is known.
const journey::Rule* listed_rule(const journey::ChainWalk& walk) {
  const journey::Rule* rule = walk.decisive();
  while (rule != nullptr && is_unnamed(rule->raw)) {
    const auto first = std::ranges::find_if(
        walk.rules, [&](const journey::Rule& other) { return other.raw.chain == rule->raw.chain; });
    rule = first == walk.rules.begin() ? nullptr : &*std::prev(first);
  }
  return rule;
}

std::string_view xtables_tool(const Netfilter& netfilter) {
  switch (netfilter.family) {
    case NFPROTO_IPV6:
      return "ip6tables-legacy";
    case NFPROTO_ARP:
      return "arptables-legacy";
    case NFPROTO_BRIDGE:
      return "ebtables-legacy";
    default:
      return "iptables-legacy";
  }
}

// A rule's text without what the user has put between quotes: comments, prefixes of log lines.
std::string without_quoted(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      out += text[i];
    }
  }
  return out;
}

// "ct state invalid drop", "-m conntrack --ctstate INVALID -j DROP"
bool asks_for_invalid(std::string_view text) {
  const std::string words = without_quoted(text);
  for (const std::string_view option : {"ct state ", "--ctstate ", "--state "}) {
    const std::size_t at = words.find(option);
    if (at == std::string::npos) {
      continue;
    }
    std::string_view states = std::string_view(words).substr(at + option.size());
    if (states.starts_with("!=") || std::string_view(words).substr(0, at).ends_with("! ")) {
      continue;
    }
    if (states.starts_with("vmap ")) {
      states.remove_prefix(5);
    }
    states = states.substr(0, states.find(states.starts_with('{') ? '}' : ' '));
    if (states.find("invalid") != states.npos || states.find("INVALID") != states.npos) {
      return true;
    }
  }
  return false;
}

std::string check_words(const Netfilter& netfilter) {
  if (is_by_xtables(netfilter)) {
    const std::string_view options =
        netfilter.family == NFPROTO_BRIDGE || netfilter.family == NFPROTO_ARP ? "" : " -v -n";
    return fmt::format("{{in}}{} -t {} -L {}{}{}", xtables_tool(netfilter),
                       shell_word(netfilter.table), shell_word(chain_name(netfilter)), options,
                       netfilter.rule != 0 ? " --line-numbers" : "");
  }
  return fmt::format("{{in}}nft -a list chain {} {} {}", family_name(netfilter),
                     shell_word(netfilter.table), shell_word(netfilter.chain));
}

}  // namespace

std::string_view family_name(const Netfilter& netfilter) {
  switch (netfilter.family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_NETDEV:
      return "netdev";
    case NFPROTO_BRIDGE:
      return "bridge";
    case NFPROTO_IPV6:
      return "ip6";
    default:
      return "?";
  }
}

std::string_view hook_name(const Netfilter& netfilter) {
  static constexpr std::string_view kInet[] = {"prerouting", "input",       "forward",
                                               "output",     "postrouting", "ingress"};
  static constexpr std::string_view kBridge[] = {"prerouting", "input",       "forward",
                                                 "output",     "postrouting", "brouting"};
  static constexpr std::string_view kArp[] = {"input", "output", "forward"};
  static constexpr std::string_view kNetdev[] = {"ingress", "egress"};
  const auto in = [&](const auto& names) {
    return netfilter.hook < std::size(names) ? names[netfilter.hook] : "?";
  };
  switch (netfilter.pf) {
    case NFPROTO_NETDEV:
      return in(kNetdev);
    case NFPROTO_ARP:
      return in(kArp);
    case NFPROTO_BRIDGE:
      return in(kBridge);
    default:
      return in(kInet);
  }
}

std::string chain_name(const Netfilter& netfilter) {
  if (!netfilter.chain.empty() || !is_by_xtables(netfilter)) {
    return netfilter.chain;
  }
  std::string name(hook_name(netfilter));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  return name;
}

std::string_view verdict_name(const Netfilter& netfilter) {
  switch (netfilter.verdict) {
    case NFT_CONTINUE:
      return "continue";
    case NFT_BREAK:
      return "break";
    case NFT_JUMP:
      return "jump";
    case NFT_GOTO:
      return "goto";
    case NFT_RETURN:
      return "return";
    default:
      break;
  }
  static constexpr std::string_view kNames[] = {"drop",  "accept", "stolen",
                                                "queue", "repeat", "stop"};
  // The upper half is the number of a queue, or an error.
  const auto verdict = static_cast<std::uint32_t>(netfilter.verdict) & NF_VERDICT_MASK;
  return verdict < std::size(kNames) ? kNames[verdict] : "?";
}

std::string_view connection_state(const Netfilter& netfilter) {
  if (!netfilter.connection) {
    return "";
  }
  switch (netfilter.connection->info) {
    case IP_CT_ESTABLISHED:
    case IP_CT_ESTABLISHED_REPLY:
      return "established";
    case IP_CT_RELATED:
    case IP_CT_RELATED_REPLY:
      return "related";
    case IP_CT_NEW:
      return "new";
    case kUntracked:
      return "untracked";
    default:
      return "?";
  }
}

bool is_called_invalid(const journey::ChainWalk& walk) {
  return !walk.base.connection && std::ranges::any_of(walk.rules, [](const journey::Rule& rule) {
    return rule.raw.kind == NETFILTER_RULE && asks_for_invalid(rule.text);
  });
}

bool is_dropped_as_invalid(const journey::ChainWalk& walk) {
  return !walk.base.connection && std::ranges::any_of(walk.rules, [&](const journey::Rule& rule) {
    const bool leads_there =
        &rule == walk.decisive() || rule.raw.verdict == NFT_JUMP || rule.raw.verdict == NFT_GOTO;
    return leads_there && rule.raw.kind == NETFILTER_RULE && asks_for_invalid(rule.text);
  });
}

std::string chain_words(const journey::ChainWalk& walk) {
  const Netfilter& base = walk.base;
  if (walk.is_flowtable) {
    return fmt::format("{}: flowtable {} {}/{} forwards it: no route, no other chain is asked",
                       hook_name(base), family_name(base), printable(base.table),
                       printable(base.chain));
  }
  std::string words =
      fmt::format("{}: {}{} {}/{}", hook_name(base), is_by_xtables(base) ? "legacy " : "",
                  family_name(base), printable(base.table), chain_path(walk));
  if (is_by_xtables(base) && base.kind != NETFILTER_CHAIN) {
    return words + fmt::format(" rule {}", base.rule);  // alone it does not tell its verdict
  }
  words += fmt::format(" {}", verdict_name(base));
  if (const journey::Rule* rule = walk.decisive()) {
    words += fmt::format(", {} {}", number_word(rule->raw), rule->raw.rule);
  } else if (walk.by_policy) {
    words += ", the policy";
  }
  return words;
}

std::string nat_words(const journey::AddressChange& change) {
  std::string words;
  for (const bool source : {true, false}) {
    const std::string from = endpoint(change.from, source);
    const std::string to = endpoint(change.to, source);
    if (from != to) {
      words += fmt::format("{}{} {}, now {}", words.empty() ? "" : "; ",
                           source ? "source" : "destination", from, to);
    }
  }
  return words;
}

FirewallWords firewall_words(const journey::ChainWalk& walk, std::string_view netns) {
  const journey::Rule* rule = listed_rule(walk);
  const Netfilter& where = rule != nullptr ? rule->raw : walk.base;
  const std::string_view who = walk.decisive() != nullptr ? "a firewall rule"
                               : walk.by_policy           ? "a firewall's policy"
                                                          : "a firewall";
  std::string place =
      fmt::format("{}, {}, chain {}", is_by_xtables(where) ? "legacy xtables" : "nftables",
                  table_words(where), printable(chain_name(where)));
  if (rule != nullptr) {
    place += fmt::format(", {} {}", number_word(where), rule->raw.rule);
  }
  return {
      .sentence = fmt::format("Dropped by {} in namespace {} ({})", who, printable(netns), place),
      .text = rule != nullptr ? printable(rule->text) : "",
      .check = check_words(where)};
}

}  // namespace tracepkt::explain
