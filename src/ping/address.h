// Address is an IPv4 or IPv6 address as the ping folder passes it around: bytes, not text, so that
// two can be compared.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace tracepkt::ping {

struct Address {
  int family = AF_UNSPEC;
  std::array<std::uint8_t, 16> bytes{};  // network order; the first four for IPv4, the rest zero
  std::uint32_t scope = 0;               // interface index of a link-local IPv6 address, or 0

  bool operator==(const Address&) const = default;
};

// `bytes` must hold 4 (AF_INET) or 16 (AF_INET6) of them.
Address make_address(int family, std::span<const std::uint8_t> bytes, std::uint32_t scope = 0);

// AF_UNSPEC where `from` is neither IPv4 nor IPv6.
Address from_sockaddr(const sockaddr_storage& from);

// What bind, connect and sendto take. Returns the length of what was written.
socklen_t to_sockaddr(const Address& address, std::uint16_t port, sockaddr_storage& to);

// As people write it, without a scope; "?" for AF_UNSPEC.
std::string address_text(const Address& address);

// The same host, whatever the scope says: scopes are missing in quoted packets.
bool same_host(const Address& a, const Address& b);

bool is_multicast(const Address& address);
bool is_unspecified(const Address& address);
// Means something on one link only: fe80::/10 and, if `multicast` counts too, ff01: and ff02:.
bool is_link_local(const Address& address, bool multicast);

}  // namespace tracepkt::ping
