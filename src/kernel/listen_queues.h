// How many connections wait at a listening TCP socket until its process accepts them, and how many
// may. From the kernel's socket monitor (NETLINK_SOCK_DIAG), which takes no rights.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "kernel/bound_sockets.h"

namespace tracepkt::kernel {

struct ListenQueue {
  std::uint32_t waiting = 0;
  std::uint32_t backlog = 0;
};

using ListenQueuesByInode = std::map<std::uint64_t, ListenQueue>;

// Of all sockets that listen in this thread's namespace. Empty where the kernel does not tell.
ListenQueuesByInode list_listen_queues();

// Is there, in this thread's namespace, a connection between these, or one that is being made?
// False also where the kernel does not tell.
bool has_connection(const SocketEnd& local, const SocketEnd& remote);

class ListenQueues {
 public:
  using List = std::function<ListenQueuesByInode(const std::string& netns_file)>;
  using Now = std::function<std::uint64_t()>;  // nanoseconds

  ListenQueues();
  ListenQueues(List list, Now now) : list_(std::move(list)), now_(std::move(now)) {}

  // Of the socket with this inode. What was listed is used for 50 ms, and for longer where it took
  // long. `netns_file`: empty for the namespace of this thread.
  std::optional<ListenQueue> find(std::uint32_t netns, const std::string& netns_file,
                                  std::uint64_t inode);

 private:
  struct Listed {
    ListenQueuesByInode queues;
    std::uint64_t usable_until_ns = 0;
  };

  List list_;
  Now now_;
  std::map<std::uint32_t, Listed> listed_;  // by netns
};

}  // namespace tracepkt::kernel
