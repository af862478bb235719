#include "cli/replay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "base/text.h"
#include "cli/choice.h"
#include "cli/file_names.h"
#include "cli/hand_over.h"
#include "cli/ping_exchanges.h"
#include "decode/event.h"
#include "filter/filter.h"
#include "journey/builder.h"
#include "sinks/report.h"
#include "sinks/sink.h"
#include "sinks/summary_words.h"

namespace tracepkt::cli {
namespace {

// Of one journey that is asked for, what it answers or what answers it: that ends before it or
// after it.
class Partners {
 public:
  using Show = std::function<void(const journey::Journey&)>;

  // Shows what is to be shown now that `journey`, which is asked for or not, has ended.
  void take(const journey::Journey& journey, bool wanted, const Show& show) {
    if (one_ && journey.is_paired_with(*one_)) {
      show(journey);
    } else if (wanted) {
      begin(journey, show);
    } else if (!one_ && journey.is_in_pair()) {
      earlier_.push_back(journey);
      if (earlier_.size() > kMostEarlier) {
        earlier_.pop_front();
      }
    }
  }

 private:
  static constexpr std::size_t kMostEarlier = 1024;

  void begin(const journey::Journey& journey, const Show& show) {
    if (!one_) {
      one_ = journey;
      for (const journey::Journey& one : earlier_) {
        if (one.is_paired_with(journey)) {
          show(one);
        }
      }
      earlier_.clear();
    }
    show(journey);
  }

  std::optional<journey::Journey> one_;
  std::deque<journey::Journey> earlier_;
};

// What was asked for of a file, in the words of the command line.
std::string selection_words(const TraceOptions& options) {
  std::vector<std::string> words;
  const auto add = [&words](std::string_view option, const std::string& value) {
    if (!value.empty()) {
      words.push_back(fmt::format("{}{}", option, value));
    }
  };
  add("--journey ", options.journey ? std::to_string(*options.journey) : "");
  add("--outcome ", options.outcome ? std::string(outcome_name(*options.outcome)) : "");
  add("--netns ", options.read.netns);
  add("--dev ", options.read.device);
  add("", options.filter);
  return fmt::format("{}", fmt::join(words, " "));
}

sinks::PingStatistics statistics_of(const capture::Ping& ping) {
  return {.host = ping.host,
          .sent = ping.sent,
          .received = ping.received,
          .duplicates = ping.duplicates,
          .errors = ping.errors,
          .corrupted = ping.corrupted,
          .loss_percent = ping.loss_percent,
          .rtt_min_ns = ping.rtt_min_ns,
          .rtt_avg_ns = ping.rtt_avg_ns,
          .rtt_max_ns = ping.rtt_max_ns,
          .rtt_mdev_ns = ping.rtt_mdev_ns,
          .packets_line = ping.packets_line,
          .rtt_line = ping.rtt_line};
}

// Of what a capture says was lost: a file in several parts says it in each of them, and one that
// somebody made up says it as often as he likes.
constexpr std::size_t kMaxCounts = 256;

// --sort keeps so many journeys, of some KB each, without --count.
constexpr std::size_t kMostSorted = 10'000;

// The longest journeys, when they are wanted first.
class Longest {
 public:
  explicit Longest(std::size_t most) : most_(most) {}

  // Gives back the one that there is no room for.
  std::optional<journey::Journey> add(journey::Journey&& journey) {
    kept_.push_back(std::move(journey));
    std::ranges::push_heap(kept_, is_before);
    if (kept_.size() <= most_) {
      return std::nullopt;
    }
    std::ranges::pop_heap(kept_, is_before);
    journey::Journey shortest = std::move(kept_.back());
    kept_.pop_back();
    return shortest;
  }

  std::vector<journey::Journey> take() {
    std::ranges::sort(kept_, is_before);
    return std::exchange(kept_, {});
  }

 private:
  // Of the same length, the first seen first.
  static bool is_before(const journey::Journey& a, const journey::Journey& b) {
    return std::pair(b.duration_ns(), a.id) < std::pair(a.duration_ns(), b.id);
  }

  std::size_t most_;
  std::vector<journey::Journey> kept_;  // a heap: the shortest in front
};

class Replay {
 public:
  Replay(const TraceOptions& options, Reading& reading, const ReplayOutput& output)
      : options_(options),
        output_(output),
        choice_(options.read, options.outcome, std::move(reading.filter)),
        files_(std::move(reading.files)),
        signals_(reading.signals),
        out_(output.fd, options.common.color),
        err_(STDERR_FILENO, sinks::ColorMode::kNever),
        names_(options.common.numeric),
        longest_(std::min<std::size_t>(kMostSorted, options.common.count.value_or(kMostSorted))) {}

