#include "cli/hand_over.h"

#include <fmt/format.h>
#include <poll.h>

#include <cstddef>

#include "cli/standard_files.h"

namespace tracepkt::cli {
namespace {

constexpr int kPatienceMs = 3000;

}  // namespace

Status hand_over(sinks::Output& out, Signals& signals) {
  while (true) {
    out.offer();
    const std::size_t waiting = out.waiting_bytes();
    if (waiting == 0) {
      return check_written(out);
    }
    const std::size_t unread = out.unread_bytes();
    pollfd fds[] = {{.fd = out.fd(), .events = POLLOUT, .revents = 0},
                    {.fd = signals.fd(), .events = POLLIN, .revents = 0}};
    const int ready = poll(fds, 2, signals.is_urgent() ? kPatienceMs : -1);
    if (ready > 0 && fds[1].revents != 0) {
      signals.next();
    }
    // A pipe that was full takes more only when a whole page of it was read.
    if (ready == 0 && out.unread_bytes() >= unread) {
      out.abandon();
      return failure(
          fmt::format("interrupted while nobody reads the output: its last {} bytes, and what was "
                      "to follow, are not written",
                      waiting),
          "let its reader read on (a pager: to its end) and interrupt then, write to a file, or "
          "keep the packets with -w FILE and show them with tracepkt trace -r FILE");
    }
  }
}

Status end_output(sinks::Sink& sink, const sinks::Summary& summary, sinks::Output& out,
                  sinks::Output& err, Signals& signals) {
  Status taken = hand_over(out, signals);
  if (taken) {
    sink.summary(summary);
    taken = hand_over(out, signals);
  }
  if (!taken) {
    sinks::make_summary_sink(err)->summary(summary);
  }
  return taken;
}

}  // namespace tracepkt::cli
