#include "kernel/netns_open.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/text.h"
#include "kernel/rights.h"

namespace tracepkt::kernel {
namespace {

// Null where `fd` is a network namespace, else what it is.
const char* not_netns(int fd) {
  switch (::ioctl(fd, NS_GET_NSTYPE)) {
    case CLONE_NEWNET:
      return nullptr;
    case -1:
      return "not a namespace";
    default:
      return "a namespace, but not one of the network";
  }
}

Status enter(int fd, const char* what) {
  if (::setns(fd, CLONE_NEWNET) == 0) {
    return {};
  }
  const int err = errno;
  return errno_failure(err, what,
                       err == EPERM ? "this takes CAP_SYS_ADMIN, also in the user namespace that "
                                      "owns the network namespace: run as root"
                                    : "");
}

}  // namespace

Result<Fd> open_netns(std::string_view spec) {
  const auto path = find_netns(spec);
  if (!path) {
    return std::unexpected(path.error());
  }
  Fd fd(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) {
    const int err = errno;
    return errno_failure(
        err, fmt::format("cannot open the network namespace {}", printable(*path)),
        err != EACCES && err != EPERM ? ""
        : read_rights().has(CAP_SYS_PTRACE)
            ? "root is not enough: a security module, or the sandbox that tracepkt runs in, "
              "protects that process"
            : "run as root, or with CAP_SYS_PTRACE");
  }
  if (const char* what = not_netns(fd.get())) {
    const bool stale = path->starts_with(fmt::format("{}/", kNamedNetnsDir));
    return failure(
        fmt::format("{} is {}", printable(*path), what),
        stale ? "left behind by something that ended badly? `ip netns delete` removes it" : "");
  }
  return fd;
}

Result<std::uint32_t> netns_inode(int fd) {
  if (const char* what = not_netns(fd)) {
    return failure(fmt::format("descriptor {} is {}", fd, what));
  }
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    return errno_failure(errno, "cannot read the inode of a network namespace");
  }
  return static_cast<std::uint32_t>(status.st_ino);
}

Status run_in_netns(int netns_fd, const std::function<Status()>& run) {
  const Fd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own.valid()) {
    return errno_failure(errno, "cannot open this thread's own network namespace");
  }
  const auto here = netns_inode(own.get());
  const auto there = netns_inode(netns_fd);
  if (!there) {
    return std::unexpected(there.error());
  }
  if (here && *here == *there) {
    return run();  // takes no rights
  }
  if (auto status = enter(netns_fd, "cannot enter the network namespace"); !status) {
    return status;
  }
  Status result = run();
  if (auto status = enter(own.get(), "cannot go back to this thread's own network namespace");
      !status) {
    return status;
  }
  return result;
}

Status run_in_netns_file(const std::string& file, const std::function<Status()>& run) {
  if (file.empty()) {
    return run();
  }
  const Fd netns(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  return netns.valid() ? run_in_netns(netns.get(), run)
                       : errno_failure(errno, "cannot open " + printable(file));
}

}  // namespace tracepkt::kernel
