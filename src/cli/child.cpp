#include "cli/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ranges>
#include <string_view>

#include "base/text.h"
#include "cli/exit_status.h"
#include "kernel/tracer.h"

namespace tracepkt::cli {
namespace {

NoCommand no_command(int err, const std::string& name) {
  const bool missing = err == ENOENT || err == ENOTDIR;
  return {.error = errno_failure(err, "cannot run " + printable(name)).error(),
          .status = missing ? kNotFound : kCannotExecute};
}

// 0, or why this file cannot be run.
int why_not(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) {
    return errno;
  }
  return S_ISREG(status.st_mode) && access(path.c_str(), X_OK) == 0 ? 0 : EACCES;
}

// What the child does up to the command. Only system calls: it is a copy of us.
[[noreturn]] void become(const Child::Start& start, const Signals& signals,
                         const std::vector<char*>& words, int report_fd) {
  int err = 0;
  if (start.netns_fd >= 0 && setns(start.netns_fd, CLONE_NEWNET) != 0) {
    err = errno;
  } else {
    signals.restore();
    kernel::mark_as_command(start.token);
    execvp(words[0], words.data());
    err = errno;
  }
  [[maybe_unused]] const ssize_t written = write(report_fd, &err, sizeof(err));
  _exit(kNotFound);
}

}  // namespace

std::expected<void, NoCommand> find_command(const std::string& name) {
  if (name.contains('/')) {
    const int err = why_not(name);
    return err == 0 ? std::expected<void, NoCommand>{} : std::unexpected(no_command(err, name));
  }
  const char* path = std::getenv("PATH");
  int err = ENOENT;
  for (const auto part :
       std::views::split(std::string_view(path != nullptr ? path : "/bin:/usr/bin"), ':')) {
    const std::string folder(part.begin(), part.end());
    const int here = why_not((folder.empty() ? "." : folder) + "/" + name);
    if (here == 0) {
      return {};
    }
    err = here == EACCES ? EACCES : err;
  }
  return std::unexpected(no_command(err, name));
}

std::expected<Child, NoCommand> Child::start(const Start& start, const Signals& signals) {
  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::unexpected(no_command(errno, start.words[0]));
  }
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  std::vector<char*> words;
  for (const std::string& word : start.words) {
    words.push_back(const_cast<char*>(word.c_str()));  // execvp() changes nothing
  }
  words.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    become(start, signals, words, writing.get());
  }
  if (pid < 0) {
    return std::unexpected(no_command(errno, start.words[0]));
  }
  writing = Fd();
  Child child(pid, Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
  int err = 0;
  ssize_t count = 0;
  do {
    count = read(reading.get(), &err, sizeof(err));
  } while (count < 0 && errno == EINTR);
  // Nothing: exec() closed the other end.
  if (count == sizeof(err)) {
    child.wait();
    return std::unexpected(no_command(err, start.words[0]));
  }
  return child;
}

bool Child::has_ended() const {
  pollfd ended = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
  return poll(&ended, 1, 0) > 0;
}

void Child::pass_on(const Signal& signal) const {
  if (!signal.from_terminal) {
    kill(pid_, signal.number);
  }
}

int Child::wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? kKilled + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace tracepkt::cli
