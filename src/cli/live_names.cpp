#include "cli/live_names.h"

#include <linux/netfilter.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kernel/conntrack_table.h"
#include "kernel/kernel_btf.h"
#include "kernel/netns_open.h"
#include "kernel/syn_queue.h"
#include "kernel/way_back.h"

namespace tracepkt::cli {
namespace {

constexpr std::uint64_t kLookEveryNs = 200'000'000;
constexpr std::uint64_t kStaysFullNs = 50'000'000;

kernel::SocketEnd socket_end(const decode::Address& address, std::uint16_t port) {
  kernel::SocketEnd end{.address = address.bytes, .port = port};
  if (address.family == 4) {
    end.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::copy_n(address.bytes.begin(), 4, end.address.begin() + 12);
  }
  return end;
}

}  // namespace

std::string LiveNames::netns(const decode::NetnsId& id) {
  return netns_.name({.inode = id.inode, .cookie = id.cookie});
}

std::string LiveNames::drop_reason(std::uint32_t reason) {
  // The upper half is a subsystem with reasons of its own; at the first drop by one, the module
  // that names them is loaded.
  if (subsystems_.insert(reason >> 16).second) {
    if (const auto kernel_btf = kernel::KernelBtf::load()) {
      reasons_ = kernel_btf->drop_reasons();
    }
  }
  if (const auto it = reasons_.find(reason); it != reasons_.end()) {
    return it->second;
  }
  return reason >> 16 == 0 ? "REASON_" + std::to_string(reason)
                           : "SUBSYSTEM_" + std::to_string(reason >> 16) + "_REASON_" +
                                 std::to_string(reason & 0xffff);
}

std::string LiveNames::rule(std::uint32_t inode, const decode::Netfilter& netfilter) {
  const auto file = file_of(inode);
  if (!file) {
    return "";
  }
  if (netfilter.backend == NETFILTER_XTABLES) {
    return legacy_rules_.text(inode, *file,
                              {.family = netfilter.family == NFPROTO_IPV6 ? 6 : 4,
                               .table = netfilter.table,
                               .chain = netfilter.chain,
                               .number = netfilter.rule,
                               .generation = netfilter.generation});
  }
  return rules_.text(inode, *file, {.table = netfilter.generation, .rule = netfilter.rule});
}

std::string LiveNames::reset_reason(std::uint32_t reason) {
  if (!reset_reasons_) {
    const auto kernel_btf = kernel::KernelBtf::load();
    reset_reasons_ = kernel_btf ? kernel_btf->reset_reasons() : ReasonNames();
  }
  const auto it = reset_reasons_->find(reason);
  return it != reset_reasons_->end() ? it->second : "REASON_" + std::to_string(reason);
}

std::optional<std::string> LiveNames::file_of(std::uint32_t inode) {
  if (inode == own_netns_) {
    return "";
  }
  if (numeric_) {
    files_.name({.inode = inode, .cookie = 0});
  }
  std::string file = (numeric_ ? files_ : netns_).file(inode);
  return file.empty() ? std::nullopt : std::optional(std::move(file));
}

// Looking through all processes takes a while: while packets come that nobody seems to have sent,
// not for each of them.
std::string LiveNames::socket_owner(std::uint64_t inode) {
  if (inode == 0 || (!owners_.knows(inode) && monotonic_ns() < looked_ns_ + kLookEveryNs)) {
    return "";
  }
  if (!owners_.knows(inode)) {
    looked_ns_ = monotonic_ns();
  }
  const auto owner = owners_.find(inode);
  return owner ? journey::owner_text(journey::Process{.pid = owner->pid, .name = owner->name}) : "";
}

// Several sockets may share a port: they say who takes it only where one process has all of them.
std::uint64_t LiveNames::socket_at(const journey::SocketPlace& place) {
  const auto file = file_of(place.netns);
  if (!file) {
    return 0;
  }
  const auto inodes =
      bound_.find(place.netns, *file, place.protocol, socket_end(place.local, place.local_port),
                  socket_end(place.remote, place.remote_port));
  const auto owner_of = [&](std::uint64_t inode) {
    const auto owner = owners_.find(inode);
    return owner ? owner->pid : 0;
  };
  const bool is_one = inodes.size() == 1 || std::ranges::all_of(inodes, [&](std::uint64_t inode) {
                        return owner_of(inode) == owner_of(inodes.front());
                      });
  return !inodes.empty() && is_one ? inodes.front() : 0;
}

std::optional<kernel::TcpTaker> LiveNames::tcp_taker(const journey::SocketPlace& place) {
  std::optional<kernel::TcpTaker> taker;
  if (const auto file = file_of(place.netns)) {
    (void)kernel::run_in_netns_file(*file, [&] {
      taker = kernel::find_tcp_taker(socket_end(place.local, place.local_port),
                                     socket_end(place.remote, place.remote_port), place.ifindex);
      return Status();
    });
  }
  return taker;
}

std::string LiveNames::full_queue(const journey::SocketPlace& place) {
  const auto taker = tcp_taker(place);
  if (!taker || !taker->listens) {
    return "";
  }
  const journey::ListenQueue queue{.waiting = taker->waiting, .backlog = taker->backlog};
  return queue.is_full() ? journey::queue_text(queue) : "";
}

// No request for this connection, where there is room for none.
std::string LiveNames::full_syn_queue(const journey::SocketPlace& place) {
  const auto taker = tcp_taker(place);
  const auto file = file_of(place.netns);
  if (!file || !taker || !taker->listens) {
    return "";
  }
  FullSynQueue& last = full_syn_queue_;
  if (last.netns == place.netns && last.port == place.local_port &&
      monotonic_ns() < last.until_ns) {
    return last.text;
  }
  std::optional<kernel::SynQueue> queue;
  (void)kernel::run_in_netns_file(*file, [&] {
    queue = kernel::find_syn_queue(place.local_port, taker->backlog);
    return Status();
  });
  if (!queue || !queue->is_full()) {
    return "";
  }
  last = {.netns = place.netns,
          .port = place.local_port,
          .until_ns = monotonic_ns() + kStaysFullNs,
          .text = journey::queue_text(
              journey::ListenQueue{.waiting = queue->waiting, .backlog = queue->room})};
  return last.text;
}

std::optional<std::uint64_t> LiveNames::unread(const journey::SocketPlace& place,
                                               std::uint64_t inode, std::uint64_t since_ns) {
  const auto file = file_of(place.netns);
  return file ? bound_.unread(place.netns, *file, inode, since_ns) : std::nullopt;
}

bool LiveNames::is_conntrack_full(std::uint32_t inode) {
  Conntrack& last = conntrack_;
  if (last.netns == inode && monotonic_ns() < last.until_ns) {
    return last.full;
  }
  last = {.netns = inode, .until_ns = monotonic_ns() + kStaysFullNs, .full = false};
  if (const auto file = file_of(inode)) {
    (void)kernel::run_in_netns_file(*file, [&] {
      last.full = kernel::is_conntrack_full();
      return Status();
    });
  }
  return last.full;
}

bool LiveNames::has_connection(const journey::SocketPlace& place) {
  const auto taker = tcp_taker(place);
  return taker && !taker->listens;
}

bool LiveNames::is_time_wait(const journey::SocketPlace& place) {
  const auto taker = tcp_taker(place);
  return taker && taker->time_wait;
}

// Without a way back the kernel drops the SYN before it makes anything of it (6.18,
// tcp_conn_request(); so did 5.10). A connection all the same has found another way.
bool LiveNames::has_no_way_back(const journey::SocketPlace& place) {
  const auto taker = tcp_taker(place);
  const auto file = file_of(place.netns);
  bool no_way = false;
  if (file && taker && taker->listens && taker->is_plain) {
    (void)kernel::run_in_netns_file(*file, [&] {
      no_way = kernel::has_no_way_back(socket_end(place.local, place.local_port),
                                       socket_end(place.remote, place.remote_port));
      return Status();
    });
  }
  return no_way;
}

std::string LiveNames::flowtable(std::uint32_t inode, const decode::Device& device) {
  const auto file = file_of(inode);
  return file ? flowtables_.find(inode, *file, device.name.view()) : "";
}

std::string LiveNames::routing_rules(std::uint32_t inode, std::uint8_t family) {
  const auto file = file_of(inode);
  return file ? routing_rules_.list(inode, *file, family) : "";
}

std::string LiveNames::programs(std::uint32_t inode, std::uint32_t ifindex,
                                journey::ProgramPlace place) {
  const auto file = file_of(inode);
  if (!file) {
    return "";
  }
  std::vector<journey::Program> programs;
  for (const kernel::DeviceProgram& one :
       programs_.find(inode, *file, ifindex, static_cast<kernel::ProgramPlace>(place))) {
    programs.push_back(
        {.kind = one.kind, .id = one.id, .pref = one.pref, .handle = one.handle, .name = one.name});
  }
  return journey::programs_text(programs);
}

}  // namespace tracepkt::cli
