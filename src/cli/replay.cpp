#include "cli/replay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "capture/reader.h"
#include "cli/rule_scope.h"
#include "cli/standard_files.h"
#include "decode/event.h"
#include "filter/filter.h"
#include "journey/builder.h"
#include "sinks/report.h"
#include "sinks/sink.h"
#include "sinks/summary_words.h"

namespace tracepkt::cli {
namespace {

// Names as the live run knew them.
class FileNames : public journey::Names {
 public:
  explicit FileNames(bool numeric) : numeric_(numeric) {}

  void add(capture::Name&& name) {
    names_.insert_or_assign({name.kind, name.key, name.key2}, std::move(name.text));
  }

  std::string netns(const decode::NetnsId& id) override {
    return numeric_ ? std::string()
                    : std::string(find(capture::NameKind::kNetns, id.inode, id.cookie));
  }
  std::string netns_file(std::uint32_t inode) override {
    return numeric_ ? std::string() : std::string(find(capture::NameKind::kNetnsFile, inode));
  }
  std::string drop_reason(std::uint32_t reason) override {
    const std::string_view name = find(capture::NameKind::kReason, reason);
    return name.empty() ? "REASON_" + std::to_string(reason) : std::string(name);
  }
  std::string symbol(std::uint64_t address) override {
    return std::string(find(capture::NameKind::kSymbol, address));
  }
  std::string rule(std::uint32_t inode, const decode::Netfilter& netfilter) override {
    return std::string(
        find(capture::NameKind::kRule, netfilter.rule, rule_scope(inode, netfilter)));
  }

  std::string socket_owner(std::uint64_t inode) override {
    return std::string(find(capture::NameKind::kSocketOwner, inode));
  }
  std::string reset_reason(std::uint32_t reason) override {
    return std::string(find(capture::NameKind::kResetReason, reason));
  }

 private:
  std::string_view find(capture::NameKind kind, std::uint64_t key, std::uint64_t key2 = 0) const {
    const auto it = names_.find({kind, key, key2});
    return it == names_.end() ? std::string_view() : it->second;
  }

  bool numeric_;
  std::map<std::tuple<capture::NameKind, std::uint64_t, std::uint64_t>, std::string> names_;
};

// The journeys that are asked for. The filter is asked about a journey's first packet, whose bytes
// the journey does not have: they are kept here until it ends.
class Choice {
 public:
  Choice(const TraceOptions& options, std::optional<filter::Filter> filter)
      : options_(options), filter_(std::move(filter)) {}

  void see(const decode::Event& event, std::span<const std::byte> record);
  bool wants(const journey::Journey& journey);

 private:
  bool passes_filter(std::uint64_t packet_id);
  bool is_named(const journey::Netns& netns) const {
    return netns.name == options_.netns || std::to_string(netns.inode) == options_.netns;
  }

  // Of packets that became part of another's journey, nobody says when they are not needed any
  // more: the oldest go first.
  static constexpr std::size_t kMaxKept = 65536;

  const TraceOptions& options_;
  std::optional<filter::Filter> filter_;
  std::unordered_map<std::uint64_t, std::vector<std::byte>> records_;  // by packet
  std::deque<std::uint64_t> order_;
};

void Choice::see(const decode::Event& event, std::span<const std::byte> record) {
  if (!filter_ || !event.packet || records_.contains(event.packet_id)) {
    return;
  }
  records_.emplace(event.packet_id, std::vector<std::byte>(record.begin(), record.end()));
  order_.push_back(event.packet_id);
  if (order_.size() > kMaxKept) {
    records_.erase(order_.front());
    order_.pop_front();
  }
}

bool Choice::passes_filter(std::uint64_t packet_id) {
  const auto it = records_.find(packet_id);
  if (it == records_.end()) {
    return false;
  }
  const auto bytes = decode::packet_bytes(it->second);
  const bool passes = filter::matches(*filter_, bytes.ethertype, bytes.len, bytes.bytes);
  records_.erase(it);
  return passes;
}

bool Choice::wants(const journey::Journey& journey) {
  const auto here = [&](const journey::Hop& hop) {
    return (options_.netns.empty() || is_named(hop.netns)) &&
           (options_.device.empty() || hop.device.name.view() == options_.device);
  };
  return (!filter_ || passes_filter(journey.packet_id)) &&
         (!options_.journey || journey.id == *options_.journey) &&
         (!options_.outcome || journey.outcome.kind == *options_.outcome) &&
         ((options_.netns.empty() && options_.device.empty()) ||
          std::ranges::any_of(journey.hops, here));
}

// Of one journey that is asked for, the others of its exchange: they end before it or after it.
class Partners {
 public:
  using Show = std::function<void(const journey::Journey&)>;

