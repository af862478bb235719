// Which TCP socket takes what comes from one address and port to another? From the kernel's socket
// monitor (NETLINK_SOCK_DIAG), which takes no rights and looks it up as a packet's is.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/bound_sockets.h"

namespace tracepkt::kernel {

struct TcpTaker {
  bool listens = false;    // otherwise a connection between the two, or one that is being made
  bool time_wait = false;  // the connection is over, and waits for what may come late
  // Of one that listens: how many connections wait until its process accepts them, and how many
  // may.
  std::uint32_t waiting = 0;
  std::uint32_t backlog = 0;
  // Neither bound to an interface nor marked (SO_MARK): the tables alone say where its answers go.
  bool is_plain = true;
};

// In this thread's namespace, now, of what comes in by the interface `ifindex` (0: by any, then no
// socket is found that is bound to one). Nothing where there is none, or the kernel does not tell.
std::optional<TcpTaker> find_tcp_taker(const SocketEnd& local, const SocketEnd& remote,
                                       std::uint32_t ifindex);

}  // namespace tracepkt::kernel
