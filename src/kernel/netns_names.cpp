#include "kernel/netns_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "kernel/container_names.h"
#include "kernel/host_files.h"

namespace tracepkt::kernel {
namespace {

using namespace std::chrono_literals;

// How long an inode is taken to mean the same namespace where nothing proves it.
constexpr auto kTrust = 1s;
// A better name is looked for after this long, then after twice as long, and so on up to the cap.
constexpr NetnsNames::Clock::duration kFirstRetry = 100ms;
constexpr NetnsNames::Clock::duration kLastRetry = 5s;
// Scans of a kind may take this part of all time, and this much at once.
constexpr int kBudgetShare = 20;
constexpr NetnsNames::Clock::duration kBudgetBurst = 500ms;
// Namespaces ever seen, not those that live: forget all when it gets silly.
constexpr std::size_t kMaxEntries = 65536;

}  // namespace

NetnsNames::NetnsNames(bool numeric, World world)
    : numeric_(numeric), world_(std::move(world)), initial_(initial_netns(world_.root)) {}

std::string NetnsNames::name(NetnsId id) {
  if (numeric_) {
    return {};
  }
  if (id.inode == initial_) {
    return "host";
  }
  if (entries_.size() >= kMaxEntries) {
    entries_.clear();
    newest_.clear();
  }
  const auto [it, is_new] = entries_.try_emplace(id);
  Entry& entry = it->second;
  const bool best = entry.kind >= Kind::kContainer;
  if (entry.retired || (best && id.cookie != 0)) {
    return entry.name;
  }

  const auto now = world_.now();
  auto no_older_than = now;
  if (is_new) {
    const auto [newest, first] = newest_.try_emplace(id.inode, id.cookie);
    if (!first && newest->second != id.cookie) {
      if (const auto old = entries_.find({id.inode, newest->second}); old != entries_.end()) {
        old->second.retired = true;
      }
      newest->second = id.cookie;
    }
  } else if (id.cookie == 0 && entry.kind != Kind::kNone && now - entry.checked >= kTrust) {
    if (is_netns(entry.evidence, id.inode)) {
      entry.checked = now;
    } else {
      entry = {};
    }
  } else {
    no_older_than = now - entry.patience / 2;  // one scan serves many that wait
  }
  if (entry.kind < Kind::kContainer && now >= entry.retry) {
    Entry found = look_up(id.inode, no_older_than);
    if (found.kind > entry.kind) {
      entry.name = std::move(found.name);
      entry.kind = found.kind;
      entry.evidence = std::move(found.evidence);
      entry.checked = now;
    }
    entry.patience = std::clamp(entry.patience * 2, kFirstRetry, kLastRetry);
    entry.retry = now + entry.patience;
  }
  return entry.name;
}

std::string NetnsNames::file(std::uint32_t inode) const {
  if (inode == initial_) {
    const bool ours = is_netns(world_.root + "/proc/self/ns/net", inode);
    return ours ? "" : world_.root + "/proc/1/ns/net";
  }
  const auto newest = newest_.find(inode);
  if (newest == newest_.end()) {
    return {};
  }
  const auto entry = entries_.find({inode, newest->second});
  return entry == entries_.end() ? "" : entry->second.evidence;
}

void NetnsNames::warm_up() {
  if (!numeric_) {
    look_up(0, world_.now());  // which no scan knows
  }
}

NetnsNames::Entry NetnsNames::look_up(std::uint32_t inode, Clock::time_point no_older_than) {
  const std::string& root = world_.root;
  Entry found = find(
      named_, inode, no_older_than, [&] { return scan_named_netns(root, world_.inode_of); },
      [&](const auto& path) { return name_by_path(path, inode, Kind::kNamed); });
  if (found.kind == Kind::kNone) {
    found = find(
        processes_, inode, no_older_than, [&] { return scan_netns_processes(root); },
        [&](const auto& pids) { return name_by_processes(pids, inode); });
  }
  if (found.kind == Kind::kNone) {
    found = find(
        mounts_, inode, no_older_than, [&] { return scan_netns_mounts(root); },
        [&](const auto& path) { return name_by_path(path, inode, Kind::kMount); });
  }
  return found;
}

NetnsNames::Entry NetnsNames::name_by_path(const std::string& path, std::uint32_t inode,
                                           Kind kind) const {
  if (!is_netns(path, inode)) {
    return {};
  }
  return {.name = path.substr(path.rfind('/') + 1), .kind = kind, .evidence = path};
}

NetnsNames::Entry NetnsNames::name_by_processes(std::vector<pid_t> pids,
                                                std::uint32_t inode) const {
  // The scan may be old.
  std::erase_if(pids, [&](pid_t pid) { return netns_of_process(world_.root, pid) != inode; });
  const auto pid = oldest_process(world_.root, pids);
  if (!pid) {
    return {};
  }
  Entry entry{.evidence = fmt::format("{}/proc/{}/ns/net", world_.root, *pid)};
  entry.name = ContainerNames(world_.root).of_process(*pid).name;
  if (!entry.name.empty()) {
    entry.kind = Kind::kContainer;
    return entry;
  }
  std::string command = HostFiles(world_.root).proc(*pid, "comm");
  if (command.ends_with('\n')) {
    command.pop_back();
  }
  if (!command.empty()) {
    entry.name = fmt::format("{}({})", command, *pid);
    entry.kind = Kind::kProcess;
  }
  return entry;
}

bool NetnsNames::is_netns(const std::string& path, std::uint32_t inode) const {
  return read_link(path) == fmt::format("net:[{}]", inode) || world_.inode_of(path) == inode;
}

template <typename T, typename Scan, typename Name>
NetnsNames::Entry NetnsNames::find(Snapshot<T>& snapshot, std::uint32_t inode,
                                   Clock::time_point no_older_than, Scan scan, Name name) {
  // However old the snapshot is, `name` looks whether it is still true.
  const auto known = [&] {
    const auto it = snapshot.by_inode.find(inode);
    return it != snapshot.by_inode.end() ? name(it->second) : Entry();
  };
  Entry entry = known();
  if (entry.kind != Kind::kNone || (snapshot.taken && *snapshot.taken > no_older_than)) {
    return entry;
  }
  const auto now = world_.now();
  if (!snapshot.budget.can_afford(now)) {
    return entry;
  }
  snapshot.by_inode = scan();
  snapshot.taken = now;
  snapshot.budget.spend(world_.now() - now);
  return known();
}

bool NetnsNames::Budget::can_afford(Clock::time_point now) {
  left_ = left_ ? std::min(kBudgetBurst, *left_ + (now - as_of_) / kBudgetShare) : kBudgetBurst;
  as_of_ = now;
  return *left_ > Clock::duration::zero();
}

void NetnsNames::Budget::spend(Clock::duration time) {
  left_ = left_.value_or(kBudgetBurst) - time;
}

}  // namespace tracepkt::kernel
