#include "kernel/netns_find.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/text.h"
#include "kernel/container_names.h"

namespace tracepkt::kernel {
namespace {

constexpr std::size_t kMaxListed = 8;
constexpr std::size_t kShortestId = 12;
constexpr std::string_view kWhatElse = "a pid, a path, an inode or `host` will do as well";

std::optional<std::uint32_t> parse_inode(std::string_view digits) {
  std::uint32_t inode = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), inode);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  return whole && inode != 0 ? std::optional(inode) : std::nullopt;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string netns_file(const std::string& root, pid_t pid) {
  return fmt::format("{}/proc/{}/ns/net", root, pid);
}

// "web, db and 5 more", or `none`.
template <typename Names>
std::string listed(const Names& names, std::string_view none) {
  std::string text;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (++count <= kMaxListed) {
      text += (count > 1 ? ", " : "") + printable(name);
    }
  }
  if (count > kMaxListed) {
    text += fmt::format(" and {} more", count - kMaxListed);
  }
  return text.empty() ? std::string(none) : text;
}

std::optional<std::string> find_inode(std::uint32_t inode, const std::string& root,
                                      const NetnsInodeOf& inode_of) {
  const NetnsPaths named = scan_named_netns(root, inode_of);
  if (const auto it = named.find(inode); it != named.end()) {
    return it->second;
  }
  const NetnsProcesses processes = scan_netns_processes(root);
  if (const auto it = processes.find(inode); it != processes.end()) {
    return netns_file(root, it->second.front());
  }
  const NetnsPaths mounts = scan_netns_mounts(root);
  if (const auto it = mounts.find(inode); it != mounts.end()) {
    return it->second;
  }
  return std::nullopt;
}

Result<std::string> find_host(const std::string& root, const NetnsInodeOf& inode_of) {
  if (auto path = find_inode(initial_netns(root), root, inode_of)) {
    return *path;
  }
  return failure("cannot tell which network namespace is the initial one",
                 "run as root, and from a container with the host's pids (docker run --pid=host)");
}

struct Containers {
  std::set<std::string> names;                       // of all that run
  std::map<std::string, std::vector<pid_t>> wanted;  // id -> its processes
};

Containers find_containers(std::string_view spec, const std::string& root) {
  Containers found;
  ContainerNames containers(root);
  for (const pid_t pid : list_processes(root)) {
    const Container container = containers.of_process(pid);
    if (container.id.empty()) {
      continue;
    }
    found.names.insert(container.name);
    const bool by_id = spec.size() >= kShortestId && container.id.starts_with(spec);
    if (container.name == spec || container.id == spec || by_id) {
      found.wanted[container.id].push_back(pid);
    }
  }
  return found;
}

Result<std::string> find_word(std::string_view spec, const std::string& root) {
  const std::vector<std::string> named = list_named_netns(root);
  if (std::ranges::find(named, spec) != named.end()) {
    return fmt::format("{}{}/{}", root, kNamedNetnsDir, spec);
  }

  // Containers of one pod share their name and their namespace.
  const Containers containers = find_containers(spec, root);
  std::map<std::uint32_t, pid_t> matches;
  std::vector<std::string> ids;
  for (const auto& [id, pids] : containers.wanted) {
    const pid_t pid = oldest_process(root, pids).value_or(pids.front());
    const auto [match, added] = matches.try_emplace(netns_of_process(root, pid), pid);
    match->second = std::min(match->second, pid);
    if (added) {
      ids.push_back(fmt::format("{} (pid {})", id.substr(0, kShortestId), pid));
    }
  }
  if (matches.size() == 1) {
    return netns_file(root, matches.begin()->second);
  }
  if (matches.size() > 1) {
    return failure(
        fmt::format("'{}' is the name of several containers: {}", printable(spec), listed(ids, "")),
        "give the id or the pid of one");
  }
  if (spec.find('/') != std::string_view::npos && exists(root + std::string(spec))) {
    return root + std::string(spec);
  }
  return failure(fmt::format("no network namespace '{}': `ip netns` has no such name, and no "
                             "running container is called so",
                             printable(spec)),
                 fmt::format("`ip netns` knows {}; containers: {}; {}", listed(named, "none"),
                             listed(containers.names, "none"), kWhatElse));
}

}  // namespace

Result<std::string> find_netns(std::string_view spec, const std::string& root,
                               const NetnsInodeOf& inode_of) {
  if (spec.empty()) {
    return failure("no network namespace given",
                   fmt::format("a name from `ip netns`, a container's name, {}", kWhatElse));
  }
  if (spec == "host") {
    return find_host(root, inode_of);
  }
  if (spec[0] == '/' || spec.starts_with("./") || spec.starts_with("../")) {
    return root + std::string(spec);
  }

  const bool bracketed = spec.starts_with("net:[") && spec.ends_with("]");
  const std::string_view digits = bracketed ? spec.substr(5, spec.size() - 6) : spec;
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return find_word(spec, root);
  }
  if (!bracketed && exists(fmt::format("{}/proc/{}", root, digits))) {
    return fmt::format("{}/proc/{}/ns/net", root, digits);
  }
  if (const auto inode = parse_inode(digits)) {
    if (auto path = find_inode(*inode, root, inode_of)) {
      return *path;
    }
  }
  if (auto path = find_word(spec, root)) {
    return path;
  }
  return failure(fmt::format("no process {0}, and no network namespace with inode {0}", digits),
                 "`lsns -t net` lists the namespaces that have processes, `ip netns` those with a "
                 "name");
}

}  // namespace tracepkt::kernel