  // Shows what is to be shown now that `journey`, which is asked for or not, has ended.
  void take(const journey::Journey& journey, bool wanted, const Show& show) {
    if (exchange_ != 0 && journey.exchange == exchange_) {
      show(journey);
    } else if (wanted) {
      begin(journey, show);
    } else if (!has_one_ && journey.exchange != 0) {
      earlier_.push_back(journey);
      if (earlier_.size() > kMostEarlier) {
        earlier_.pop_front();
      }
    }
  }

 private:
  static constexpr std::size_t kMostEarlier = 1024;

  void begin(const journey::Journey& journey, const Show& show) {
    if (!has_one_) {
      has_one_ = true;
      exchange_ = journey.exchange;
      for (const journey::Journey& one : earlier_) {
        if (one.exchange == exchange_) {
          show(one);
        }
      }
      earlier_.clear();
    }
    show(journey);
  }

  bool has_one_ = false;
  std::uint64_t exchange_ = 0;
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
  add("--netns ", options.netns);
  add("--dev ", options.device);
  add("", options.filter);
  return fmt::format("{}", fmt::join(words, " "));
}

sinks::PingStatistics statistics_of(const capture::Ping& ping) {
  return {.host = ping.host,
          .sent = ping.sent,
          .received = ping.received,
          .duplicates = ping.duplicates,
          .errors = ping.errors,
          .loss_percent = ping.loss_percent,
          .rtt_min_ns = ping.rtt_min_ns,
          .rtt_avg_ns = ping.rtt_avg_ns,
          .rtt_max_ns = ping.rtt_max_ns,
          .rtt_mdev_ns = ping.rtt_mdev_ns,
          .packets_line = ping.packets_line,
          .rtt_line = ping.rtt_line};
}

class Replay {
 public:
  Replay(const TraceOptions& options, std::optional<filter::Filter> filter, capture::Reader reader,
         const ReplayOutput& output)
      : options_(options),
        output_(output),
        choice_(options, std::move(filter)),
        reader_(std::move(reader)),
        out_(output.fd, options.common.color),
        err_(STDERR_FILENO, sinks::ColorMode::kNever),
        names_(options.common.numeric) {}

  Status run();

 private:
  void take(capture::Session&& session);
  void take(capture::Record&& record);
  void take(const capture::Step& step);
  void take(capture::Name&& name) { names_.add(std::move(name)); }
  void take(const capture::End& end);
  void ended(const journey::Journey& journey);
  void show(const journey::Journey& journey);
  std::unique_ptr<sinks::Sink> make_sink(const sinks::Clock& clock);
  // One journey is asked for, and then those that belong to it are to be seen with it.
  bool is_for_one() const {
    return options_.journey || (!output_.report && sinks::is_picture(options_.common.format));
  }
  bool wants_more() const {
    return !options_.common.count || summary_.journeys < *options_.common.count;
  }

