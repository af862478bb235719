#include "cli/live.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "capture/contents.h"
#include "cli/hand_over.h"
#include "cli/live_names.h"
#include "cli/recorder.h"
#include "cli/rule_tracing.h"
#include "decode/event.h"
#include "decode/split.h"
#include "kernel/rights.h"
#include "ring/ring.h"

namespace tracepkt::cli {
namespace {

// Packets whose end no hook saw are forgotten by the kernel side after this.
constexpr std::uint64_t kForgetAfterNs = 30'000'000'000;
constexpr std::uint64_t kForgetEveryNs = 5'000'000'000;
constexpr std::uint64_t kLookForProgramsEveryNs = 1'000'000'000;
constexpr std::uint64_t kExpireEveryNs = 100'000'000;
// How long a record may wait for company; and in a busy time, when some hundred came at once.
constexpr int kPauseMs = 20;
constexpr int kBusyPauseMs = 1;
constexpr std::size_t kBusyBytes = 64 << 10;
// The most that was ever seen to come is a quarter of this.
constexpr std::size_t kBytesPerMs = 1 << 20;

capture::Session session_of(const CommonOptions& options, const kernel::TraceRequest& request,
                            const sinks::Clock& clock,
                            const journey::BuilderOptions& builder_options) {
  utsname system = {};
  uname(&system);
  const bool ping = request.mode == MATCH_ECHO;
  return {.version = TRACEPKT_VERSION,
          .command = ping                 ? "ping"
                     : request.drops_only ? "drops"
                                          : "trace",
          .filter = request.filter.expression,
          .kernel = kernel::kernel_release(),
          .machine = system.machine,
          .wall_minus_monotonic_ns = clock.wall_minus_monotonic_ns,
          .silence_ns = builder_options.silence_ns,
          .count = ping ? std::nullopt : options.count};  // ping's is of pings
}

// -o; no file where there is none.
Result<Fd> open_output(const std::string& path) {
  if (path.empty()) {
    return Fd();
  }
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    return errno_failure(errno, "cannot write " + printable(path));
  }
  return fd;
}

}  // namespace

struct Live::State {
  State(const CommonOptions& options, const sinks::Clock& session_clock, kernel::Tracer live_tracer,
        std::unique_ptr<LiveNames> machine_names, std::optional<Recorder> session_recorder,
        Fd output, OnJourney on_journey, OnEvent take_event,
        const journey::BuilderOptions& builder_options)
      : output_file(std::move(output)),
        out(output_file.valid() ? output_file.get() : STDOUT_FILENO, options.color),
        err(STDERR_FILENO, sinks::ColorMode::kNever),
        clock(session_clock),
        shows_journeys(options.write_file != "-"),
        sink(shows_journeys ? sinks::make_sink(options.format, out, err, clock, options.detail())
                            : sinks::make_summary_sink(err)),
        tracer(std::move(live_tracer)),
        live_names(std::move(machine_names)),
        recorder(std::move(session_recorder)),
        names(recorder ? static_cast<journey::Names&>(*recorder) : *live_names),
        builder(names, std::move(on_journey), builder_options),
        on_event(std::move(take_event)) {}

  void read_from_ring(std::span<const std::byte> record);
  void take(std::span<const std::byte> record);
  void keep(const capture::Step& step);
  sinks::Summary summary() const;

  Fd output_file;  // -o
  sinks::Output out;
  sinks::Output err;
  sinks::Clock clock;
  bool shows_journeys;  // false: the output is the capture's
  std::unique_ptr<sinks::Sink> sink;
  kernel::Tracer tracer;
  std::optional<RuleTracing> rule_tracing;  // --rules
  std::unique_ptr<LiveNames> live_names;
  std::optional<Recorder> recorder;  // -w
  journey::Names& names;
  journey::Builder builder;
  OnEvent on_event;  // empty: the builder gets them
  decode::TakeRecord take_one = [this](std::span<const std::byte> record) { take(record); };
  std::unique_ptr<ring::Ring> ring;
  std::size_t bytes_this_time = 0;
  bool behind = false;
  bool failed = false;  // the recorder cannot write any more
  std::uint64_t expired_ns = 0;
  std::uint64_t forgot_ns = 0;
  std::uint64_t looked_ns = monotonic_ns();  // for XDP and tc programs
  std::uint64_t undecodable = 0;
  sinks::Summary counts;
};

