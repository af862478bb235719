#include "ping/route_options.h"

#include <fmt/format.h>
#include <net/if.h>

#include <cerrno>

#include "base/fd.h"
#include "base/text.h"
#include "ping/target.h"

namespace tracepkt::ping {
namespace {

std::optional<Address> bound_address(int fd) {
  sockaddr_storage name{};
  socklen_t length = sizeof(name);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) {
    return std::nullopt;
  }
  return from_sockaddr(name);
}

bool connect_to(int fd, const Address& target) {
  constexpr std::uint16_t kAnyPort = 1025;  // connecting a UDP socket sends nothing
  sockaddr_storage to;
  const socklen_t length = to_sockaddr(target, kAnyPort, to);
  return connect(fd, reinterpret_cast<const sockaddr*>(&to), length) == 0;
}

}  // namespace

Result<Via> read_via(const std::string& via, Address& target) {
  Via read;
  if (via.empty()) {
    return read;
  }
  const auto literal = read_literal(via);
  if (!literal) {
    return std::unexpected(literal.error());
  }
  if (*literal) {
    read.source = *literal;
    if (read.source->family != target.family) {
      return failure(fmt::format("cannot send from {} to {}: one is IPv4, the other IPv6",
                                 printable(via), address_text(target)));
    }
    if (is_link_local(*read.source, false) && read.source->scope == 0) {
      read.source->scope = target.scope;
    }
    return read;
  }
  // Asked first, since SO_BINDTODEVICE would cut a name that is too long and take another
  // interface.
  const unsigned index = if_nametoindex(via.c_str());
  if (index == 0) {
    return failure(fmt::format("no interface '{}' in this namespace", printable(via)));
  }
  if (target.scope != 0 && target.scope != index) {
    return failure(fmt::format("the address {} is on another interface than '{}'",
                               address_text(target), printable(via)));
  }
  if (is_link_local(target, true)) {
    target.scope = index;
  }
  read.device = via;
  return read;
}

Status apply_route_options(int fd, const Via& via, std::optional<std::uint32_t> mark) {
  if (!via.device.empty() && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, via.device.c_str(),
                                        static_cast<socklen_t>(via.device.size())) != 0) {
    return errno_failure(errno, fmt::format("cannot send through '{}'", printable(via.device)));
  }
  if (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &*mark, sizeof(*mark)) != 0) {
    return errno_failure(errno, fmt::format("cannot mark packets with {}", *mark),
                         errno == EPERM ? "run as root, or with CAP_NET_ADMIN" : "");
  }
  return via.source ? bind_to(fd, *via.source) : Status{};
}

Status bind_to(int fd, const Address& address) {
  sockaddr_storage to;
  const socklen_t length = to_sockaddr(address, 0, to);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&to), length) == 0) {
    return {};
  }
  if (errno == EADDRNOTAVAIL) {
    return failure(
        fmt::format("no interface of this namespace has the address {}", address_text(address)));
  }
  return errno_failure(errno, fmt::format("cannot send from {}", address_text(address)));
}

// Asks the routing tables by connecting a UDP socket. The ICMP socket itself stays unconnected: a
// connected one would not hear the errors of routers on the way.
Result<std::optional<Address>> find_source(const Address& target, const Via& via,
                                           std::optional<std::uint32_t> mark) {
  const Fd fd(socket(target.family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    return std::nullopt;
  }
  if (auto status = apply_route_options(fd.get(), via, mark); !status) {
    return std::unexpected(status.error());
  }
  if (connect_to(fd.get(), target)) {
    return bound_address(fd.get());
  }
  const int on = 1;
  // EACCES is said of a broadcast address and of a "prohibit" route; only one goes away so.
  if (errno == EACCES && setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) == 0 &&
      connect_to(fd.get(), target)) {
    return failure(fmt::format("{} is a broadcast address", address_text(target)),
                   "tracepkt follows a packet to one host: give the host's own address");
  }
  return std::nullopt;
}

}  // namespace tracepkt::ping
