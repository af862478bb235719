#include "kernel/container_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernel/container_files.h"
#include "kernel/container_id.h"

namespace tracepkt::kernel {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kShortIdDigits = 12;

// Where containerd keeps a directory (the OCI bundle) per running container:
// <this>/<namespace>/<id>.
constexpr std::array kTaskRoots = {
    "/run/containerd/io.containerd.runtime.v2.task",
    "/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
    "/run/k3s/containerd/io.containerd.runtime.v2.task",
    "/run/k0s/containerd/io.containerd.runtime.v2.task",
    "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task",
};

// What precedes `marker` in `path`; empty where it is not there.
std::string before(std::string_view path, std::string_view marker) {
  const std::size_t at = path.rfind(marker);
  return std::string(path.substr(0, at == std::string_view::npos ? 0 : at));
}

// What precedes `marker` and a container's id in `path`: of this one, or of the one whose network,
// and so whose /etc/hostname, it shares.
std::string before_id(std::string_view path, std::string_view marker) {
  const std::string start = before(path, marker);
  const std::string_view rest = path.substr(std::min(start.size() + marker.size(), path.size()));
  return is_container_id(rest.substr(0, rest.find('/'))) ? start : std::string();
}

// "<storage>/overlay/<layer>/diff" of an overlay mount; otherwise empty.
std::string upper_directory(const Mount& mount) {
  constexpr std::string_view kOption = "upperdir=";
  for (const std::string_view option : split(mount.options, ',')) {
    if (option.starts_with(kOption)) {
      return std::string(option.substr(kOption.size()));
    }
  }
  return {};
}

void add(std::vector<std::string>& places, std::string place) {
  if (!place.empty() && std::ranges::find(places, place) == places.end()) {
    places.push_back(std::move(place));
  }
}

}  // namespace

Container ContainerNames::of_process(pid_t pid) {
  const std::string cgroup = files_.proc(pid, "cgroup");
  std::string id = container_id_of_cgroup(cgroup);
  if (id.empty()) {
    if (const auto container = started_by_ctr(cgroup)) {
      return *container;
    }
  }
  if (const auto known = names_.find(id); known != names_.end()) {
    return {id, known->second};
  }
  const std::vector<Mount> mounts = mounts_of(pid);
  if (id.empty()) {
    id = container_id_of_mounts(mounts);  // a cgroup namespace hides the path
  }
  if (id.empty()) {
    return {};
  }
  auto [known, added] = names_.try_emplace(id);
  if (added) {
    known->second = name_of(id, mounts);
  }
  return {id, known->second};
}

const std::vector<std::string>& ContainerNames::task_directories() {
  if (!task_directories_) {
    task_directories_.emplace();
    for (const char* root : kTaskRoots) {
      for (const std::string& containerd_namespace : files_.list(root)) {
        task_directories_->push_back(fmt::format("{}/{}", root, containerd_namespace));
      }
    }
  }
  return *task_directories_;
}

// None for a process that has our own mounts: those say nothing of a container.
std::vector<Mount> ContainerNames::mounts_of(pid_t pid) {
  const std::string own = read_link(files_.root() + "/proc/self/ns/mnt");
  if (!own.empty() && own == read_link(fmt::format("{}/proc/{}/ns/mnt", files_.root(), pid))) {
    return {};
  }
  return parse_mountinfo(files_.proc(pid, "mountinfo"));
}

// `ctr run` takes any word for an id and makes the cgroup /<namespace>/<id>.
std::optional<Container> ContainerNames::started_by_ctr(std::string_view cgroup) {
  for (const auto& path : cgroup_paths(cgroup)) {
    for (std::size_t i = path.size(); i >= 2; --i) {
      const std::string_view id = path[i - 1];
      for (const std::string& directory : task_directories()) {
        if (id == ".." || !directory.ends_with(fmt::format("/{}", path[i - 2]))) {
          continue;
        }
        const Json bundle = files_.read_json(fmt::format("{}/{}/config.json", directory, id));
        if (bundle.is_object()) {
          const std::string name = annotated_name(bundle);
          return Container{std::string(id), name.empty() ? std::string(id) : name};
        }
      }
    }
  }
  return std::nullopt;
}

std::string ContainerNames::name_of(const std::string& id, const std::vector<Mount>& mounts) {
  Json bundle;
  for (const std::string& directory : task_directories()) {
    if (!bundle.is_object()) {
      bundle = files_.read_json(fmt::format("{}/{}/config.json", directory, id));
    }
  }
  std::string name = annotated_name(bundle);
  const Places known = places(bundle, mounts);
  if (name.empty()) {
    name = docker_name(id, known.docker);
  }
  if (name.empty()) {
    name = storage_name(id, known.storage);
  }
  return name.empty() ? id.substr(0, kShortIdDigits) : name;
}

ContainerNames::Places ContainerNames::places(const Json& bundle,
                                              const std::vector<Mount>& mounts) {
  Places places;
  std::vector<std::string> files;
  for (const Json& mount : member(bundle, "mounts")) {
    files.push_back(string_at(mount, "source"));
  }
  for (const Mount& mount : mounts) {
    if (is_runtime_file(mount)) {
      files.push_back(files_.host_path(mount));
    } else if (mount.point == "/") {
      add(places.storage, before(before(upper_directory(mount), "/diff"), "/overlay/"));
      add(places.storage, before(files_.host_path(mount), "/vfs/dir/"));
    }
  }
  for (const std::string& file : files) {
    add(places.docker, before_id(file, "/containers/"));
    add(places.storage, before(before_id(file, "-containers/"), "/"));
  }
  return places;
}

std::string ContainerNames::docker_name(const std::string& id, std::vector<std::string> roots) {
  add(roots, string_at(files_.read_json("/etc/docker/daemon.json"), "data-root"));
  add(roots, "/var/lib/docker");
  for (const std::string& root : roots) {
    const Json config = files_.read_json(fmt::format("{}/containers/{}/config.v2.json", root, id));
    if (std::string name = readable_name(string_at(config, "Name")); !name.empty()) {
      return name;
    }
  }
  return {};
}

std::string ContainerNames::storage_name(const std::string& id, std::vector<std::string> roots) {
  add(roots, graphroot(files_.read("/etc/containers/storage.conf")));
  add(roots, "/var/lib/containers/storage");
  add(roots, "/run/containers/storage");
  add(roots, "/root/.local/share/containers/storage");
  for (const std::string& user : files_.list("/home")) {
    add(roots, fmt::format("/home/{}/.local/share/containers/storage", user));
  }
  for (const std::string& root : roots) {
    for (const std::string& directory : files_.list(root)) {
      if (!directory.ends_with("-containers")) {  // "overlay-containers", "vfs-containers", ...
        continue;
      }
      // The second file has those that end with the machine: `podman run --rm`.
      for (const char* file : {"containers.json", "volatile-containers.json"}) {
        std::string name = storage_container_name(
            files_.read_json(fmt::format("{}/{}/{}", root, directory, file)), id);
        if (!name.empty()) {
          return name;
        }
      }
    }
  }
  return {};
}

}  // namespace tracepkt::kernel