void Live::State::read_from_ring(std::span<const std::byte> record) {
  bytes_this_time += ring->room_of(record.size());
  decode::split_record(record, take_one);
}

void Live::State::take(std::span<const std::byte> record) {
  // A quarter of the ring is full: the kernel is faster than we are. To ask disturbs its CPU.
  if (++counts.events % 64 == 0) {
    behind = ring->waiting() > ring->size() / 4;
  }
  if (auto event = decode::decode_record(record)) {
    // A namespace may be gone before its packet's journey ends: ask for its name while it is there.
    if (event->netns.inode != 0 && event->first) {
      names.netns(event->netns);
    }
    // So may the process: its socket has been seen with it, or its inode tells.
    if (event->socket && event->socket->pid == 0) {
      names.socket_owner(event->socket->inode);
    }
    if (rule_tracing) {
      rule_tracing->see(*event);
    }
    if (recorder) {
      recorder->describe(*event);
    }
    if (on_event) {
      on_event(*std::move(event));
    } else {
      const std::uint64_t journey = builder.add(*std::move(event));
      if (recorder) {
        recorder->joined(journey);
      }
    }
  } else {
    ++undecodable;
  }
  if (recorder) {
    recorder->add_record(record);
    if (recorder->is_full()) {
      recorder->next_file(summary());
    }
  }
}

void Live::State::keep(const capture::Step& step) {
  if (recorder) {
    recorder->add_step(step);
  }
}

Live::Live(std::unique_ptr<State> state) : state_(std::move(state)) {}
Live::~Live() = default;

Result<std::unique_ptr<Live>> Live::start(const CommonOptions& options,
                                          const kernel::TraceRequest& request, OnJourney on_journey,
                                          journey::BuilderOptions builder_options) {
  return start(options, request, std::move(on_journey), {}, builder_options);
}

Result<std::unique_ptr<Live>> Live::start(const CommonOptions& options,
                                          const kernel::TraceRequest& request, OnEvent on_event) {
  return start(options, request, [](journey::Journey&&) {}, std::move(on_event), {});
}

Result<std::unique_ptr<Live>> Live::start(const CommonOptions& options,
                                          const kernel::TraceRequest& request, OnJourney on_journey,
                                          OnEvent on_event,
                                          const journey::BuilderOptions& builder_options) {
  if (auto recent = kernel::require_kernel(kernel::kernel_release()); !recent) {
    return std::unexpected(recent.error());
  }
  std::optional<RuleTracing> rule_tracing;
  if (request.rules) {
    auto started = RuleTracing::start(request);
    if (!started) {
      return std::unexpected(started.error());
    }
    rule_tracing = *std::move(started);
  }
  auto tracer = kernel::Tracer::start(request);
  if (!tracer) {
    return std::unexpected(tracer.error());
  }
  const sinks::Clock clock{.wall_minus_monotonic_ns =
                               clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC)};
  auto names = std::make_unique<LiveNames>(options.numeric);
  std::optional<Recorder> recorder;
  if (!options.write_file.empty()) {
    auto created = Recorder::create({.path = options.write_file,
                                     .rotate_bytes = options.rotate_bytes,
                                     .files = options.files,
                                     .snaplen = options.snaplen},
                                    session_of(options, request, clock, builder_options), *names);
    if (!created) {
      return std::unexpected(created.error());
    }
    recorder.emplace(*std::move(created));
  }
  auto output = open_output(options.output_file);
  if (!output) {
    return std::unexpected(output.error());
  }
  auto state = std::make_unique<State>(options, clock, *std::move(tracer), std::move(names),
                                       std::move(recorder), *std::move(output),
                                       std::move(on_journey), std::move(on_event), builder_options);
  state->rule_tracing = std::move(rule_tracing);
  State* raw = state.get();
  raw->live_names->warm_up();
  if (raw->rule_tracing) {
    raw->rule_tracing->announce();
  }
  auto ring = ring::open(raw->tracer.ring_fd(), raw->tracer.ring_state_fd(),
                         [raw](std::span<const std::byte> record) { raw->read_from_ring(record); });
  if (!ring) {
    return std::unexpected(ring.error());
  }
  state->ring = *std::move(ring);
  return std::unique_ptr<Live>(new Live(std::move(state)));
}

