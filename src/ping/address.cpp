#include "ping/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace tracepkt::ping {

Address make_address(int family, std::span<const std::uint8_t> bytes, std::uint32_t scope) {
  Address address{.family = family, .scope = scope};
  std::copy_n(bytes.begin(), family == AF_INET ? 4 : 16, address.bytes.begin());
  return address;
}

Address from_sockaddr(const sockaddr_storage& from) {
  Address address;
  if (from.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &from, sizeof(in));
    address.family = AF_INET;
    std::memcpy(address.bytes.data(), &in.sin_addr, sizeof(in.sin_addr));
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, &from, sizeof(in6));
    address.family = AF_INET6;
    std::memcpy(address.bytes.data(), &in6.sin6_addr, sizeof(in6.sin6_addr));
    address.scope = in6.sin6_scope_id;
  }
  return address;
}

socklen_t to_sockaddr(const Address& address, std::uint16_t port, sockaddr_storage& to) {
  std::memset(&to, 0, sizeof(to));
  if (address.family == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes.data(), sizeof(in.sin_addr));
    std::memcpy(&to, &in, sizeof(in));
    return sizeof(in);
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  in6.sin6_scope_id = address.scope;
  std::memcpy(&in6.sin6_addr, address.bytes.data(), sizeof(in6.sin6_addr));
  std::memcpy(&to, &in6, sizeof(in6));
  return sizeof(in6);
}

std::string address_text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_ntop(address.family, address.bytes.data(), text.data(), text.size()) == nullptr) {
    return "?";
  }
  return text.data();
}

bool same_host(const Address& a, const Address& b) {
  return a.family == b.family && a.bytes == b.bytes;
}

bool is_multicast(const Address& address) {
  return address.family == AF_INET ? (address.bytes[0] & 0xf0) == 0xe0 : address.bytes[0] == 0xff;
}

bool is_unspecified(const Address& address) {
  return std::ranges::all_of(address.bytes, [](std::uint8_t byte) { return byte == 0; });
}

bool is_link_local(const Address& address, bool multicast) {
  if (address.family != AF_INET6) {
    return false;
  }
  if (address.bytes[0] == 0xfe) {
    return (address.bytes[1] & 0xc0) == 0x80;
  }
  const int reach = address.bytes[1] & 0x0f;
  return multicast && address.bytes[0] == 0xff && (reach == 1 || reach == 2);
}

}  // namespace tracepkt::ping
