#include "kernel/run_tool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iterator>

#include "base/fd.h"
#include "base/text.h"

namespace tracepkt::kernel {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
constexpr std::size_t kMaxBytes = 64 << 20;
// Where administrators' tools are, also for those whose PATH has no such folders.
constexpr std::string_view kAdminFolders = "/usr/sbin:/sbin:/usr/local/sbin";

// Its output is `out`, its signals are not blocked.
Result<pid_t> spawn(const std::string& file, std::vector<std::string> arguments, int out) {
  posix_spawn_file_actions_t files = {};
  posix_spawnattr_t attributes = {};
  sigset_t none = {};
  sigemptyset(&none);
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &none);
  std::string name = file;
  std::vector<char*> words = {name.data()};
  std::ranges::transform(arguments, std::back_inserter(words),
                         [](std::string& s) { return s.data(); });
  words.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, file.c_str(), &files, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    return errno_failure(error, "cannot run " + printable(file));
  }
  return pid;
}

// False: too much, or not in time.
bool read_all(int fd, std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::array<char, 16384> some = {};
  while (text.size() <= kMaxBytes) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd waiting = {.fd = fd, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 ||
        (poll(&waiting, 1, static_cast<int>(left.count())) < 0 && errno != EINTR)) {
      return false;
    }
    if (waiting.revents == 0) {
      continue;
    }
    const ssize_t size = read(fd, some.data(), some.size());
    if (size <= 0) {
      return size == 0;
    }
    text.append(some.data(), static_cast<std::size_t>(size));
  }
  return false;
}

}  // namespace

std::string find_tool(std::string_view name) {
  const char* path = getenv("PATH");
  const std::string folders = fmt::format("{}:{}", path != nullptr ? path : "", kAdminFolders);
  for (std::string_view rest = folders; !rest.empty();) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    std::string file = fmt::format("{}/{}", folder, name);
    if (folder.starts_with('/') && access(file.c_str(), X_OK) == 0) {
      return file;
    }
  }
  return "";
}

Result<std::string> run_tool(const std::string& file, const std::vector<std::string>& arguments) {
  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_failure(errno, "cannot make a pipe");
  }
  const Fd from(ends[0]);
  Fd to(ends[1]);
  const auto pid = spawn(file, arguments, to.get());
  to = Fd();
  if (!pid) {
    return std::unexpected(pid.error());
  }
  std::string text;
  const bool whole = read_all(from.get(), text);
  if (!whole) {
    kill(*pid, SIGKILL);
  }
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!whole || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return failure(printable(file) + " fails");
  }
  return text;
}

}  // namespace tracepkt::kernel
