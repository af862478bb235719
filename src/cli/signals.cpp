#include "cli/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

namespace tracepkt::cli {

Result<Signals> Signals::block() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&set, number);
  }
  sigprocmask(SIG_BLOCK, &set, nullptr);
  Fd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd.valid()) {
    return errno_failure(errno, "cannot listen for signals");
  }
  return Signals(std::move(fd));
}

bool Signals::arrived() {
  signalfd_siginfo info = {};
  return ::read(fd_.get(), &info, sizeof(info)) == sizeof(info);
}

}  // namespace tracepkt::cli
