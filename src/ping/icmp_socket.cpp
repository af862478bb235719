#include "ping/icmp_socket.h"

#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>

#include "ping/icmp_filter.h"
#include "ping/route_options.h"

namespace tracepkt::ping {
namespace {

template <typename T>
Status set(int fd, int level, int option, const T& value, std::string what) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) != 0) {
    return errno_failure(errno, std::move(what));
  }
  return {};
}

// A ping socket's id is its port, which bind has chosen.
std::uint16_t bound_port(int fd) {
  sockaddr_storage name{};
  socklen_t length = sizeof(name);
  getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length);
  return ntohs(name.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(name).sin_port
                                         : reinterpret_cast<sockaddr_in6&>(name).sin6_port);
}

Result<IcmpSocket> create(int family, std::uint16_t id) {
  const int protocol = family == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  IcmpSocket made{.fd = Fd(socket(family, SOCK_RAW | flags, protocol)), .raw = true, .id = id};
  const int raw_error = made.fd.valid() ? 0 : errno;
  if (raw_error == EPERM || raw_error == EACCES) {
    made.fd = Fd(socket(family, SOCK_DGRAM | flags, protocol));
    made.raw = false;
  }
  if (made.fd.valid()) {
    return made;
  }
  if (raw_error == EAFNOSUPPORT) {
    return failure(family == AF_INET ? "this kernel has no IPv4" : "this kernel has no IPv6");
  }
  if (raw_error != EPERM && raw_error != EACCES) {
    return errno_failure(raw_error, "cannot open an ICMP socket");
  }
  return failure("an ICMP socket needs CAP_NET_RAW, which this process does not have",
                 "run as root, or let your group send pings: sysctl net.ipv4.ping_group_range");
}

Status set_ttl(int fd, int family, int ttl) {
  if (ttl < 1 || ttl > 255) {
    return failure(fmt::format("a TTL of {} cannot be: it is 1 to 255", ttl));
  }
  const bool v4 = family == AF_INET;
  const std::string what = fmt::format("cannot set a TTL of {}", ttl);
  auto status = set(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS, ttl, what);
  if (status) {
    status =
        set(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_MULTICAST_TTL : IPV6_MULTICAST_HOPS, ttl, what);
  }
  return status;
}

// What is told about each packet that arrives.
Status ask_for_details(const IcmpSocket& made, int family) {
  const int on = 1;
  const int wanted_bytes = 1 << 20;
  // Less room for answers is no reason not to ping: the kernel takes what its limit allows.
  setsockopt(made.fd.get(), SOL_SOCKET, SO_RCVBUF, &wanted_bytes, sizeof(wanted_bytes));
  const bool v4 = family == AF_INET;
  const int fd = made.fd.get();
  auto status = set(fd, SOL_SOCKET, SO_TIMESTAMPNS, on, "cannot ask for receive times");
  if (status) {
    status = set(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, on,
                 "cannot ask for the TTL of answers");
  }
  if (status && !made.raw) {
    status = set(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, on,
                 "cannot ask for ICMP errors");
  }
  return status;
}

}  // namespace

Result<IcmpSocket> open_icmp_socket(const EchoOptions& options, std::uint16_t id) {
  Address target = options.target;
  const int family = target.family;
  auto via = read_via(options.via, target);
  if (!via) {
    return std::unexpected(via.error());
  }
  if (is_link_local(target, false) && target.scope == 0) {
    return failure(
        fmt::format("{} is a link-local address: on which interface?", address_text(target)),
        fmt::format("say {}%INTERFACE, or -I INTERFACE", address_text(target)));
  }
  auto made = create(family, id);
  if (!made) {
    return made;
  }
  const int fd = made->fd.get();
  if (made->raw) {
    filter_raw_socket(fd, family, id);
  }
  auto status = ask_for_details(*made, family);
  if (status && options.ttl) {
    status = set_ttl(fd, family, *options.ttl);
  }
  if (status) {
    status = apply_route_options(fd, *via, options.mark);
  }
  if (status && !made->raw) {
    if (!via->source) {
      status = bind_to(fd, Address{.family = family});
    }
    made->id = bound_port(fd);
  }
  if (!status) {
    return std::unexpected(status.error());
  }
  auto source = find_source(target, *via, options.mark);
  if (!source) {
    return std::unexpected(source.error());
  }
  made->source = *source;
  made->target = target;
  std::array<char, IF_NAMESIZE> name{};
  if (target.scope != 0 && if_indextoname(target.scope, name.data()) != nullptr) {
    made->scope_name = name.data();
  }
  return made;
}

}  // namespace tracepkt::ping