  const TraceOptions& options_;
  ReplayOutput output_;
  Choice choice_;
  Partners partners_;
  capture::Reader reader_;
  sinks::Output out_;
  sinks::Output err_;
  FileNames names_;
  std::optional<journey::Builder> builder_;
  std::unique_ptr<sinks::Sink> sink_;
  std::optional<std::uint64_t> live_count_;  // the live run showed so many, and no more
  std::uint64_t ended_ = 0;                  // journeys, also those that nobody asked for
  std::uint64_t undecodable_ = 0;
  bool has_end_ = false;
  bool has_second_ = false;
  sinks::Summary summary_;
};

void Replay::take(capture::Session&& session) {
  if (builder_) {
    has_second_ = true;
    return;
  }
  live_count_ = session.count;
  summary_.kernel = session.kernel;
  sink_ = make_sink({.wall_minus_monotonic_ns = session.wall_minus_monotonic_ns});
  journey::BuilderOptions builder_options;
  if (session.silence_ns != 0) {
    builder_options.silence_ns = session.silence_ns;
  }
  builder_.emplace(names_, [this](journey::Journey&& journey) { ended(journey); }, builder_options);
}

void Replay::take(capture::Record&& record) {
  ++summary_.events;
  auto event = decode::decode_record(record.bytes);
  if (!event) {
    ++undecodable_;
    return;
  }
  choice_.see(*event, record.bytes);
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
  }
}

void Replay::take(const capture::End& end) {
  has_end_ = true;
  for (const capture::Loss& loss : end.losses) {
    summary_.losses.push_back({.name = loss.name, .says = loss.says, .count = loss.count});
  }
  for (const capture::Probe& probe : end.probes) {
    if (probe.why.empty()) {
      summary_.probes.attached.push_back(probe.name);
    } else {
      summary_.probes.unavailable.push_back({.name = probe.name, .why = probe.why});
    }
  }
  if (end.ping) {
    summary_.ping = statistics_of(*end.ping);
  }
}

std::unique_ptr<sinks::Sink> Replay::make_sink(const sinks::Clock& clock) {
  if (output_.report) {
    // A report travels: in which folders its capture lay is nobody's business.
    const std::string& path = options_.read_file;
    return std::make_unique<sinks::ReportSink>(
        out_, clock,
        sinks::ReportInfo{.file = path == "-" ? "standard input" : path.substr(path.rfind('/') + 1),
                          .selection = selection_words(options_)});
  }
  return sinks::make_sink(options_.common.format, out_, err_, clock,
                          options_.common.verbosity > 0 || options_.common.rules);
}

void Replay::ended(const journey::Journey& journey) {
  ++ended_;
  if ((live_count_ && ended_ > *live_count_) || !wants_more()) {
    return;
  }
  const bool wanted = choice_.wants(journey);
  if (is_for_one()) {
    partners_.take(journey, wanted, [this](const journey::Journey& one) { show(one); });
  } else if (wanted) {
    show(journey);
  }
}

void Replay::show(const journey::Journey& journey) {
  summary_.count(journey);
  sink_->journey(journey);
  if (out_.is_stuck()) {
    out_.flush();
  }
}

Status Replay::run() {
  while (!has_second_ && wants_more() && !out_.closed()) {
    auto item = reader_.next();
    if (!item) {
      break;
    }
    if (!builder_ && !std::holds_alternative<capture::Session>(*item)) {
      take(capture::Session());  // it is lost; what it says can be done without
    }
    std::visit([this](auto&& one) { take(std::forward<decltype(one)>(one)); }, *std::move(item));
  }
  if (builder_) {
    builder_->finish();
  }
  const bool is_read = wants_more();
  if (!has_end_) {
    summary_.losses.push_back({.name = "undecodable",
                               .says = "events that this program could not read",
                               .count = undecodable_});
  }
  summary_.damage = {.places = reader_.damage().places,
                     .bytes = reader_.damage().bytes,
                     .has_end = has_end_ || !is_read};
  sink_->summary(summary_);
  if (output_.report) {
    err_.write(sinks::summary_words(summary_));
    err_.flush();
  }
  if (const Status good = reader_.status(); !good) {
    return good;
  }
  if (is_for_one() && summary_.journeys == 0) {
    return failure(
        fmt::format("no journey in {} is like that", printable(options_.read_file)),
        "tracepkt trace -r FILE --format json shows those that there are, with their id");
  }
  if (has_second_) {
    return failure(fmt::format("{} holds more than one capture, of which only the first is shown",
                               printable(options_.read_file)));
  }
  return check_written(out_);
}

}  // namespace

Status replay(const TraceOptions& options, capture::Reader reader, const ReplayOutput& output) {
  std::optional<filter::Filter> filter;
  if (!options.filter.empty()) {
    auto compiled = filter::compile(options.filter);
    if (!compiled) {
      return std::unexpected(compiled.error());
    }
    filter = *std::move(compiled);
  }
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of write()
  return Replay(options, std::move(filter), std::move(reader), output).run();
}

Status replay(const TraceOptions& options) {
  auto reader = capture::Reader::open(options.read_file);
  if (!reader) {
    return std::unexpected(reader.error());
  }
  return replay(options, *std::move(reader), {});
}

}  // namespace tracepkt::cli
