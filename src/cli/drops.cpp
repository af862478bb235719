// tracepkt drops: what is dropped on this machine, where, why, of whose packets, and how often.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "cli/standard_files.h"
#include "explain/words.h"
#include "filter/filter.h"
#include "journey/drop_groups.h"
#include "kernel/rights.h"
#include "kernel/socket_owners.h"
#include "sinks/drops_view.h"

namespace tracepkt::cli {
namespace {

using journey::DropGroup;

double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

class Drops {
 public:
  explicit Drops(const DropsOptions& options) : options_(options) {}

  Status run(filter::Filter filter, Signals& signals);

 private:
  void add(const decode::Event& event);
  bool is_shown(const DropGroup& group);
  bool wants_more() const { return !options_.common.count || drops_ < *options_.common.count; }
  void show_interval(std::uint64_t now_ns);
  sinks::DropsReport report(std::uint64_t now_ns);
  std::unique_ptr<sinks::DropsView> make_view();

  const DropsOptions& options_;
  std::unique_ptr<Live> live_;
  std::unique_ptr<journey::DropGroups> groups_;
  std::unique_ptr<sinks::DropsView> view_;
  kernel::SocketOwners owners_;
  std::vector<bool> is_shown_;  // by the group's id, from 1
  std::vector<const DropGroup*> shown_;
  std::uint64_t drops_ = 0;  // of those that are shown
  std::uint64_t begin_ns_ = 0;
  std::uint64_t interval_ns_ = 0;   // when this one began
  std::uint64_t drops_before_ = 0;  // when this one began
};

std::unique_ptr<sinks::DropsView> Drops::make_view() {
  if (options_.common.format == sinks::Format::kJson) {
    return sinks::make_drops_json(live_->out(), live_->clock());
  }
  return live_->out().height() != 0 ? sinks::make_drops_screen(live_->out())
                                    : sinks::make_drops_lines(live_->out(), live_->clock());
}

// Asked once a group: what is said of a drop is looked up in long tables.
bool Drops::is_shown(const DropGroup& group) {
  for (std::size_t id = is_shown_.size(); id < group.id; ++id) {
    is_shown_.push_back(options_.common.verbosity > 0 ||
                        explain::is_fault(groups_->groups()[id].sample));
  }
  return is_shown_[group.id - 1];
}

void Drops::add(const decode::Event& event) {
  if (!wants_more()) {
    return;
  }
  const std::uint64_t others = groups_->others();
  const DropGroup* group = groups_->add(event);
  drops_ += group != nullptr ? is_shown(*group) : groups_->others() - others;
}

sinks::DropsReport Drops::report(std::uint64_t now_ns) {
  sinks::DropsReport report{.drops = drops_,
                            .fresh = drops_ - drops_before_,
                            .others = groups_->others(),
                            .interval_s = seconds(now_ns - interval_ns_),
                            .elapsed_s = seconds(now_ns - begin_ns_)};
  shown_.clear();
  for (const DropGroup& group : groups_->groups()) {
    if (is_shown(group)) {
      shown_.push_back(&group);
    } else {
      report.harmless += group.count;
    }
  }
  std::ranges::stable_sort(shown_, std::greater(), &DropGroup::count);
  report.groups = shown_;
  return report;
}

void Drops::show_interval(std::uint64_t now_ns) {
  view_->interval(report(now_ns));
  groups_->begin_interval();
  drops_before_ = drops_;
  interval_ns_ = now_ns;
}

Status Drops::run(filter::Filter filter, Signals& signals) {
  auto live = Live::start(options_.common,
                          {.mode = MATCH_FILTER,
                           .filter = std::move(filter),
                           .ring_bytes = options_.common.buffer_bytes,
                           .drops_only = true},
                          Live::OnEvent([&](decode::Event&& event) { add(event); }));
  if (!live) {
    return std::unexpected(live.error());
  }
  live_ = *std::move(live);
  groups_ = std::make_unique<journey::DropGroups>(
      live_->names(), [&](std::uint64_t inode) -> std::optional<journey::Process> {
        auto owner = owners_.find(inode);
        if (!owner) {
          return std::nullopt;
        }
        return journey::Process{.pid = owner->pid, .name = std::move(owner->name)};
      });
  view_ = make_view();
  fmt::print(stderr, "watching for drops of {}; Ctrl-C ends\n",
             options_.filter.empty() ? "any packet" : printable(options_.filter));

  begin_ns_ = interval_ns_ = monotonic_ns();
  const auto interval_ns = static_cast<std::uint64_t>(options_.interval_s * 1e9);
  const std::uint64_t end_ns =
      options_.common.duration_s
          ? begin_ns_ + static_cast<std::uint64_t>(*options_.common.duration_s * 1e9)
          : UINT64_MAX;
  while (!live_->out().closed() && monotonic_ns() < end_ns && wants_more()) {
    pollfd interrupted = {.fd = signals.fd(), .events = POLLIN, .revents = 0};
    poll(&interrupted, 1, live_->pause_ms());
    live_->read();
    if (const std::uint64_t now_ns = monotonic_ns();
        now_ns - interval_ns_ >= interval_ns && !live_->out().is_stuck()) {
      show_interval(now_ns);
    }
    live_->out().offer();
    if (signals.arrived()) {
      break;
    }
  }
  live_->stop();
  view_->end(report(monotonic_ns()), live_->summary());
  return check_written(live_->out());
}

Status drops(const DropsOptions& options) {
  if (options.common.format == sinks::Format::kClassic) {
    return failure("the first tracepkt showed no drops: drops has no format classic",
                   "use --format table or --format json");
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
