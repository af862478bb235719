// tracepkt trace: the way of every packet that matches; of a command's packets, if one is given.
#include <fmt/format.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/random.h>

#include <optional>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/child.h"
#include "cli/exit_status.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/replay.h"
#include "cli/signals.h"
#include "filter/filter.h"
#include "kernel/netns_open.h"
#include "kernel/rights.h"

namespace tracepkt::cli {
namespace {

// When the command has ended, its last packets are still under way: until all have arrived, or
// nothing was heard for a while, but not for ever.
constexpr std::uint64_t kArrivedNs = 50'000'000;
constexpr std::uint64_t kQuietNs = 250'000'000;
constexpr std::uint64_t kGraceNs = 1'000'000'000;

void see_off(Live& session, const Signals& signals) {
  const std::uint64_t begin_ns = monotonic_ns();
  std::uint64_t heard_ns = begin_ns;
  for (std::uint64_t now_ns = begin_ns; now_ns < begin_ns + kGraceNs && !session.is_over();
       now_ns = monotonic_ns()) {
    pollfd interrupted = {.fd = signals.fd(), .events = POLLIN, .revents = 0};
    if (poll(&interrupted, 1, session.pause_ms()) > 0) {
      return;
    }
    session.read();
    session.out().offer();
    heard_ns = session.is_quiet() ? heard_ns : now_ns;
    const bool arrived = session.builder().open_count() == 0;
    if (now_ns > heard_ns + (arrived ? kArrivedNs : kQuietNs)) {
      return;
    }
  }
}

// A number that nobody guesses, not 0.
std::uint64_t new_token() {
  std::uint64_t token = 0;
  while (token == 0 && getrandom(&token, sizeof(token), 0) < 0) {
  }
  return token | 1;
}

std::string what_is_traced(const TraceOptions& options) {
  if (options.command.empty()) {
    return options.filter.empty() ? "every packet" : printable(options.filter);
  }
  const std::string command = printable(options.command.front()) + " and its children";
  return options.filter.empty() ? command : command + ": " + printable(options.filter);
}

class TraceSession {
 public:
  explicit TraceSession(const TraceOptions& options) : options_(options) {}

  // What the command ended with; kOk where there is none.
  std::expected<int, NoCommand> run();

 private:
  Status prepare();
  std::expected<void, NoCommand> start_command();
  void show(journey::Journey&& journey);
  void follow();
  int wait_for_command();
  bool wants_more() const { return !options_.common.count || shown_ < *options_.common.count; }

  const TraceOptions& options_;
  std::optional<Signals> signals_;
  std::unique_ptr<Live> live_;
  std::uint64_t token_ = 0;
  std::optional<Child> child_;
  Fd netns_;
  std::uint64_t shown_ = 0;
};

Status TraceSession::prepare() {
  auto filter = filter::compile(options_.filter);
  if (!filter) {
    return std::unexpected(filter.error());
  }
  std::vector<int> also;
  if (!options_.read.netns.empty()) {
    also.push_back(CAP_SYS_ADMIN);
  }
  if (auto allowed = kernel::require(kernel::read_rights(), also, "tracing"); !allowed) {
    return allowed;
  }
  if (!options_.read.netns.empty()) {
    auto netns = kernel::open_netns(options_.read.netns);
    if (!netns) {
      return std::unexpected(netns.error());
    }
    netns_ = *std::move(netns);
  }
  auto signals = Signals::block();
  if (!signals) {
    return std::unexpected(signals.error());
  }
  signals_ = *std::move(signals);
  token_ = options_.command.empty() ? 0 : new_token();
  auto live = Live::start(options_.common,
                          {.mode = MATCH_FILTER,
                           .filter = *std::move(filter),
                           .echo = {},
                           .ring_bytes = options_.common.ring_bytes(),
                           .routes = options_.common.verbosity > 0,
                           .chains = true,
                           .rules = options_.common.rules,
                           .programs = true,
                           .sockets = true,
                           .queues = options_.common.verbosity > 0,
                           .functions = options_.common.wanted_functions(),
                           .command_token = token_},
                          [this](journey::Journey&& journey) { show(std::move(journey)); });
  if (!live) {
    return std::unexpected(live.error());
  }
  live_ = *std::move(live);
  return {};
}

void TraceSession::show(journey::Journey&& journey) {
  if (!wants_more()) {
    return;
  }
  live_->count(journey);
  if (live_->is_behind() || live_->out().is_stuck()) {
    live_->skip_journey();
  } else {
    live_->sink().journey(journey);
  }
  ++shown_;
}

std::expected<void, NoCommand> TraceSession::start_command() {
  auto child = Child::start({.words = options_.command, .netns_fd = netns_.get(), .token = token_},
                            *signals_);
  if (!child) {
    return std::unexpected(child.error());
  }
  child_ = *std::move(child);
  return {};
}

void TraceSession::follow() {
  const std::uint64_t end_ns =
      options_.common.duration_s
          ? monotonic_ns() + static_cast<std::uint64_t>(*options_.common.duration_s * 1e9)
          : UINT64_MAX;
  while (wants_more() && !live_->is_over() && monotonic_ns() < end_ns) {
    pollfd fds[] = {{.fd = signals_->fd(), .events = POLLIN, .revents = 0},
                    {.fd = child_ ? child_->fd() : -1, .events = POLLIN, .revents = 0}};
    poll(fds, 2, live_->pause_ms());
    const bool ended = child_ && child_->has_ended();
    live_->read();
    live_->out().offer();
    if (const auto signal = signals_->next()) {
      if (!child_) {
        return;
      }
      child_->pass_on(*signal);
    }
    if (ended) {
      see_off(*live_, *signals_);
      return;
    }
  }
}

// It may outlive the tracing (--count, --duration): its end is ours.
int TraceSession::wait_for_command() {
  while (!child_->has_ended()) {
    pollfd fds[] = {{.fd = signals_->fd(), .events = POLLIN, .revents = 0},
                    {.fd = child_->fd(), .events = POLLIN, .revents = 0}};
    poll(fds, 2, -1);
    if (const auto signal = signals_->next()) {
      child_->pass_on(*signal);
    }
  }
  return child_->wait();
}

std::expected<int, NoCommand> TraceSession::run() {
  const auto failed = [](const Error& error) {
    return std::unexpected(NoCommand{.error = error, .status = kError});
  };
  if (!options_.command.empty()) {
    if (auto found = find_command(options_.command.front()); !found) {
      return std::unexpected(found.error());
    }
  }
  if (const Status prepared = prepare(); !prepared) {
    return failed(prepared.error());
  }
  fmt::print(stderr, "tracing {}; Ctrl-C ends\n", what_is_traced(options_));
  if (!options_.command.empty()) {
    if (auto started = start_command(); !started) {
      return std::unexpected(started.error());
    }
  }
  follow();
  live_->stop();
  const Status finished = live_->finish(live_->summary(), *signals_);
  const int status = child_ ? wait_for_command() : kOk;
  return finished ? std::expected<int, NoCommand>(status) : failed(finished.error());
}

}  // namespace

int run_trace(const TraceOptions& options) {
  if (!options.read.files.empty()) {
    const Status status = replay(options);
    return status ? kOk : report(status.error());
  }
  const auto status = TraceSession(options).run();
  if (status) {
    return *status;
  }
  const int reported = report(status.error().error);
  return status.error().status == kError ? reported : status.error().status;
}

}  // namespace tracepkt::cli
