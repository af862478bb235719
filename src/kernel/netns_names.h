// The names that people use for network namespaces: what every hop is labelled with. Looked up when
// a packet is first seen there, and remembered after the namespace has gone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/netns_scan.h"

namespace tracepkt::kernel {

// An inode is used again once its namespace is gone; the kernel's cookie (net->net_cookie) never
// is.
struct NetnsId {
  std::uint32_t inode = 0;
  std::uint64_t cookie = 0;  // 0: this kernel has none

  bool operator==(const NetnsId&) const = default;
};

struct NetnsIdHash {
  std::size_t operator()(const NetnsId& id) const {
    return std::hash<std::uint64_t>()(id.cookie * 0x9e3779b97f4a7c15u ^ id.inode);
  }
};

class NetnsNames {
 public:
  using Clock = std::chrono::steady_clock;

  // Where it looks, and by which clock.
  struct World {
    std::string root = {};  // put before every path
    NetnsInodeOf inode_of = netns_inode_of_file;
    std::function<Clock::time_point()> now = Clock::now;
  };

  // With `numeric` (-n) nothing is looked up and every name is empty.
  explicit NetnsNames(bool numeric = false) : NetnsNames(numeric, World()) {}
  NetnsNames(bool numeric, World world);

  // The first there is of: "host", the initial namespace; the name by `ip netns`; the container's;
  // "comm(pid)" of the process that has been in it longest; the file it is mounted on. Raw bytes,
  // for the sink to escape. Empty if nothing names it, or nothing does yet: ask for every packet.
  //
  // Costs a hash look-up once the name is final. Otherwise it may scan the system, seldom enough
  // that all scans together take a twentieth of the time.
  std::string name(NetnsId id);

  // A file that is the namespace which had this inode last, for setns(2): below /run/netns, of one
  // of its processes, or where it is mounted. Empty for the initial one as long as we are in it,
  // and where name() has found none.
  std::string file(std::uint32_t inode) const;

  // Scans now, so that the first packets need not wait for it (10 us a process, or so).
  void warm_up();

  // The inode of init_net, as the kernel side knows it: goes before what /proc says.
  void set_initial_inode(std::uint32_t inode) { initial_ = inode; }

 private:
  enum class Kind { kNone, kMount, kProcess, kContainer, kNamed };  // the better, the later

  struct Entry {
    std::string name = {};
    Kind kind = Kind::kNone;
    std::string evidence = {};       // a file that is this namespace as long as the name holds
    Clock::time_point checked = {};  // when that was last seen
    Clock::time_point retry = {};    // when to look for a better name
    Clock::duration patience = {};   // how long to wait after that look
    bool retired = false;  // its inode has gone to another namespace: nothing is to be learned
  };

  // How long the scans of a kind may take, which differ in it by far: a dear kind leaves the others
  // theirs.
  class Budget {
   public:
    bool can_afford(Clock::time_point now);
    void spend(Clock::duration time);

   private:
    std::optional<Clock::duration> left_;  // as of that time; all of it at first
    Clock::time_point as_of_ = {};
  };

  template <typename T>
  struct Snapshot {
    T by_inode;
    std::optional<Clock::time_point> taken;
    Budget budget;
  };

  // The best name there is now; none if there is none, or none can be afforded. Where the last scan
  // does not know the inode, it must not be older than `no_older_than`.
  Entry look_up(std::uint32_t inode, Clock::time_point no_older_than);
  Entry name_by_path(const std::string& path, std::uint32_t inode, Kind kind) const;
  Entry name_by_processes(std::vector<pid_t> pids, std::uint32_t inode) const;
  bool is_netns(const std::string& path, std::uint32_t inode) const;
  // What `name` makes of the snapshot's word on `inode`, or else of that of a new one.
  template <typename T, typename Scan, typename Name>
  Entry find(Snapshot<T>& snapshot, std::uint32_t inode, Clock::time_point no_older_than, Scan scan,
             Name name);

  bool numeric_;
  World world_;
  std::uint32_t initial_;
  std::unordered_map<NetnsId, Entry, NetnsIdHash> entries_;
  std::unordered_map<std::uint32_t, std::uint64_t> newest_;  // inode -> the cookie seen there last

  Snapshot<NetnsPaths> named_;
  Snapshot<NetnsProcesses> processes_;
  Snapshot<NetnsPaths> mounts_;
};

}  // namespace tracepkt::kernel
