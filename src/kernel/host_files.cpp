#include "kernel/host_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>

#include "base/fd.h"
#include "base/text.h"

namespace tracepkt::kernel {
namespace {

constexpr std::size_t kMaxFileBytes = 16u << 20;
constexpr std::size_t kMaxEntries = 10000;
constexpr int kMaxJsonDepth = 32;
constexpr int kMaxLinks = 40;  // as the kernel's own limit

// File systems that answer whatever the network does.
bool is_local_type(std::string_view type) {
  static constexpr std::array<std::string_view, 16> kLocal = {
      "ext2",  "ext3",    "ext4",   "xfs",   "btrfs",    "zfs",   "f2fs",     "bcachefs",
      "tmpfs", "overlay", "rootfs", "ramfs", "squashfs", "erofs", "reiserfs", "jfs"};
  return std::ranges::find(kLocal, type) != kLocal.end();
}

std::string_view next_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

// mountinfo writes space, tab, newline and backslash as \040 and so on.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The rest of `path` below directory `base`, which begins with a slash or is empty.
std::optional<std::string_view> below(std::string_view path, std::string_view base) {
  if (base == "/") {
    return path;
  }
  if (path.starts_with(base) && (path.size() == base.size() || path[base.size()] == '/')) {
    return path.substr(base.size());
  }
  return std::nullopt;
}

}  // namespace

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  for (std::string_view line : split(text, '\n')) {
    next_word(line);  // mount id
    next_word(line);  // parent's
    Mount mount;
    mount.device = next_word(line);
    mount.root = unescape(next_word(line));
    mount.point = unescape(next_word(line));
    // Mount options, then any number of tags up to a lone dash.
    while (!line.empty() && next_word(line) != "-") {
    }
    mount.type = next_word(line);
    next_word(line);  // source
    mount.options = unescape(line);
    if (!mount.type.empty()) {
      mounts.push_back(std::move(mount));
    }
  }
  return mounts;
}

std::string HostFiles::proc(pid_t pid, std::string_view name) const {
  return read_small_file(fmt::format("{}/proc/{}/{}", root_, pid, name));
}

std::string HostFiles::read(const std::string& path) {
  const auto found = local(path);
  if (!found) {
    return {};
  }
  const Fd fd(::open(found->c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC));
  struct stat status{};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return {};
  }
  std::string content;
  for (;;) {
    std::array<char, 65536> buffer;
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n == 0) {
      return content;
    }
    if (n < 0 || content.size() + static_cast<std::size_t>(n) > kMaxFileBytes) {
      return {};
    }
    content.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

nlohmann::json HostFiles::read_json(const std::string& path) {
  using Json = nlohmann::json;
  const std::string text = read(path);
  // What is nested deeper than any file we want is dropped, not built.
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth < kMaxJsonDepth; };
  Json json = Json::parse(text, shallow, false);
  return json.is_discarded() ? Json() : json;
}

std::vector<std::string> HostFiles::list(const std::string& path) {
  std::vector<std::string> names;
  const auto found = local(path);
  if (!found) {
    return names;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(found->c_str()), ::closedir);
  while (directory && names.size() < kMaxEntries) {
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) {
      break;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  std::ranges::sort(names);
  return names;
}

std::string HostFiles::host_path(const Mount& container_mount) {
  for (const Mount& mount : mounts()) {
    const auto rest = below(container_mount.root, mount.root);
    if (rest && mount.device == container_mount.device) {
      return (mount.point == "/" ? "" : mount.point) + std::string(*rest);
    }
  }
  return {};
}

std::optional<std::string> HostFiles::local(std::string_view path) {
  mounts();
  std::string todo(path);
  std::string done;
  for (int links = 0; !todo.empty();) {
    const std::size_t start = std::min(todo.find_first_not_of('/'), todo.size());
    const std::size_t end = std::min(todo.find('/', start), todo.size());
    const std::string part = todo.substr(start, end - start);
    todo.erase(0, end);
    if (part.empty() || part == ".") {
      continue;
    }
    if (part == "..") {
      done.resize(std::min(done.rfind('/'), done.size()));
      continue;
    }
    const std::string next = fmt::format("{}/{}", done, part);
    if (remote_.contains(next)) {
      return std::nullopt;
    }
    const std::string target = read_link(root_ + next);
    if (target.empty()) {
      done = next;
    } else if (++links > kMaxLinks) {
      return std::nullopt;
    } else {
      todo.insert(0, target);
      if (target[0] == '/') {
        done.clear();
      }
    }
  }
  return root_ + (done.empty() ? "/" : done);
}

const std::vector<Mount>& HostFiles::mounts() {
  if (!mounts_) {
    mounts_ = parse_mountinfo(read_small_file(root_ + "/proc/self/mountinfo"));
    for (const Mount& mount : *mounts_) {
      if (is_local_type(mount.type)) {
        remote_.erase(mount.point);  // mounted over what was there
      } else {
        remote_.insert(mount.point);
      }
    }
  }
  return *mounts_;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> buffer;
  const ssize_t n = ::readlink(path.c_str(), buffer.data(), buffer.size());
  return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
}

}  // namespace tracepkt::kernel
