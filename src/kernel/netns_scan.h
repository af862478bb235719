// What user space can tell about network namespaces, by their inodes: who named one, who runs in
// one, where one is mounted. Each function is one pass over the system.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tracepkt::kernel {

// The inode of the network namespace that the file at this path is, or 0 if it is none.
using NetnsInodeOf = std::function<std::uint32_t(const std::string& path)>;
std::uint32_t netns_inode_of_file(const std::string& path);

// Inode -> path, below `root`.
using NetnsPaths = std::unordered_map<std::uint32_t, std::string>;

// Where `ip netns` keeps its names, and the names in it, sorted.
inline constexpr std::string_view kNamedNetnsDir = "/run/netns";
std::vector<std::string> list_named_netns(const std::string& root);

// A name made by a program for itself, as Kubernetes' and Podman's network plugins do
// ("cni-<uuid>", "netns-<uuid>"): it says less than the container's.
bool is_machine_made(std::string_view name);

// Files in /run/netns that are network namespaces; of several for one, the first by name.
// Machine-made names are left out.
NetnsPaths scan_named_netns(const std::string& root, const NetnsInodeOf& inode_of);

// Where namespaces are mounted according to our own mountinfo, the first by path.
NetnsPaths scan_netns_mounts(const std::string& root);

// Inode -> the processes in it, lowest pid first.
using NetnsProcesses = std::unordered_map<std::uint32_t, std::vector<pid_t>>;
NetnsProcesses scan_netns_processes(const std::string& root);

// A file for every namespace that any of these knows, by inode.
NetnsPaths scan_all_netns(const std::string& root);

// Every pid in /proc, ascending.
std::vector<pid_t> list_processes(const std::string& root);

// The namespace of process `pid`, or 0: no such process, no right to look, or a zombie.
std::uint32_t netns_of_process(const std::string& root, pid_t pid);

// Which of `pids`, all in one namespace, has been there longest: the first to start, the lowest pid
// of those. Kernel threads do not count.
std::optional<pid_t> oldest_process(const std::string& root, const std::vector<pid_t>& pids);

// The inode of the initial network namespace. Where it cannot be told, an inode that no other
// namespace has.
std::uint32_t initial_netns(const std::string& root);

}  // namespace tracepkt::kernel
