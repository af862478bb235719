// Which container a process is in, as an id: told from the text of its /proc/PID/cgroup or
// mountinfo.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/host_files.h"

namespace tracepkt::kernel {

// The parts of the path in each line of a cgroup file: "0::/system.slice/docker-<id>.scope".
std::vector<std::vector<std::string_view>> cgroup_paths(std::string_view cgroup);

// Whether `text` is an id as runtimes make them: 64 hexadecimal digits.
bool is_container_id(std::string_view text);

// The id of the innermost container; empty where there is none.
std::string container_id_of_cgroup(std::string_view cgroup);

// Whether this mount is one of the files that runtimes keep, per container, in a directory whose
// path has the id: /etc/hostname and the like.
bool is_runtime_file(const Mount& mount);

// The id by the mounts of a process, for where a cgroup namespace hides the path.
std::string container_id_of_mounts(const std::vector<Mount>& mounts);

}  // namespace tracepkt::kernel
