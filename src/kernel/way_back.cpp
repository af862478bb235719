#include "kernel/way_back.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

#include "base/fd.h"
#include "kernel/sysctl.h"

namespace tracepkt::kernel {
namespace {

struct Request {
  alignas(nlmsghdr) std::array<std::byte, 128> bytes = {};
  std::size_t size = NLMSG_SPACE(sizeof(rtmsg));

  void add(std::uint16_t type, const void* value, std::size_t length) {
    const rtattr attribute = {.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(length)),
                              .rta_type = type};
    std::memcpy(&bytes[size], &attribute, sizeof(attribute));
    std::memcpy(&bytes[size + RTA_LENGTH(0)], value, length);
    size += RTA_SPACE(length);
  }
};

// What the kernel says to `ip route get REMOTE [from LOCAL]` for TCP: 0 for a route, or an errno.
// Nothing where it cannot be asked.
std::optional<int> ask(const SocketEnd& local, const SocketEnd& remote, bool from_local) {
  const bool v4 = is_v4(remote);
  const std::size_t skipped = v4 ? 12 : 0;
  const std::size_t length = remote.address.size() - skipped;
  const auto bits = static_cast<std::uint8_t>(length * 8);
  Request request;
  request.add(RTA_DST, &remote.address[skipped], length);
  if (from_local) {
    request.add(RTA_SRC, &local.address[skipped], length);
  }
  const std::uint8_t protocol = IPPROTO_TCP;
  const std::uint16_t sport = htons(local.port);
  const std::uint16_t dport = htons(remote.port);
  request.add(RTA_IP_PROTO, &protocol, sizeof(protocol));  // since 4.18, as are the ports
  request.add(RTA_SPORT, &sport, sizeof(sport));
  request.add(RTA_DPORT, &dport, sizeof(dport));
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<std::uint32_t>(request.size);
  header.nlmsg_type = RTM_GETROUTE;
  header.nlmsg_flags = NLM_F_REQUEST;
  rtmsg route = {};
  route.rtm_family = v4 ? AF_INET : AF_INET6;
  route.rtm_dst_len = bits;
  route.rtm_src_len = from_local ? bits : 0;
  std::memcpy(request.bytes.data(), &header, sizeof(header));
  std::memcpy(&request.bytes[NLMSG_HDRLEN], &route, sizeof(route));

  const Fd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  alignas(nlmsghdr) std::array<std::byte, 4096> answer;
  if (!netlink.valid() || send(netlink.get(), request.bytes.data(), request.size, 0) <= 0) {
    return std::nullopt;
  }
  const ssize_t size = recv(netlink.get(), answer.data(), answer.size(), 0);
  if (size < static_cast<ssize_t>(NLMSG_HDRLEN)) {
    return std::nullopt;
  }
  std::memcpy(&header, answer.data(), sizeof(header));
  nlmsgerr error = {};
  if (header.nlmsg_type != NLMSG_ERROR) {
    return header.nlmsg_type == RTM_NEWROUTE ? std::optional(0) : std::nullopt;
  }
  if (size < static_cast<ssize_t>(NLMSG_HDRLEN + sizeof(error))) {
    return std::nullopt;
  }
  std::memcpy(&error, &answer[NLMSG_HDRLEN], sizeof(error));
  return -error.error;
}

// Takes the answer a route that the packet itself chooses (its mark, its VRF)?
bool follows_the_packet(const char* switched_by) {
  return sysctl_number(switched_by).value_or(0) != 0;
}

bool is_link_local(const SocketEnd& end) {
  return !is_v4(end) && end.address[0] == 0xfe && (end.address[1] & 0xc0) == 0x80;
}

// EINVAL is a blackhole, or a source that is not an address of this host: asked without one, it is
// the former.
bool is_refusal(std::optional<int> error, bool from_local) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == EACCES ||
         (error == EINVAL && !from_local);
}

}  // namespace

bool has_no_way_back(const SocketEnd& local, const SocketEnd& remote) {
  if (is_link_local(remote) || follows_the_packet("net/ipv4/tcp_fwmark_accept") ||
      follows_the_packet("net/ipv4/tcp_l3mdev_accept")) {
    return false;
  }
  const auto error = ask(local, remote, true);
  return is_refusal(error, true) ||
         (error == EINVAL && is_refusal(ask(local, remote, false), false));
}

}  // namespace tracepkt::kernel
