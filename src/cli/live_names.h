// Names for what events carry as numbers: from this machine, now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "journey/journey.h"
#include "kernel/bound_sockets.h"
#include "kernel/device_programs.h"
#include "kernel/flowtables.h"
#include "kernel/legacy_rules.h"
#include "kernel/netns_names.h"
#include "kernel/netns_scan.h"
#include "kernel/nftables.h"
#include "kernel/routing_rules.h"
#include "kernel/socket_owners.h"
#include "kernel/symbols.h"
#include "kernel/tcp_taker.h"

namespace tracepkt::cli {

class LiveNames : public journey::Names {
 public:
  // `numeric`: namespaces have no names (-n).
  explicit LiveNames(bool numeric) : numeric_(numeric), netns_(numeric) {}

  // Looks round once, so that no packet's event waits for that.
  void warm_up() { netns_.warm_up(); }

  std::string netns(const decode::NetnsId& id) override;
  std::string netns_file(std::uint32_t inode) override { return netns_.file(inode); }
  std::string drop_reason(std::uint32_t reason) override;
  std::string symbol(std::uint64_t address) override { return symbols_.name(address); }
  std::string rule(std::uint32_t inode, const decode::Netfilter& netfilter) override;
  std::string socket_owner(std::uint64_t inode) override;
  std::uint64_t socket_at(const journey::SocketPlace& place) override;
  std::string full_queue(const journey::SocketPlace& place) override;
  std::string full_syn_queue(const journey::SocketPlace& place) override;
  std::optional<std::uint64_t> unread(const journey::SocketPlace& place, std::uint64_t inode,
                                      std::uint64_t since_ns) override;
  bool is_conntrack_full(std::uint32_t inode) override;
  bool has_connection(const journey::SocketPlace& place) override;
  bool is_time_wait(const journey::SocketPlace& place) override;
  bool has_no_way_back(const journey::SocketPlace& place) override;
  std::string flowtable(std::uint32_t inode, const decode::Device& device) override;
  std::string routing_rules(std::uint32_t inode, std::uint8_t family) override;
  std::string programs(std::uint32_t inode, std::uint32_t ifindex,
                       journey::ProgramPlace place) override;
  std::string reset_reason(std::uint32_t reason) override;

 private:
  using ReasonNames = std::unordered_map<std::uint32_t, std::string>;

  // The queue that was full last. Counting it takes a millisecond, in which a flood sends dozens.
  struct FullSynQueue {
    std::uint32_t netns = 0;
    std::uint16_t port = 0;
    std::uint64_t until_ns = 0;
    std::string text;
  };
  // The table that was asked about last.
  struct Conntrack {
    std::uint32_t netns = 0;
    std::uint64_t until_ns = 0;
    bool full = false;
  };

  // A file that is the namespace, empty for ours; also with -n, which is about names.
  std::optional<std::string> file_of(std::uint32_t inode);
  std::optional<kernel::TcpTaker> tcp_taker(const journey::SocketPlace& place);

  bool numeric_;
  std::uint32_t own_netns_ = kernel::netns_inode_of_file("/proc/thread-self/ns/net");
  kernel::NetnsNames netns_;
  kernel::NetnsNames files_;  // with -n
  std::unordered_map<std::uint32_t, std::string> reasons_;
  std::unordered_set<std::uint32_t> subsystems_;  // that have dropped something
  kernel::Symbols symbols_;
  kernel::NamespaceRules rules_;
  kernel::NamespacePrograms programs_;
  kernel::LegacyRules legacy_rules_;
  kernel::RoutingRules routing_rules_;
  kernel::NamespaceFlowtables flowtables_;
  kernel::SocketOwners owners_;
  kernel::BoundSockets bound_;
  std::uint64_t looked_ns_ = 0;  // for owners that were not known before
  FullSynQueue full_syn_queue_;
  Conntrack conntrack_;
  std::optional<ReasonNames> reset_reasons_;
};

}  // namespace tracepkt::cli
