// tracepkt drops: what is dropped on this machine, where, why, of whose packets, and how often.
#include <fmt/format.h>
#include <poll.h>

#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/text.h"
#include "cli/drops_tally.h"
#include "cli/exit_status.h"
#include "cli/hand_over.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "filter/filter.h"
#include "kernel/rights.h"
#include "kernel/socket_owners.h"
#include "sinks/drops_view.h"

namespace tracepkt::cli {
namespace {

class Drops {
 public:
  explicit Drops(const DropsOptions& options) : options_(options) {}

  Status run(filter::Filter filter, Signals& signals);

 private:
  std::optional<journey::Process> owner_of(std::uint64_t socket);
  void keep(capture::StepKind kind, std::uint64_t now_ns);
  std::unique_ptr<sinks::DropsView> make_view();

  const DropsOptions& options_;
  std::unique_ptr<Live> live_;
  std::unique_ptr<DropsTally> tally_;
  kernel::SocketOwners owners_;
};

std::unique_ptr<sinks::DropsView> Drops::make_view() {
  if (options_.common.write_file == "-") {
    return sinks::make_drops_last_lines(live_->err());  // the output is the capture's
  }
  if (options_.common.format == sinks::Format::kJson) {
    return sinks::make_drops_json(live_->out(), live_->clock());
  }
  return live_->out().height() != 0 ? sinks::make_drops_screen(live_->out())
                                    : sinks::make_drops_lines(live_->out(), live_->clock());
}

std::optional<journey::Process> Drops::owner_of(std::uint64_t socket) {
  std::optional<journey::Process> process;
  if (auto owner = owners_.find(socket)) {
    process = journey::Process{.pid = owner->pid, .name = std::move(owner->name)};
  }
  if (Recorder* recorder = live_->recorder()) {
    recorder->note_owner(socket, process);
  }
  return process;
}

void Drops::keep(capture::StepKind kind, std::uint64_t now_ns) {
  if (Recorder* recorder = live_->recorder()) {
    recorder->add_step({.kind = kind, .value = now_ns});
  }
}

Status Drops::run(filter::Filter filter, Signals& signals) {
  auto live = Live::start(options_.common,
                          {.mode = MATCH_FILTER,
                           .filter = std::move(filter),
                           .ring_bytes = options_.common.ring_bytes(),
                           .drops_only = true},
                          Live::OnEvent([&](decode::Event&& event) { tally_->add(event); }));
  if (!live) {
    return std::unexpected(live.error());
  }
  live_ = *std::move(live);
  tally_ = std::make_unique<DropsTally>(
      options_, options_.common.count, live_->names(),
      [this](std::uint64_t socket) { return owner_of(socket); }, make_view());
  fmt::print(stderr, "watching for drops of {}; Ctrl-C ends\n",
             options_.filter.empty() ? "any packet" : printable(options_.filter));

  const std::uint64_t begin_ns = monotonic_ns();
  tally_->begin(begin_ns);
  keep(capture::StepKind::kDropsBegin, begin_ns);
  const auto interval_ns =
      static_cast<std::uint64_t>(options_.interval_s.value_or(kDropsIntervalS) * 1e9);
  const std::uint64_t end_ns =
      options_.common.duration_s
          ? begin_ns + static_cast<std::uint64_t>(*options_.common.duration_s * 1e9)
          : UINT64_MAX;
  while (!live_->is_over() && monotonic_ns() < end_ns && tally_->wants_more()) {
    pollfd interrupted = {.fd = signals.fd(), .events = POLLIN, .revents = 0};
    poll(&interrupted, 1, live_->pause_ms());
    live_->read();
    if (const std::uint64_t now_ns = monotonic_ns();
        now_ns - tally_->interval_ns() >= interval_ns && !live_->out().is_stuck()) {
      tally_->show_interval(now_ns);
      keep(capture::StepKind::kDropsShown, now_ns);
    }
    live_->out().offer();
    if (signals.arrived()) {
      break;
    }
  }
  live_->stop();
  const std::uint64_t now_ns = monotonic_ns();
  keep(capture::StepKind::kDropsEnd, now_ns);
  const sinks::Summary summary = live_->summary();
  const Status kept = live_->end_capture(summary);
  tally_->end(now_ns, summary);
  live_->err().flush();
  const Status shown = hand_over(live_->out(), signals);
  return kept ? shown : kept;
}

Status drops(const DropsOptions& options) {
  if (options.common.format == sinks::Format::kClassic) {
    return failure("the first tracepkt showed no drops: drops has no format classic",
                   "use --format table or --format json");
  }
  if (!options.read.files.empty()) {
    return replay_drops(options);
  }
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
  return Drops(options).run(*std::move(filter), *signals);
}

}  // namespace

int run_drops(const DropsOptions& options) {
  const Status status = drops(options);
  return status ? kOk : report(status.error());
}

}  // namespace tracepkt::cli
