// Files of this host that runtimes, users and containers write, read in such a way that a huge
// file, a FIFO or a dead network mount does no harm. All paths are absolute and meant below `root`.
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace tracepkt::kernel {

// One line of a mountinfo file.
struct Mount {
  std::string device;  // of the file system: "8:1"
  std::string root;    // what of the file system is mounted; "net:[4026532000]" for a namespace
  std::string point;
  std::string type;
  std::string options;  // of the file system, not of the mount
};

// The lines of /proc/PID/mountinfo; one that is none is skipped.
std::vector<Mount> parse_mountinfo(std::string_view text);

class HostFiles {
 public:
  explicit HostFiles(std::string root = {}) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }

  // `name` in /proc/PID, as read_small_file() reads it.
  std::string proc(pid_t pid, std::string_view name) const;

  // A regular file on a local file system, of 16 MiB at most; otherwise empty.
  std::string read(const std::string& path);

  // The same as JSON; null where there is no such file or it does not parse.
  nlohmann::json read_json(const std::string& path);

  // The names in a directory on a local file system, sorted, 10000 at most.
  std::vector<std::string> list(const std::string& path);

  // Where the host sees what a container's mount shows, or empty where it does not.
  std::string host_path(const Mount& container_mount);

 private:
  // `path` below root with its symbolic links followed, or nothing if a network mount is on the
  // way.
  std::optional<std::string> local(std::string_view path);
  const std::vector<Mount>& mounts();

  std::string root_;
  std::optional<std::vector<Mount>> mounts_;
  std::unordered_set<std::string> remote_;  // mount points that may hang
};

// `text` cut at each separator; what follows a last one, if empty, is no part.
std::vector<std::string_view> split(std::string_view text, char separator);

// What a symbolic link says, or empty.
std::string read_link(const std::string& path);

}  // namespace tracepkt::kernel
