#include "kernel/netns_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <span>

#include "base/text.h"
#include "kernel/host_files.h"

namespace tracepkt::kernel {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

// include/linux/proc_ns.h: PROC_PID_INIT_INO, the same since 3.8.
constexpr std::string_view kInitialPidNamespace = "pid:[4026531836]";
// include/uapi/linux/nsfs.h: NET_NS_INIT_INO, since 6.18. Before, it was a number like any other,
// from 0xf0000000 up: none ever had this one.
constexpr std::uint32_t kInitialNetns = 0xeffffff9;
// include/linux/sched.h: PF_KTHREAD.
constexpr unsigned long kKernelThread = 0x00200000;
// The older a process the lower its pid, nearly always: this many are enough to find the oldest.
constexpr std::size_t kMaxCandidates = 256;

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// "net:[4026531992]" -> 4026531992, and 0 for anything else.
std::uint32_t parse_netns(std::string_view text) {
  if (!text.starts_with("net:[") || !text.ends_with("]")) {
    return 0;
  }
  return parse_number<std::uint32_t>(text.substr(5, text.size() - 6)).value_or(0);
}

struct Start {
  bool kernel_thread;
  unsigned long long ticks;
};

// From /proc/PID/stat. The command's name, in parentheses, may hold anything: read on behind the
// last one.
std::optional<Start> start_of(const std::string& root, pid_t pid) {
  const std::string text = read_small_file(fmt::format("{}/proc/{}/stat", root, pid));
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos || close + 2 > text.size()) {
    return std::nullopt;
  }
  std::string_view rest = std::string_view(text).substr(close + 2);
  std::array<std::string_view, 20> fields;  // from field 3, the state, to 22, the start
  for (std::string_view& field : fields) {
    const std::size_t end = std::min(rest.find_first_of(" \n"), rest.size());
    field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto flags = parse_number<unsigned long>(fields[6]);
  const auto ticks = parse_number<unsigned long long>(fields[19]);
  if (!flags || !ticks) {
    return std::nullopt;
  }
  return Start{(*flags & kKernelThread) != 0, *ticks};
}

void keep_first(NetnsPaths& paths, std::uint32_t inode, const std::string& path) {
  const auto [it, added] = paths.emplace(inode, path);
  if (!added && path < it->second) {
    it->second = path;
  }
}

}  // namespace

std::uint32_t netns_inode_of_file(const std::string& path) {
  // Any file of nsfs has this device, and no other file does.
  static const dev_t kNsfs = [] {
    struct stat own{};
    return ::stat("/proc/self/ns/net", &own) == 0 ? own.st_dev : dev_t{0};
  }();
  struct stat status{};
  if (::fstatat(AT_FDCWD, path.c_str(), &status, AT_NO_AUTOMOUNT) != 0 || status.st_dev != kNsfs) {
    return 0;
  }
  return static_cast<std::uint32_t>(status.st_ino);
}

std::vector<std::string> list_named_netns(const std::string& root) {
  std::vector<std::string> names;
  const Directory directory(::opendir(fmt::format("{}{}", root, kNamedNetnsDir).c_str()),
                            ::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  std::ranges::sort(names);
  return names;
}

bool is_machine_made(std::string_view name) {
  for (const std::string_view prefix : {"cni-", "netns-"}) {
    if (name.starts_with(prefix)) {
      const std::string_view uuid = name.substr(prefix.size());
      return uuid.size() == 36 && std::ranges::count(uuid, '-') == 4 &&
             uuid.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
    }
  }
  return false;
}

NetnsPaths scan_named_netns(const std::string& root, const NetnsInodeOf& inode_of) {
  NetnsPaths paths;
  for (const std::string& name : list_named_netns(root)) {
    if (is_machine_made(name)) {
      continue;
    }
    const std::string path = fmt::format("{}{}/{}", root, kNamedNetnsDir, name);
    if (const std::uint32_t inode = inode_of(path)) {
      keep_first(paths, inode, path);
    }
  }
  return paths;
}

NetnsPaths scan_netns_mounts(const std::string& root) {
  NetnsPaths paths;
  for (const Mount& mount : parse_mountinfo(read_small_file(root + "/proc/self/mountinfo"))) {
    if (mount.type == "nsfs") {
      if (const std::uint32_t inode = parse_netns(mount.root)) {
        keep_first(paths, inode, root + mount.point);
      }
    }
  }
  return paths;
}

NetnsProcesses scan_netns_processes(const std::string& root) {
  NetnsProcesses processes;
  for (const pid_t pid : list_processes(root)) {
    if (const std::uint32_t inode = netns_of_process(root, pid)) {
      processes[inode].push_back(pid);
    }
  }
  return processes;
}

NetnsPaths scan_all_netns(const std::string& root) {
  NetnsPaths paths = scan_named_netns(root, netns_inode_of_file);
  paths.merge(scan_netns_mounts(root));
  for (const auto& [inode, pids] : scan_netns_processes(root)) {
    paths.try_emplace(inode, fmt::format("{}/proc/{}/ns/net", root, pids.front()));
  }
  return paths;
}

std::vector<pid_t> list_processes(const std::string& root) {
  std::vector<pid_t> pids;
  const Directory directory(::opendir((root + "/proc").c_str()), ::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    if (const auto pid = parse_number<pid_t>(entry->d_name); pid && *pid > 0) {
      pids.push_back(*pid);
    }
  }
  std::ranges::sort(pids);
  return pids;
}

std::uint32_t netns_of_process(const std::string& root, pid_t pid) {
  return parse_netns(read_link(fmt::format("{}/proc/{}/ns/net", root, pid)));
}

std::optional<pid_t> oldest_process(const std::string& root, const std::vector<pid_t>& pids) {
  std::optional<pid_t> oldest;
  unsigned long long earliest = 0;
  for (const pid_t pid : std::span(pids).first(std::min(pids.size(), kMaxCandidates))) {
    const auto start = start_of(root, pid);
    if (!start || start->kernel_thread) {
      continue;
    }
    if (!oldest || start->ticks < earliest) {
      oldest = pid;
      earliest = start->ticks;
    }
  }
  return oldest;
}

std::uint32_t initial_netns(const std::string& root) {
  // In another pid namespace these are a container's own.
  if (read_link(root + "/proc/self/ns/pid") == kInitialPidNamespace) {
    // init may be out of bounds even for root; kthreadd is where the kernel is.
    for (const pid_t pid : {1, 2}) {
      if (const std::uint32_t inode = netns_of_process(root, pid)) {
        return inode;
      }
    }
  }
  // Without any rights: this sysctl is in the initial namespace alone (net/core/sysctl_net_core.c).
  if (::access((root + "/proc/sys/net/core/netdev_max_backlog").c_str(), F_OK) == 0) {
    if (const auto inode = parse_netns(read_link(root + "/proc/self/ns/net"))) {
      return inode;
    }
  }
  return kInitialNetns;
}

}  // namespace tracepkt::kernel
