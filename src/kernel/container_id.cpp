#include "kernel/container_id.h"

#include <algorithm>
#include <ranges>

namespace tracepkt::kernel {
namespace {

constexpr std::size_t kIdDigits = 64;

// "docker-<id>.scope", "crio-<id>", "kubepods-x.slice:cri-containerd:<id>" or the id alone. A
// conmon, which looks after a container, is outside of it.
std::string_view id_of_part(std::string_view part) {
  if (part.ends_with(".scope")) {
    part.remove_suffix(std::string_view(".scope").size());
  }
  if (part.size() < kIdDigits || part.find("conmon-") != std::string_view::npos) {
    return {};
  }
  const std::string_view id = part.substr(part.size() - kIdDigits);
  const bool whole = part.size() == kIdDigits;
  const bool prefixed = !whole && (part[part.size() - kIdDigits - 1] == '-' ||
                                   part[part.size() - kIdDigits - 1] == ':');
  return is_container_id(id) && (whole || prefixed) ? id : std::string_view();
}

}  // namespace

bool is_container_id(std::string_view text) {
  return text.size() == kIdDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The parts of each line's path: "0::/system.slice/docker-<id>.scope".
std::vector<std::vector<std::string_view>> cgroup_paths(std::string_view cgroup) {
  std::vector<std::vector<std::string_view>> paths;
  for (const std::string_view line : split(cgroup, '\n')) {
    const std::size_t hierarchy = line.find(':');
    const std::size_t path =
        hierarchy < line.size() ? line.find(":/", hierarchy + 1) : std::string_view::npos;
    if (path < line.size()) {
      paths.push_back(split(line.substr(path + 2), '/'));
    }
  }
  return paths;
}

std::string container_id_of_cgroup(std::string_view cgroup) {
  for (const auto& path : cgroup_paths(cgroup)) {
    for (const std::string_view part : std::views::reverse(path)) {
      if (const std::string_view id = id_of_part(part); !id.empty()) {
        return std::string(id);
      }
    }
  }
  return {};
}

bool is_runtime_file(const Mount& mount) {
  return mount.point == "/etc/hostname" || mount.point == "/etc/resolv.conf" ||
         mount.point == "/etc/hosts";
}

std::string container_id_of_mounts(const std::vector<Mount>& mounts) {
  for (const Mount& mount : mounts) {
    if (is_runtime_file(mount)) {
      const auto parts = split(mount.root, '/');
      const auto id = std::find_if(parts.rbegin(), parts.rend(), is_container_id);
      if (id != parts.rend()) {
        return std::string(*id);
      }
    }
  }
  return {};
}

}  // namespace tracepkt::kernel
