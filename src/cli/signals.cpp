#include "cli/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

#include "base/ending_signals.h"

namespace tracepkt::cli {

Result<Signals> Signals::block() {
  const auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
  sigset_t before;
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kEndingSignals) {
    sigaddset(&set, number);
  }
  sigprocmask(SIG_BLOCK, &set, &before);
  Fd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd.valid()) {
    return errno_failure(errno, "cannot listen for signals");
  }
  Signals signals(std::move(fd));
  signals.mask_before_ = before;
  signals.pipe_before_ = pipe_before;
  return signals;
}

bool Signals::arrived() {
  next();
  return has_come_;
}

std::optional<Signal> Signals::next() {
  signalfd_siginfo info = {};
  if (::read(fd_.get(), &info, sizeof(info)) != sizeof(info)) {
    return std::nullopt;
  }
  const Signal signal{.number = static_cast<int>(info.ssi_signo),
                      .from_terminal = info.ssi_code == SI_KERNEL};
  // A terminal that is hung up has nobody who could press it again.
  is_urgent_ = is_urgent_ || has_come_ || !signal.from_terminal || signal.number == SIGHUP;
  has_come_ = true;
  return signal;
}

void Signals::restore() const {
  std::signal(SIGPIPE, pipe_before_);
  sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

}  // namespace tracepkt::cli
