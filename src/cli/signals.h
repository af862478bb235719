// Ctrl-C and its kind as something to poll for: the session ends in order, with its summary.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace tracepkt::cli {

class Signals {
 public:
  // From now on SIGINT, SIGTERM and SIGHUP come through fd(), and a reader that goes away is an
  // error of write(), not a signal. The process ends with this setting.
  static Result<Signals> block();

  int fd() const { return fd_.get(); }
  // Takes what has come. True if the session is to end.
  bool arrived();

 private:
  explicit Signals(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace tracepkt::cli