sinks::Sink& Live::sink() { return *state_->sink; }
sinks::Output& Live::out() { return state_->out; }
sinks::Output& Live::err() { return state_->err; }
Recorder* Live::recorder() { return state_->recorder ? &*state_->recorder : nullptr; }
journey::Builder& Live::builder() { return state_->builder; }
journey::Names& Live::names() { return state_->names; }
const sinks::Clock& Live::clock() const { return state_->clock; }

void Live::read() {
  State& state = *state_;
  state.bytes_this_time = 0;
  state.ring->read();
  const std::uint64_t now_ns = monotonic_ns();
  if (now_ns > state.expired_ns + kExpireEveryNs) {
    state.expired_ns = now_ns;
    if (state.builder.expire(now_ns)) {
      state.keep({.kind = capture::StepKind::kExpire, .value = now_ns});
    }
  }
  if (state.recorder) {
    state.failed = !state.recorder->flush();
  }
  if (now_ns > state.looked_ns + kLookForProgramsEveryNs) {
    state.looked_ns = now_ns;
    state.tracer.look_for_programs();
  }
  if (now_ns > state.forgot_ns + kForgetEveryNs) {
    state.forgot_ns = now_ns;
    state.tracer.forget_packets(now_ns, kForgetAfterNs);
    if (state.rule_tracing) {
      state.rule_tracing->look_again();
    }
  }
}

bool Live::is_quiet() const { return state_->bytes_this_time == 0; }

int Live::pause_ms() const {
  const std::size_t taken = state_->bytes_this_time;
  if (taken > state_->ring->size() / 4) {
    return 0;
  }
  const auto room_ms = static_cast<int>(state_->ring->size() / 2 / kBytesPerMs);
  return std::clamp(room_ms, 1, taken > kBusyBytes ? kBusyPauseMs : kPauseMs);
}

bool Live::is_behind() const { return state_->behind && state_->shows_journeys; }
void Live::skip_journey() { ++state_->counts.not_shown; }

void Live::stop() {
  state_->tracer.stop();
  state_->rule_tracing.reset();  // its tables mark packets until then
  while (state_->ring->read() == ring::Ring::kMaxBatch) {
  }
  if (state_->builder.open_count() > 0) {
    state_->builder.finish();
    state_->keep({.kind = capture::StepKind::kFinish});
  }
}

void Live::count(const journey::Journey& journey) { state_->counts.count(journey); }

bool Live::is_over() const { return state_->out.closed() || state_->failed; }

void Live::finish_echo(std::uint16_t seq) {
  state_->builder.finish_echo(seq);
  state_->keep({.kind = capture::StepKind::kFinishEcho, .value = seq});
}

Status Live::finish(const sinks::Summary& summary, Signals& signals) {
  const Status kept = end_capture(summary);
  const Status shown = end_output(*state_->sink, summary, state_->out, state_->err, signals);
  return kept ? shown : kept;
}

Status Live::end_capture(const sinks::Summary& summary) {
  if (!state_->recorder) {
    return {};
  }
  state_->recorder->end(summary);
  return state_->recorder->flush();
}

sinks::Summary Live::summary() const { return state_->summary(); }

sinks::Summary Live::State::summary() const {
  sinks::Summary summary = counts;
  summary.kernel = kernel::kernel_release();
  for (const kernel::Probe& probe : tracer.probes()) {
    if (probe.attached) {
      summary.probes.attached.push_back(probe.name);
    } else {
      summary.probes.unavailable.push_back({.name = probe.name, .why = probe.why});
    }
  }
  for (const kernel::Loss& loss : tracer.losses()) {
    summary.losses.push_back({.name = loss.name, .says = loss.says, .count = loss.count});
  }
  summary.losses.push_back({.name = "undecodable",
                            .says = "events that this program could not read",
                            .count = undecodable});
  summary.losses.push_back({.name = "given_up",
                            .says = "packets given up, because too many were under way at once",
                            .count = builder.given_up()});
  return summary;
}

}  // namespace tracepkt::cli
