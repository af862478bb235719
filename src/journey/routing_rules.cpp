#include "journey/routing_rules.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>
#include <vector>

#include "base/lines.h"
#include "journey/journey.h"

namespace tracepkt::journey {
namespace {

// A rule that names no table by its number has 0 here: one that refuses, or the one of all VRFs.
struct Line {
  RoutingRule rule;
  std::uint32_t table = 0;
  bool is_of_vrfs = false;
  bool is_for_all = false;
};

constexpr std::string_view kForAll = "from all ";
constexpr std::string_view kLookup = "lookup ";
constexpr std::array<std::pair<std::string_view, std::uint8_t>, 3> kRefusals = {
    {{"blackhole", RTN_BLACKHOLE}, {"unreachable", RTN_UNREACHABLE}, {"prohibit", RTN_PROHIBIT}}};

// The number that `text` begins with; 0 where it begins with none.
std::uint32_t leading_number(std::string_view text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// "100:\tfrom 10.0.0.0/8 lookup 7 proto static"
std::optional<Line> line_of(std::string_view text) {
  const std::size_t colon = text.find(":\t");
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  Line line{
      .rule = {.priority = leading_number(text), .text = std::string(text.substr(colon + 2))}};
  std::string& words = line.rule.text;
  words.resize(std::min(words.size(), words.find(" proto ")));
  words.resize(words.find_last_not_of(' ') + 1);
  if (const std::size_t lookup = words.rfind(kLookup); lookup != std::string::npos) {
    const std::string_view table = std::string_view(words).substr(lookup + kLookup.size());
    line.table = leading_number(table);
    line.is_of_vrfs = table.starts_with("[l3mdev-table]");
    line.is_for_all = words == std::string(kForAll).append(kLookup).append(table) &&
                      table.find(' ') == std::string_view::npos;
    return line;
  }
  // Newer ip(8) writes the kind of refusal as a number, too: told as the word.
  const std::size_t last = words.rfind(' ') + 1;
  const std::string_view kind = std::string_view(words).substr(last);
  const auto* const refusal = std::ranges::find_if(kRefusals, [&](const auto& one) {
    return kind == one.first || kind == std::to_string(one.second);
  });
  if (refusal != kRefusals.end() && words.find("goto ") == std::string::npos) {
    line.rule.refuses = refusal->second;
    line.is_for_all = last == kForAll.size() && words.starts_with(kForAll);
    words.replace(last, std::string::npos, refusal->first);
  }
  return line;
}

std::vector<Line> lines_of(std::string_view rules) {
  std::vector<Line> lines;
  while (!rules.empty()) {
    if (auto line = line_of(take_line(rules))) {
      lines.push_back(*std::move(line));
    }
  }
  return lines;
}

// The only one of them that is so.
template <typename IsSo>
std::optional<RoutingRule> only_one(const std::vector<Line>& lines, IsSo is_so) {
  const auto found = std::ranges::find_if(lines, is_so);
  if (found == lines.end() || std::any_of(found + 1, lines.end(), is_so)) {
    return std::nullopt;
  }
  return found->rule;
}

bool found_none(const decode::Route& route) {
  return !route.kept && route.type == RTN_UNSPEC &&
         (route.error == EAGAIN || route.error == ENETUNREACH);
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) {
      words.push_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// Is `address` in "10.1.0.0/24", "fd00::1" or "all"? Nothing where that is no such text.
std::optional<bool> is_in(const decode::Address& address, std::string_view prefix) {
  if (prefix == "all") {
    return true;
  }
  const std::size_t slash = std::min(prefix.find('/'), prefix.size());
  const std::string text(prefix.substr(0, slash));
  if (address.family == 0) {
    return std::nullopt;
  }
  std::array<std::uint8_t, 16> bytes = {};
  const int family = address.family == 6 ? AF_INET6 : AF_INET;
  if (inet_pton(family, text.c_str(), bytes.data()) != 1) {
    return std::nullopt;
  }
  const std::uint32_t whole = family == AF_INET6 ? 128 : 32;
  const std::uint32_t length =
      slash == prefix.size() ? whole : std::min(whole, leading_number(prefix.substr(slash + 1)));
  for (std::uint32_t bit = 0; bit < length; ++bit) {
    const std::uint8_t mask = 0x80 >> (bit % 8);
    if (((bytes[bit / 8] ^ address.bytes[bit / 8]) & mask) != 0) {
      return false;
    }
  }
  return true;
}

// Whether the rule is about the packet. Of its other conditions than addresses nothing is known.
enum class Fit : std::uint8_t { kNo, kMaybe, kYes };

Fit fit(const Line& line, const decode::Packet* packet) {
  const std::vector<std::string_view> words = words_of(line.rule.text);
  const auto is_negated = std::ranges::find(words, "not") != words.end();
  // Of an interface that is not there.
  if (std::ranges::find(words, "[detached]") != words.end()) {
    return is_negated ? Fit::kMaybe : Fit::kNo;
  }
  if (is_negated) {
    return Fit::kMaybe;
  }
  std::size_t understood = 0;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "from" && words[i] != "to") {
      continue;
    }
    const decode::Address any;
    const decode::Address& address = packet == nullptr    ? any
                                     : words[i] == "from" ? packet->src
                                                          : packet->dst;
    const auto within = is_in(address, words[i + 1]);
    if (within == false) {
      return Fit::kNo;
    }
    understood += within ? 2 : 0;
  }
  return understood + 1 == words.size() ? Fit::kYes : Fit::kMaybe;
}

// Both kinds of refusal end in it where the compiler has put their functions into one (6.1).
constexpr std::string_view kEitherOfIpv6 = "ip6_pkt_drop";

// Does what the kernel did with the packet then look like that? ip_error() has a reason for what is
// unreachable alone, and IPv6 a function for each.
bool looks_like(std::uint8_t refuses, const DropInfo& drop) {
  const std::string_view function =
      std::string_view(drop.function).substr(0, drop.function.find('+'));
  if (function.starts_with("ip6_pkt_prohibit")) {
    return refuses == RTN_PROHIBIT;
  }
  if (function == kEitherOfIpv6) {
    return refuses != RTN_BLACKHOLE;
  }
  if (function.starts_with("dst_discard")) {
    return refuses == RTN_BLACKHOLE;
  }
  if (function.starts_with("ip6_pkt_discard") || drop.reason == "IP_INNOROUTES") {
    return refuses == RTN_UNREACHABLE;
  }
  return drop.reason.empty() || refuses != RTN_UNREACHABLE;
}

// The kernel goes on with the next rule that fits, until one ends it: it was one behind that of the
// table that was asked last, and before the next one that fits all packets.
std::optional<RoutingRule> refusing_rule(const std::vector<Line>& lines, std::uint32_t last_asked,
                                         const decode::Packet* packet, const DropInfo& drop) {
  const auto last = std::find_if(lines.rbegin(), lines.rend(),
                                 [&](const Line& line) { return line.table == last_asked; });
  const bool jumps = std::ranges::any_of(
      lines, [](const Line& line) { return line.rule.text.find("goto ") != std::string::npos; });
  if (last == lines.rend() || jumps) {
    return std::nullopt;
  }
  const auto asked = last.base();
  const auto end = std::find_if(asked, lines.end(), [](const Line& line) {
    return line.is_for_all && (line.rule.refuses != 0 || line.table == RT_TABLE_MAIN);
  });
  // Where none fits all packets, it may be that none has refused.
  if (end == lines.end()) {
    return std::nullopt;
  }
  const std::vector<Line> between(asked, end->rule.refuses != 0 ? end + 1 : end);
  return only_one(between, [&](const Line& line) {
    if (line.rule.refuses == 0 || !looks_like(line.rule.refuses, drop)) {
      return false;
    }
    // What no route leads to looks the same as what is refused as unreachable.
    const bool looks_like_none =
        line.rule.refuses == RTN_UNREACHABLE || drop.function.starts_with(kEitherOfIpv6);
    return fit(line, packet) >= (looks_like_none ? Fit::kYes : Fit::kMaybe);
  });
}

}  // namespace

bool asks_rules(const decode::Route& route) {
  if (route.kept) {
    return false;
  }
  return found_none(route) || !(route.table == RT_TABLE_LOCAL || route.table == RT_TABLE_MAIN ||
                                route.table == RT_TABLE_DEFAULT);
}

std::optional<RoutingRule> rule_behind(std::string_view rules, const decode::Route& route,
                                       const decode::Packet* packet, const DropInfo* drop) {
  if (!asks_rules(route)) {
    return std::nullopt;
  }
  const std::vector<Line> lines = lines_of(rules);
  if (found_none(route)) {
    return drop == nullptr ? std::nullopt : refusing_rule(lines, route.table, packet, *drop);
  }
  const bool in_vrf = !route.vrf.view().empty();
  return only_one(lines, [&](const Line& line) {
    return (line.table == route.table || (in_vrf && line.is_of_vrfs)) &&
           fit(line, packet) != Fit::kNo;
  });
}

}  // namespace tracepkt::journey
