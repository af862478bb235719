#include "kernel/syn_queue.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
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
#include "kernel/sysctl.h"

namespace tracepkt::kernel {
namespace {

// How many sockets of that family and state are at the port; counted up to `most`, which bounds
// what is read. Nothing where the kernel does not say.
std::optional<std::uint32_t> count(std::uint8_t family, int state, std::uint16_t port,
                                   std::uint32_t most) {
  inet_diag_req_v2 asked = {};
  asked.sdiag_family = family;
  asked.idiag_states = 1u << state;
  asked.id.idiag_sport = htons(port);
  const Fd netlink = ask_about_tcp(asked, true);
  if (!netlink.valid()) {
    return std::nullopt;
  }
  alignas(nlmsghdr) std::array<std::byte, 32768> answer;
  std::uint32_t found = 0;
  while (found < most) {
    const ssize_t got = recv(netlink.get(), answer.data(), answer.size(), 0);
    if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) {
      return std::nullopt;
    }
    const auto size = static_cast<std::size_t>(got);
    for (std::size_t at = 0; at + sizeof(nlmsghdr) <= size;) {
      nlmsghdr header = {};
      std::memcpy(&header, &answer[at], sizeof(header));
      if (header.nlmsg_type == NLMSG_DONE) {
        return found;
      }
      inet_diag_msg told = {};
      if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
          header.nlmsg_len < NLMSG_LENGTH(sizeof(told)) || header.nlmsg_len > size - at) {
        return std::nullopt;
      }
      std::memcpy(&told, &answer[at + NLMSG_HDRLEN], sizeof(told));
      found += told.idiag_state == state && told.id.idiag_sport == htons(port) ? 1 : 0;
      at += NLMSG_ALIGN(header.nlmsg_len);
    }
  }
  return found;
}

// What listens for IPv6 may take IPv4, too.
std::optional<std::uint32_t> count(int state, std::uint16_t port, std::uint32_t most) {
  const auto v4 = count(AF_INET, state, port, most);
  const auto v6 = count(AF_INET6, state, port, most);
  // A kernel without IPv6 has no answer.
  return v4 ? std::optional(*v4 + v6.value_or(0)) : std::nullopt;
}

}  // namespace

// inet_csk_reqsk_queue_is_full() (5.10; 6.18 takes one more), and tcp_conn_request() keeps the last
// quarter of tcp_max_syn_backlog for peers that have answered before.
std::uint32_t syn_room(std::uint32_t backlog, std::uint32_t max_syn_backlog) {
  return std::min(backlog, max_syn_backlog - max_syn_backlog / 4 + 1);
}

std::optional<SynQueue> find_syn_queue(std::uint16_t port, std::uint32_t backlog) {
  const auto cookies = sysctl_number("net/ipv4/tcp_syncookies");
  const auto most = sysctl_number("net/ipv4/tcp_max_syn_backlog");
  if (!cookies || *cookies != 0 || !most || count(TCP_LISTEN, port, 2) != 1) {
    return std::nullopt;
  }
  const std::uint32_t room = syn_room(backlog, *most);
  const auto waiting = count(TCP_SYN_RECV, port, room);
  return waiting ? std::optional(SynQueue{.waiting = *waiting, .room = room}) : std::nullopt;
}

}  // namespace tracepkt::kernel
