// The command behind `trace --`: found, started, and what it ended with.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "cli/signals.h"

namespace tracepkt::cli {

// Why there is no command, and the exit status that shells have for it.
struct NoCommand {
  Error error;
  int status = 0;
};

// Fails where `name` would not be found, or not be run. Looks where execvp() does.
std::expected<void, NoCommand> find_command(const std::string& name);

class Child {
 public:
  struct Start {
    std::vector<std::string> words;  // the command and its arguments
    int netns_fd = -1;               // the namespace that it runs in; -1: ours
    std::uint64_t token = 0;         // see kernel::mark_as_command()
  };
  // Returns when the command runs. Its signals are as ours were before `signals`.
  static std::expected<Child, NoCommand> start(const Start& start, const Signals& signals);

  pid_t pid() const { return pid_; }
  // Readable when it has ended.
  int fd() const { return fd_.get(); }
  bool has_ended() const;

  // Gives it a signal that came to us, unless it came to both.
  void pass_on(const Signal& signal) const;

  // Waits for its end. Its exit status, or 128 and the number of the signal that killed it.
  int wait();

 private:
  Child(pid_t pid, Fd fd) : pid_(pid), fd_(std::move(fd)) {}
  pid_t pid_;
  Fd fd_;
};

}  // namespace tracepkt::cli