  Status run();

 private:
  void take(capture::Session&& session);
  void take(const capture::Record& record) { take_record(record.bytes); }
  void take_record(std::span<const std::byte> record);
  void take(const capture::Step& step);
  void take(capture::Name&& name) { names_.add(std::move(name)); }
  void take(const capture::End& end);
  void take(const capture::Exchange& exchange);
  void ended(journey::Journey&& journey);
  void show(journey::Journey&& journey);
  void show_rest();
  std::unique_ptr<sinks::Sink> make_sink(const sinks::Clock& clock);
  // One journey is asked for, and then those that belong to it are to be seen with it.
  bool is_for_one() const {
    return options_.journey || (!output_.report && sinks::is_picture(options_.common.format));
  }
  bool wants_more() const {
    return options_.by_duration || !options_.common.count ||
           summary_.journeys < *options_.common.count;
  }

  const TraceOptions& options_;
  ReplayOutput output_;
  Choice choice_;
  Partners partners_;
  CaptureFiles files_;
  Signals& signals_;
  sinks::Output out_;
  sinks::Output err_;
  FileNames names_;
  std::optional<journey::Builder> builder_;
  std::unique_ptr<sinks::Sink> sink_;
  PingExchanges exchanges_;
  Longest longest_;
  std::optional<std::uint64_t> live_count_;  // the live run showed so many, and no more
  std::uint64_t ended_ = 0;                  // journeys, also those that nobody asked for
  std::uint64_t undecodable_ = 0;
  std::uint64_t items_ = 0;
  bool has_end_ = false;
  sinks::Summary summary_;
};

void Replay::take(capture::Session&& session) {
  live_count_ = session.command == "trace" ? session.count : std::nullopt;
  summary_.kernel = session.kernel;
  const sinks::Clock clock{.wall_minus_monotonic_ns = session.wall_minus_monotonic_ns};
  choice_.set_clock(clock);
  sink_ = make_sink(clock);
  journey::BuilderOptions builder_options;
  if (session.silence_ns != 0) {
    builder_options.silence_ns = session.silence_ns;
  }
  builder_.emplace(
      names_, [this](journey::Journey&& journey) { ended(std::move(journey)); }, builder_options);
}

std::unique_ptr<sinks::Sink> Replay::make_sink(const sinks::Clock& clock) {
  if (output_.report) {
    // A report travels: in which folders its capture lay is nobody's business.
    const std::string& path = options_.read.files.front();
    return std::make_unique<sinks::ReportSink>(
        out_, clock,
        sinks::ReportInfo{.file = path == "-" ? "standard input" : path.substr(path.rfind('/') + 1),
                          .selection = selection_words(options_)});
  }
  return sinks::make_sink(options_.common.format, out_, err_, clock, options_.common.detail());
}

void Replay::take_record(std::span<const std::byte> record) {
  ++summary_.events;
  auto event = decode::decode_record(record);
  if (!event) {
    ++undecodable_;
    return;
  }
  choice_.see(*event, record);
  builder_->add(*std::move(event));
}

void Replay::take(const capture::Step& step) {
  switch (step.kind) {
    case capture::StepKind::kExpire:
      builder_->expire(step.value);
      break;
    case capture::StepKind::kFinishEcho:
      builder_->finish_echo(static_cast<std::uint16_t>(step.value));
      break;
    case capture::StepKind::kFinish:
      builder_->finish();
      break;
    case capture::StepKind::kEchoSent:
      exchanges_.expect(step.value);
      break;
    case capture::StepKind::kDropsBegin:
    case capture::StepKind::kDropsShown:
    case capture::StepKind::kDropsEnd:
      break;
  }
}

void Replay::take(const capture::End& end) {
  has_end_ = true;
  add_end(end, summary_);
  if (end.ping) {
    summary_.ping = statistics_of(*end.ping);
  }
}

void Replay::take(const capture::Exchange& exchange) {
  if (is_for_one()) {
    return;  // it is shown with what belongs to it
  }
  const std::vector<journey::Journey> journeys = exchanges_.take(exchange.seq);
  if (wants_more() && (!journeys.empty() || !choice_.chooses()) && !options_.by_duration) {
    sink_->exchange(shown_exchange(exchange, journeys));
  }
}

void Replay::ended(journey::Journey&& journey) {
  ++ended_;
  if (options_.common.functions) {
    std::erase_if(journey.functions, [&](const journey::FunctionStep& step) {
      return fnmatch(options_.common.functions->c_str(), step.name.c_str(), 0) != 0;
    });
  }
  if ((live_count_ && ended_ > *live_count_) || !wants_more()) {
    return;
  }
  const bool wanted =
      choice_.wants(journey) && (!options_.journey || journey.id == *options_.journey);
  if (is_for_one()) {
    partners_.take(journey, wanted,
                   [this](const journey::Journey& one) { show(journey::Journey(one)); });
  } else if (wanted) {
    show(std::move(journey));
  }
}

void Replay::show(journey::Journey&& journey) {
  summary_.count(journey);
  if (is_for_one()) {
    sink_->journey(journey);
  } else if (options_.by_duration) {
    summary_.shorter += longest_.add(std::move(journey)) ? 1 : 0;
  } else if (const auto other = exchanges_.keep(std::move(journey))) {
    sink_->journey(*other);
  }
  if (out_.is_stuck()) {
    (void)hand_over(out_, signals_);  // its failure stays
  }
}

// What waited for something that did not come: for the others, to be sorted, or for the rest of a
// file that was cut.
void Replay::show_rest() {
  for (const journey::Journey& journey :
       options_.by_duration ? longest_.take() : exchanges_.take_rest()) {
    sink_->journey(journey);
  }
}

Status Replay::run() {
  bool interrupted = false;
  bool at_end = false;
  while (wants_more() && !out_.closed() && !interrupted && !at_end) {
    // To ask costs more than to read a record.
    interrupted = ++items_ % kItemsBetweenLooks == 0 && signals_.arrived();
    if (const auto record = builder_ ? files_.next_record() : std::nullopt) {
      take_record(*record);
      continue;
    }
    auto item = files_.next();
    interrupted = interrupted || (!item && signals_.arrived());
    if (!item) {
      at_end = true;
      continue;
    }
    if (!builder_ && !std::holds_alternative<capture::Session>(*item)) {
      take(capture::Session());  // it is lost; what it says can be done without
    }
    std::visit([this](auto&& one) { take(std::forward<decltype(one)>(one)); }, *std::move(item));
  }
  if (!builder_) {
    take(capture::Session());
  }
  builder_->finish(files_.ended() ? journey::Ending::kFinished : journey::Ending::kCut);
  show_rest();
  if (!has_end_) {
    summary_.losses.push_back({.name = "undecodable",
                               .says = "events that this program could not read",
                               .count = undecodable_});
  }
  summary_.damage = files_.damage(at_end && !interrupted);
  const Status shown = end_output(*sink_, summary_, out_, err_, signals_);
  if (shown && output_.report) {
    err_.write(sinks::summary_words(summary_));
    err_.flush();
  }
  if (const Status good = files_.status(); !good) {
    return good;
  }
  if (is_for_one() && summary_.journeys == 0) {
    return failure(
        fmt::format("no journey in {} is like that", printable(options_.read.files.front())),
        "tracepkt trace -r FILE --format json shows those that there are, with their id");
  }
  return shown;
}

}  // namespace

void add_end(const capture::End& end, sinks::Summary& summary) {
  for (const capture::Loss& loss : end.losses) {
    const auto known = std::ranges::find(summary.losses, loss.name, &sinks::LossCount::name);
    if (known != summary.losses.end()) {
      known->count += loss.count;
    } else if (summary.losses.size() < kMaxCounts) {
      summary.losses.push_back({.name = loss.name, .says = loss.says, .count = loss.count});
    }
  }
  summary.probes = {};
  for (const capture::Probe& probe : end.probes) {
    if (probe.why.empty()) {
      summary.probes.attached.push_back(probe.name);
    } else {
      summary.probes.unavailable.push_back({.name = probe.name, .why = probe.why});
    }
  }
}

Result<Reading> start_reading(const ReadOptions& options, const std::string& expression) {
  std::optional<filter::Filter> filter;
  if (!expression.empty()) {
    auto compiled = filter::compile(expression);
    if (!compiled) {
      return std::unexpected(compiled.error());
    }
    filter = *std::move(compiled);
  }
  auto signals = Signals::block();
  if (!signals) {
    return std::unexpected(signals.error());
  }
  auto files = CaptureFiles::open(options.files, signals->fd());
  if (!files) {
    return std::unexpected(files.error());
  }
  return Reading{
      .filter = std::move(filter), .signals = *std::move(signals), .files = *std::move(files)};
}

Status replay(const TraceOptions& options) {
  auto reading = start_reading(options.read, options.filter);
  if (!reading) {
    return std::unexpected(reading.error());
  }
  return replay(options, *std::move(reading), {});
}

Status replay(const TraceOptions& options, Reading reading, const ReplayOutput& output) {
  return Replay(options, reading, output).run();
}

}  // namespace tracepkt::cli
