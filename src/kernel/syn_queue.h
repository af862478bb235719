// How many connections are being made at a port, of which the kernel has sent the SYN ACK and hears
// nothing? From its socket monitor (NETLINK_SOCK_DIAG), which takes no rights.
#pragma once

#include <cstdint>
#include <optional>

namespace tracepkt::kernel {

struct SynQueue {
  std::uint32_t waiting = 0;
  std::uint32_t room = 0;  // with so many, who wants another connection is ignored

  bool is_full() const { return waiting >= room; }
};

// For how many the kernel has room where there are no SYN cookies.
std::uint32_t syn_room(std::uint32_t backlog, std::uint32_t max_syn_backlog);

// In this thread's namespace, now, of the one socket that listens at that port, with that backlog;
// counted until it is full. Who has answered before, or comes at the very limit, may still find
// room, and has a request then: ask find_tcp_taker(), too. Nothing where the kernel sends SYN
// cookies, so that none is ignored, where several sockets listen there, each with a queue of its
// own, or where it does not tell.
std::optional<SynQueue> find_syn_queue(std::uint16_t port, std::uint32_t backlog);

}  // namespace tracepkt::kernel
