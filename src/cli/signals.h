// Ctrl-C and its kind as something to poll for: the session ends in order, with its summary.
#pragma once

#include <csignal>
#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace tracepkt::cli {

struct Signal {
  int number = 0;
  bool from_terminal = false;  // and so sent to all that run in its foreground
};

class Signals {
 public:
  // From now on SIGINT, SIGTERM and SIGHUP come through fd(), and a reader that goes away is an
  // error of write(), not a signal. The process ends with this setting.
  static Result<Signals> block();

  int fd() const { return fd_.get(); }
  // Takes what has come. True if the session is to end.
  bool arrived();
  // The same, one signal at a time.
  std::optional<Signal> next();

  // In a child between fork() and exec(): signals are as they were before block().
  void restore() const;

 private:
  explicit Signals(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  sigset_t mask_before_ = {};
  void (*pipe_before_)(int) = SIG_DFL;
};

}  // namespace tracepkt::cli
