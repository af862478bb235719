// Which container a process is in and what people call it, from the files that the runtimes keep:
// no daemon is asked, and none needs to run.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/host_files.h"

namespace tracepkt::kernel {

struct Container {
  std::string id;  // as the runtime has it; empty: in no container that can be told
  // "web"; of a Kubernetes pod, whose containers share one namespace, "<namespace>/<pod>"; the
  // first 12 digits of the id where no file tells more.
  std::string name;
};

class ContainerNames {
 public:
  // What it has learned it keeps: use one object for one pass over the system.
  explicit ContainerNames(std::string root = {}) : files_(std::move(root)) {}

  Container of_process(pid_t pid);

 private:
  // Directories of this container's runtime, as far as its process and its bundle tell.
  struct Places {
    std::vector<std::string> docker;   // data-root
    std::vector<std::string> storage;  // containers/storage: Podman, CRI-O
  };

  const std::vector<std::string>& task_directories();
  std::vector<Mount> mounts_of(pid_t pid);
  std::optional<Container> started_by_ctr(std::string_view cgroup);
  std::string name_of(const std::string& id, const std::vector<Mount>& mounts);
  Places places(const nlohmann::json& bundle, const std::vector<Mount>& mounts);
  std::string docker_name(const std::string& id, std::vector<std::string> data_roots);
  std::string storage_name(const std::string& id, std::vector<std::string> roots);

  HostFiles files_;
  std::optional<std::vector<std::string>> task_directories_;
  std::unordered_map<std::string, std::string> names_;  // by id
};

}  // namespace tracepkt::kernel
