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
  // From now on kEndingSignals come through fd(), and a reader that goes away is an
  // error of write(), not a signal. The process ends with this setting.
  static Result<Signals> block();

  int fd() const { return fd_.get(); }
  // Takes what has come. True if anything ever did: the session is to end.
  bool arrived();
  // What has come, one signal at a time.
  std::optional<Signal> next();
  // Not just one Ctrl-C, after which a pager may still be reading, came so far: whoever sent it
  // waits for the end of this process.
  bool is_urgent() const { return is_urgent_; }

  // In a child between fork() and exec(): signals are as they were before block().
  void restore() const;

 private:
  explicit Signals(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  bool has_come_ = false;
  bool is_urgent_ = false;
  sigset_t mask_before_ = {};
  void (*pipe_before_)(int) = SIG_DFL;
};

}  // namespace tracepkt::cli
