#include "kernel/listen_queues.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/fd.h"
#include "kernel/netns_open.h"

namespace tracepkt::kernel {
namespace {

constexpr std::uint64_t kUsedForNs = 50'000'000;
constexpr std::uint64_t kRestPerList = 20;  // times as long as a listing took
constexpr std::size_t kMostNamespaces = 256;

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 asked;
};

using Answer = std::array<std::byte, 32768>;

// Sends what is asked; an invalid descriptor where that cannot be.
Fd ask(std::uint16_t flags, const inet_diag_req_v2& asked) {
  Fd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  Request request = {.header = {}, .asked = asked};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = flags;
  request.asked.sdiag_protocol = IPPROTO_TCP;
  return netlink.valid() && send(netlink.get(), &request, sizeof(request), 0) > 0
             ? std::move(netlink)
             : Fd();
}

// Adds what one datagram of an answer tells. False where the answer ends.
bool take(const std::byte* bytes, std::size_t size, ListenQueuesByInode& queues) {
  nlmsghdr header = {};
  while (size >= sizeof(header)) {
    std::memcpy(&header, bytes, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > size ||
        header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      return false;
    }
    if (inet_diag_msg told = {}; header.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
                                 header.nlmsg_len >= NLMSG_HDRLEN + sizeof(told)) {
      std::memcpy(&told, bytes + NLMSG_HDRLEN, sizeof(told));
      // Of what listens these are the connections that wait, and how many may (inet_diag_fill).
      queues[told.idiag_inode] = {.waiting = told.idiag_rqueue, .backlog = told.idiag_wqueue};
    }
    const std::size_t step =
        std::min(size, static_cast<std::size_t>(NLMSG_ALIGN(header.nlmsg_len)));
    bytes += step;
    size -= step;
  }
  return true;
}

void list_family(std::uint8_t family, ListenQueuesByInode& queues) {
  inet_diag_req_v2 asked = {};
  asked.sdiag_family = family;
  asked.idiag_states = 1U << TCP_LISTEN;
  const Fd netlink = ask(NLM_F_REQUEST | NLM_F_DUMP, asked);
  alignas(nlmsghdr) Answer answer;
  while (netlink.valid()) {
    const ssize_t size = recv(netlink.get(), answer.data(), answer.size(), 0);
    if (size <= 0 || !take(answer.data(), static_cast<std::size_t>(size), queues)) {
      return;
    }
  }
}

ListenQueuesByInode list_in(const std::string& netns_file) {
  ListenQueuesByInode queues;
  (void)run_in_netns_file(netns_file, [&] {
    queues = list_listen_queues();
    return Status();
  });
  return queues;
}

}  // namespace

ListenQueuesByInode list_listen_queues() {
  ListenQueuesByInode queues;
  list_family(AF_INET, queues);
  list_family(AF_INET6, queues);
  return queues;
}

bool has_connection(const SocketEnd& local, const SocketEnd& remote) {
  inet_diag_req_v2 asked = {};
  const bool v4 = is_v4(local);
  asked.sdiag_family = v4 ? AF_INET : AF_INET6;
  asked.id.idiag_sport = htons(local.port);
  asked.id.idiag_dport = htons(remote.port);
  const std::size_t skipped = v4 ? 12 : 0;
  std::memcpy(asked.id.idiag_src, &local.address[skipped], local.address.size() - skipped);
  std::memcpy(asked.id.idiag_dst, &remote.address[skipped], remote.address.size() - skipped);
  asked.id.idiag_cookie[0] = asked.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const Fd netlink = ask(NLM_F_REQUEST, asked);
  alignas(nlmsghdr) Answer answer;
  const ssize_t size =
      netlink.valid() ? recv(netlink.get(), answer.data(), answer.size(), 0) : ssize_t{0};
  nlmsghdr header = {};
  inet_diag_msg told = {};
  if (size < static_cast<ssize_t>(NLMSG_HDRLEN + sizeof(told))) {
    return false;
  }
  std::memcpy(&header, answer.data(), sizeof(header));
  std::memcpy(&told, answer.data() + NLMSG_HDRLEN, sizeof(told));
  // Without a connection the kernel tells of who listens (inet_diag_find_one_icsk).
  return header.nlmsg_type == SOCK_DIAG_BY_FAMILY && told.idiag_state != TCP_LISTEN;
}

ListenQueues::ListenQueues()
    : ListenQueues(list_in, [] {
        return static_cast<std::uint64_t>(
            std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
      }) {}

std::optional<ListenQueue> ListenQueues::find(std::uint32_t netns, const std::string& netns_file,
                                              std::uint64_t inode) {
  if (listed_.size() >= kMostNamespaces && !listed_.contains(netns)) {
    listed_.clear();
  }
  Listed& listed = listed_[netns];
  if (const std::uint64_t now = now_(); now >= listed.usable_until_ns) {
    listed.queues = list_(netns_file);
    const std::uint64_t took = now_() - now;
    listed.usable_until_ns = now + took + std::max(kUsedForNs, kRestPerList * took);
  }
  const auto found = listed.queues.find(inode);
  return found == listed.queues.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace tracepkt::kernel
