#include "kernel/tcp_taker.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "base/fd.h"
#include "kernel/sock_diag.h"

namespace tracepkt::kernel {
namespace {

// Is one of these, behind the message of that size, a mark? Who may not know of marks is told of
// none (inet_diag_msg_attrs_fill()).
bool is_marked(const std::byte* bytes, std::size_t size) {
  rtattr attribute = {};
  while (size >= sizeof(attribute)) {
    std::memcpy(&attribute, bytes, sizeof(attribute));
    if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > size) {
      return false;
    }
    if (std::uint32_t mark = 0;
        attribute.rta_type == INET_DIAG_MARK && attribute.rta_len >= RTA_LENGTH(sizeof(mark))) {
      std::memcpy(&mark, bytes + RTA_LENGTH(0), sizeof(mark));
      return mark != 0;
    }
    const std::size_t step = std::min(size, static_cast<std::size_t>(RTA_ALIGN(attribute.rta_len)));
    bytes += step;
    size -= step;
  }
  return false;
}

}  // namespace

std::optional<TcpTaker> find_tcp_taker(const SocketEnd& local, const SocketEnd& remote,
                                       std::uint32_t ifindex) {
  const bool v4 = is_v4(local);
  inet_diag_req_v2 asked = {};
  asked.sdiag_family = v4 ? AF_INET : AF_INET6;
  inet_diag_sockid& ends = asked.id;
  ends.idiag_sport = htons(local.port);
  ends.idiag_dport = htons(remote.port);
  const std::size_t skipped = v4 ? 12 : 0;
  std::memcpy(ends.idiag_src, &local.address[skipped], local.address.size() - skipped);
  std::memcpy(ends.idiag_dst, &remote.address[skipped], remote.address.size() - skipped);
  ends.idiag_if = ifindex;

  const Fd netlink = ask_about_tcp(asked, false);
  if (!netlink.valid()) {
    return std::nullopt;
  }
  alignas(nlmsghdr) std::array<std::byte, 4096> answer;
  const ssize_t size = recv(netlink.get(), answer.data(), answer.size(), 0);
  nlmsghdr header = {};
  inet_diag_msg told = {};
  if (size < static_cast<ssize_t>(NLMSG_SPACE(sizeof(told)))) {
    return std::nullopt;
  }
  std::memcpy(&header, answer.data(), sizeof(header));
  std::memcpy(&told, &answer[NLMSG_HDRLEN], sizeof(told));
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) {
    return std::nullopt;
  }
  constexpr std::size_t kBefore = NLMSG_SPACE(sizeof(told));
  const bool marked = is_marked(&answer[kBefore], static_cast<std::size_t>(size) - kBefore);
  // Of what listens these are the connections that wait, and how many may (inet_diag_fill).
  return TcpTaker{.listens = told.idiag_state == TCP_LISTEN,
                  .time_wait = told.idiag_state == TCP_TIME_WAIT,
                  .waiting = told.idiag_rqueue,
                  .backlog = told.idiag_wqueue,
                  .is_plain = told.id.idiag_if == 0 && !marked};
}

}  // namespace tracepkt::kernel
