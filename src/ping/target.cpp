#include "ping/target.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/text.h"

namespace tracepkt::ping {
namespace {

int family_number(Family family) {
  switch (family) {
    case Family::kIpv4:
      return AF_INET;
    case Family::kIpv6:
      return AF_INET6;
    case Family::kAny:
      break;
  }
  return AF_UNSPEC;
}

const char* name_of(int family) { return family == AF_INET ? "IPv4" : "IPv6"; }

Result<std::uint32_t> read_scope(const std::string& scope) {
  std::uint32_t index = if_nametoindex(scope.c_str());
  const char* end = scope.data() + scope.size();
  if (index == 0 && (std::from_chars(scope.data(), end, index).ptr != end || index == 0)) {
    return failure(fmt::format("no interface '{}' in this namespace", printable(scope)));
  }
  return index;
}

Result<Target> literal_target(const std::string& host, const Address& address, Family family) {
  const int wanted = family_number(family);
  if (wanted != AF_UNSPEC && address.family != wanted) {
    return failure(fmt::format("'{}' is an {} address, but {} asks for {}", printable(host),
                               name_of(address.family), wanted == AF_INET ? "-4" : "-6",
                               name_of(wanted)));
  }
  in6_addr v6;
  std::memcpy(&v6, address.bytes.data(), sizeof(v6));
  if (address.family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6)) {
    const Address inner = make_address(AF_INET, std::span(address.bytes).subspan(12, 4));
    return failure(fmt::format("'{}' is an IPv4 address written as IPv6", printable(host)),
                   fmt::format("say {}", address_text(inner)));
  }
  return Target{.name = host, .address = address};
}

}  // namespace

Result<std::optional<Address>> read_literal(const std::string& text) {
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
    return make_address(AF_INET, bytes);
  }
  const std::size_t percent = text.find('%');
  if (inet_pton(AF_INET6, text.substr(0, percent).c_str(), bytes.data()) != 1) {
    return std::nullopt;
  }
  if (percent == std::string::npos) {
    return make_address(AF_INET6, bytes);
  }
  const auto scope = read_scope(text.substr(percent + 1));
  if (!scope) {
    return std::unexpected(scope.error());
  }
  return make_address(AF_INET6, bytes, *scope);
}

Result<Target> resolve(const std::string& host, Family family) {
  if (host.empty()) {
    return failure("no host given");
  }
  const auto literal = read_literal(host);
  if (!literal) {
    return std::unexpected(literal.error());
  }
  if (*literal) {
    return literal_target(host, **literal, family);
  }
  addrinfo hints{};
  hints.ai_family = family_number(family);
  hints.ai_socktype = SOCK_DGRAM;  // or each address would come once per socket type
  hints.ai_flags = AI_IDN;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  const int system_error = errno;
  if (error != 0) {
    const char* words = error == EAI_SYSTEM ? std::strerror(system_error) : gai_strerror(error);
    return failure(fmt::format("cannot find host '{}': {}", printable(host), words),
                   "give an address, or a name that `getent hosts` finds; tracepkt --help lists "
                   "the commands");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  sockaddr_storage first{};
  std::memcpy(&first, list->ai_addr, std::min(std::size_t{list->ai_addrlen}, sizeof(first)));
  return Target{.name = host, .address = from_sockaddr(first)};
}

}  // namespace tracepkt::ping
