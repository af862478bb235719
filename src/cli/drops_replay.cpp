// tracepkt drops -r: what was dropped, from a capture file.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "cli/choice.h"
#include "cli/drops_tally.h"
#include "cli/file_names.h"
#include "cli/hand_over.h"
#include "cli/replay.h"

namespace tracepkt::cli {
namespace {

class DropsReplay {
 public:
  DropsReplay(const DropsOptions& options, Reading reading)
      : options_(options),
        choice_(options.read, std::nullopt, std::move(reading.filter)),
        signals_(std::move(reading.signals)),
        files_(std::move(reading.files)),
        out_(STDOUT_FILENO, options.common.color),
        names_(options.common.numeric) {}

  Status run();

 private:
  void take(capture::Session&& session);
  void take(const capture::Record& record) { take_record(record.bytes); }
  void take_record(std::span<const std::byte> record);
  void take(const capture::Step& step);
  void take(capture::Name&& name) { names_.add(std::move(name)); }
  void take(const capture::End& end) { add_end(end, summary_); }
  void take(const capture::Exchange&) {}
  void see_time(std::uint64_t time_ns);
  void flush_much() {
    if (out_.is_stuck()) {
      (void)hand_over(out_, signals_);  // its failure stays
    }
  }

  const DropsOptions& options_;
  Choice choice_;
  Signals signals_;
  CaptureFiles files_;
  sinks::Output out_;
  FileNames names_;
  std::optional<DropsTally> tally_;
  // The intervals are those that were shown live, unless -i says otherwise, or nobody looked for
  // drops then.
  bool keeps_intervals_ = false;
  std::uint64_t interval_ns_ = 0;
  bool has_begun_ = false;
  bool is_to_end_ = false;  // when it has counted enough
  std::uint64_t last_ns_ = 0;
  sinks::Summary summary_;
};

void DropsReplay::take(capture::Session&& session) {
  const bool drops = session.command == "drops";
  const sinks::Clock clock{.wall_minus_monotonic_ns = session.wall_minus_monotonic_ns};
  choice_.set_clock(clock);
  summary_.kernel = session.kernel;
  keeps_intervals_ = drops && !options_.interval_s;
  interval_ns_ = static_cast<std::uint64_t>(options_.interval_s.value_or(kDropsIntervalS) * 1e9);
  auto count = options_.common.count;
  is_to_end_ = count.has_value();
  if (drops && session.count && *session.count <= count.value_or(UINT64_MAX)) {
    count = session.count;
    is_to_end_ = false;  // live, it went on until what was under way had been taken in
  }
  // A screen that is refreshed as fast as a file is read shows nothing.
  auto view = options_.common.format == sinks::Format::kJson ? sinks::make_drops_json(out_, clock)
                                                             : sinks::make_drops_lines(out_, clock);
  tally_.emplace(
      options_, count, names_,
      [this](std::uint64_t socket) { return journey::process_of(names_.socket_owner(socket)); },
      std::move(view));
}

// Records of several CPUs come a little out of order.
void DropsReplay::see_time(std::uint64_t time_ns) {
  if (!has_begun_) {
    has_begun_ = true;
    last_ns_ = time_ns;
    tally_->begin(time_ns);
  }
  last_ns_ = std::max(last_ns_, time_ns);
  const std::uint64_t passed_ns = last_ns_ - std::min(last_ns_, tally_->interval_ns());
  if (!keeps_intervals_ && passed_ns >= interval_ns_) {
    tally_->show_interval(tally_->interval_ns() + passed_ns / interval_ns_ * interval_ns_);
    flush_much();
  }
}

void DropsReplay::take_record(std::span<const std::byte> record) {
  ++summary_.events;
  const auto event = decode::decode_record(record);
  if (!event) {
    return;
  }
  see_time(event->time_ns);
  choice_.see(*event, record);
  journey::Netns netns{.inode = event->netns.inode, .name = {}};
  if (!options_.read.netns.empty()) {
    netns.name = names_.netns(event->netns);
  }
  if (event->stage == STAGE_drop && choice_.wants(*event, record, netns)) {
    tally_->add(*event);
  }
}

void DropsReplay::take(const capture::Step& step) {
  switch (step.kind) {
    case capture::StepKind::kDropsBegin:
    case capture::StepKind::kDropsEnd:
      see_time(step.value);
      break;
    case capture::StepKind::kDropsShown:
      see_time(step.value);
      if (keeps_intervals_) {
        tally_->show_interval(step.value);
        flush_much();
      }
      break;
    default:
      break;
  }
}

Status DropsReplay::run() {
  bool interrupted = false;
  bool at_end = false;
  std::uint64_t items = 0;
  while (!out_.closed() && !interrupted && !at_end && !(is_to_end_ && !tally_->wants_more())) {
    interrupted = ++items % kItemsBetweenLooks == 0 && signals_.arrived();
    if (const auto record = tally_ ? files_.next_record() : std::nullopt) {
      take_record(*record);
      continue;
    }
    auto item = files_.next();
    interrupted = interrupted || (!item && signals_.arrived());
    at_end = !item;
    if (!tally_ && (!item || !std::holds_alternative<capture::Session>(*item))) {
      take(capture::Session());  // it is lost; what it says can be done without
    }
    if (item) {
      std::visit([this](auto&& one) { take(std::forward<decltype(one)>(one)); }, *std::move(item));
    }
  }
  summary_.damage = files_.damage(at_end && !interrupted);
  tally_->end(last_ns_, summary_);
  if (const Status good = files_.status(); !good) {
    return good;
  }
  return hand_over(out_, signals_);
}

}  // namespace

Status replay_drops(const DropsOptions& options) {
  auto reading = start_reading(options.read, options.filter);
  if (!reading) {
    return std::unexpected(reading.error());
  }
  return DropsReplay(options, *std::move(reading)).run();
}

}  // namespace tracepkt::cli
