// tracepkt trace: the way of every packet that matches.
#include <fmt/format.h>
#include <linux/capability.h>
#include <poll.h>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/replay.h"
#include "cli/signals.h"
#include "filter/filter.h"
#include "kernel/rights.h"

namespace tracepkt::cli {
namespace {

Status trace(const TraceOptions& options) {
  auto filter = filter::compile(options.filter);
  if (!filter) {
    return std::unexpected(filter.error());
  }
  if (auto allowed = kernel::require(kernel::read_rights(), {}, "tracing"); !allowed) {
    return allowed;
  }
  auto signals = Signals::block();
  if (!signals) {
    return std::unexpected(signals.error());
  }
  Live* session = nullptr;
  std::uint64_t shown = 0;
  const auto wanted_more = [&] { return !options.common.count || shown < *options.common.count; };
  const auto on_journey = [&](journey::Journey&& journey) {
    if (!wanted_more()) {
      return;
    }
    session->count(journey);
    if (session->is_behind() || session->out().is_stuck()) {
      session->skip_journey();
    } else {
      session->sink().journey(journey);
    }
    ++shown;
  };
  auto live = Live::start(options.common,
                          {.mode = MATCH_FILTER,
                           .filter = *std::move(filter),
                           .echo = {},
                           .ring_bytes = options.common.buffer_bytes,
                           .routes = options.common.verbosity > 0,
                           .chains = true,
                           .rules = options.common.rules},
                          on_journey);
  if (!live) {
    return std::unexpected(live.error());
  }
  session = live->get();
  fmt::print(stderr, "tracing {}; Ctrl-C ends\n",
             options.filter.empty() ? "every packet" : printable(options.filter));

  const std::uint64_t end_ns =
      options.common.duration_s
          ? monotonic_ns() + static_cast<std::uint64_t>(*options.common.duration_s * 1e9)
          : UINT64_MAX;
  while (wanted_more() && !session->is_over() && monotonic_ns() < end_ns) {
    pollfd interrupted = {.fd = signals->fd(), .events = POLLIN, .revents = 0};
    poll(&interrupted, 1, session->pause_ms());
    session->read();
    session->out().offer();
    if (signals->arrived()) {
      break;
    }
  }
  session->stop();
  return session->finish(session->summary());
}

}  // namespace

int run_trace(const TraceOptions& options) {
  const Status status = options.read.files.empty() ? trace(options) : replay(options);
  return status ? kOk : report(status.error());
}

}  // namespace tracepkt::cli
