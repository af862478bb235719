#include "explain/route.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "base/text.h"

namespace tracepkt::explain {
namespace {

// IPv4 tells the type of a route that is none by its error (fib_props, net/ipv4/fib_semantics.c),
// and a local one by the scope of its next hop: nowhere. Where no ip rule was ever made, the kernel
// keeps the local table's routes in the main one.
std::uint8_t type_of(const decode::Route& route) {
  if (route.type != RTN_UNSPEC) {
    return route.type;
  }
  switch (route.error) {
    case 0:
      break;
    case EINVAL:
      return RTN_BLACKHOLE;
    case EHOSTUNREACH:
      return RTN_UNREACHABLE;
    case EACCES:
      return RTN_PROHIBIT;
    default:
      return RTN_UNSPEC;
  }
  if (route.scope == RT_SCOPE_NOWHERE) {
    return RTN_LOCAL;
  }
  return route.table == RT_TABLE_LOCAL ? RTN_BROADCAST : RTN_UNICAST;
}

}  // namespace

std::string route_table(const decode::Route& route) {
  if (route.kept) {
    return "";
  }
  // Tables of VRFs and of the user's have local routes of their own.
  const bool is_merged = type_of(route) == RTN_LOCAL && route.table == RT_TABLE_MAIN;
  switch (is_merged ? static_cast<std::uint32_t>(RT_TABLE_LOCAL) : route.table) {
    case RT_TABLE_LOCAL:
      return "local";
    case RT_TABLE_MAIN:
      return "main";
    case RT_TABLE_DEFAULT:
      return "default";
    default:
      return std::to_string(route.table);
  }
}

std::string_view route_type(const decode::Route& route) {
  switch (type_of(route)) {
    case RTN_UNICAST:
      return "unicast";
    case RTN_LOCAL:
      return "local";
    case RTN_BROADCAST:
      return "broadcast";
    case RTN_ANYCAST:
      return "anycast";
    case RTN_MULTICAST:
      return "multicast";
    case RTN_BLACKHOLE:
      return "blackhole";
    case RTN_UNREACHABLE:
      return "unreachable";
    case RTN_PROHIBIT:
      return "prohibit";
    case RTN_THROW:
      return "throw";
    default:
      return "none";
  }
}

std::string_view route_error(const decode::Route& route) {
  switch (type_of(route)) {
    case RTN_BLACKHOLE:
      return "blackhole: dropped without a word";
    case RTN_UNREACHABLE:
      return "declared unreachable";
    case RTN_PROHIBIT:
      return "prohibited";
    case RTN_UNSPEC:
    case RTN_THROW:
      return "no route";
    default:
      return "";
  }
}

namespace {

std::string answer_words(const decode::Route& route) {
  std::string words = route.kept ? "cached" : route_table(route);
  if (!route.vrf.view().empty()) {
    words += fmt::format(" (VRF {})", printable(route.vrf.view()));
  }
  words += ':';
  if (const std::string_view error = route_error(route); !error.empty()) {
    return fmt::format("{} {}", words, error);
  }
  if (type_of(route) == RTN_LOCAL) {
    return words + (words == "local:" ? "" : " local,") + " for this namespace";
  }
  if (type_of(route) != RTN_UNICAST) {
    words += fmt::format(" {}", route_type(route));
  }
  if (route.via.family != 0) {
    words += " via " + route.via.text();
  }
  if (route.device.index != 0) {
    words += " dev " + printable(route.device.name.view());
  }
  if (route.any_hop) {
    words += std::string(route.device.index != 0 ? "," : "") + " by one of several next hops";
  }
  return words;
}

}  // namespace

std::string route_words(const decode::Route& route, const journey::RoutingRule* rule) {
  if (rule == nullptr) {
    return answer_words(route);
  }
  const std::string words = fmt::format("rule {}: {}", rule->priority, printable(rule->text));
  return rule->refuses != 0 ? words : fmt::format("{}; {}", answer_words(route), words);
}

}  // namespace tracepkt::explain
