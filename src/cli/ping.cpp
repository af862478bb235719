// tracepkt ping: sends echo requests and shows the way of each, there and back.
#include <fmt/format.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/ping_exchanges.h"
#include "cli/signals.h"
#include "filter/filter.h"
#include "kernel/netns_open.h"
#include "kernel/rights.h"
#include "ping/echo_socket.h"
#include "ping/statistics.h"
#include "ping/target.h"

namespace tracepkt::cli {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
// After an answer, the last events of its packets may come from another CPU.
constexpr std::uint64_t kSettleNs = 100 * kMs;
// After a drop, an ICMP error may still tell more than silence.
constexpr std::uint64_t kDropGraceNs = 300 * kMs;

// An echo request that is not shown yet.
struct Pending {
  std::uint64_t deadline_ns = 0;
  std::optional<ping::Answer> answer;
  std::string trouble;
};

std::string answer_words(const ping::Answer& answer) {
  return fmt::format("From {}: {}", answer.from_text, answer.words);
}

class PingSession {
 public:
  PingSession(const PingOptions& options, ping::Target target, ping::EchoSocket socket)
      : options_(options), target_(std::move(target)), socket_(std::move(socket)) {}

  Status run();
  int exit_status() const {
    return statistics_.exit_status(options_.common.duration_s ? options_.common.count.value_or(0)
                                                              : 0);
  }

 private:
  kernel::TraceRequest request() const;
  Status send();
  Status receive();
  void keep(journey::Journey&& journey);
  void show_finished(std::uint64_t now_ns);
  bool was_dropped(std::uint64_t seq) const;
  bool is_finished(std::uint64_t seq, const Pending& pending, std::uint64_t now_ns) const;
  void show(std::uint64_t seq, const Pending& pending);
  void finish(std::uint64_t elapsed_ns);
  sinks::PingStatistics statistics() const;

  const PingOptions& options_;
  ping::Target target_;
  ping::EchoSocket socket_;
  std::unique_ptr<Live> live_;
  ping::Statistics statistics_;
  std::uint64_t elapsed_ns_ = 0;
  std::map<std::uint64_t, Pending> pending_;  // by seq
  PingExchanges exchanges_;
  std::uint64_t next_seq_ = 1;
};

kernel::TraceRequest PingSession::request() const {
  kernel::TraceRequest request{.mode = MATCH_ECHO,
                               .filter = {},
                               .echo = {},
                               .ring_bytes = options_.common.ring_bytes(),
                               .routes = true,
                               .chains = true,
                               .rules = options_.common.rules,
                               .programs = true,
                               .queues = options_.common.verbosity > 0,
                               .functions = options_.common.wanted_functions()};
  const ping::Identity& identity = socket_.identity();
  std::memcpy(&request.echo.cookie, identity.cookie.data(), sizeof(request.echo.cookie));
  std::memset(&request.echo.cookie_mask, 0xff, identity.cookie_bytes);
  request.echo.id = htons(identity.id);
  socklen_t size = sizeof(request.echo.socket_cookie);
  getsockopt(socket_.fd(), SOL_SOCKET, SO_COOKIE, &request.echo.socket_cookie, &size);
  return request;
}

void PingSession::keep(journey::Journey&& journey) {
  live_->count(journey);
  if (const auto other = exchanges_.keep(std::move(journey))) {
    // A second answer, or one that came too late.
    live_->sink().journey(*other);
  }
}

Status PingSession::send() {
  const std::uint64_t seq = next_seq_++;
  statistics_.add_sent();
  Pending& pending = pending_[seq];
  exchanges_.expect(seq);
  if (Recorder* recorder = live_->recorder()) {
    recorder->add_step({.kind = capture::StepKind::kEchoSent, .value = seq});
  }
  pending.deadline_ns = monotonic_ns() + static_cast<std::uint64_t>(options_.wait_s * 1e9);
  const auto outcome = socket_.send(seq);
  if (!outcome) {
    return std::unexpected(outcome.error());
  }
  if (!outcome->sent) {
    statistics_.add_error();
    pending.trouble = outcome->words;
    pending.deadline_ns = monotonic_ns() + kSettleNs;
  }
  return {};
}

Status PingSession::receive() {
  const auto answers = socket_.receive();
  if (!answers) {
    return std::unexpected(answers.error());
  }
  for (const ping::Answer& answer : *answers) {
    const bool reply = answer.kind == ping::AnswerKind::kReply;
    if (reply) {
      answer.duplicate ? statistics_.add_duplicate(answer.rtt_ns)
                       : statistics_.add_reply(answer.rtt_ns);
    } else if (answer.kind == ping::AnswerKind::kError) {
      statistics_.add_error();
    } else if (answer.kind == ping::AnswerKind::kCorrupted) {
      statistics_.add_corrupted();
    }
    const auto it = pending_.find(answer.seq);
    if (it == pending_.end() || answer.duplicate) {
      continue;
    }
    Pending& pending = it->second;
    if (reply || answer.kind == ping::AnswerKind::kError) {
      pending.answer = answer;
      pending.deadline_ns = std::min(pending.deadline_ns, monotonic_ns() + kSettleNs);
    }
    if (!reply) {
      pending.trouble = answer_words(answer);
    }
  }
  return {};
}

bool PingSession::is_finished(std::uint64_t seq, const Pending& pending,
                              std::uint64_t now_ns) const {
  if (now_ns >= pending.deadline_ns) {
    return true;
  }
  // Answered and all of it seen, to the end.
  const auto wire_seq = static_cast<std::uint16_t>(seq);
  return pending.answer && exchanges_.journeys(seq).size() >= 2 &&
         !live_->builder().has_open_echo(wire_seq);
}

// On this machine: nobody will answer.
bool PingSession::was_dropped(std::uint64_t seq) const {
  const auto journeys = exchanges_.journeys(seq);
  return !journeys.empty() && journeys.front().outcome.kind == journey::OutcomeKind::kDropped;
}

void PingSession::show_finished(std::uint64_t now_ns) {
  for (auto& [seq, pending] : pending_) {
    if (!pending.answer && was_dropped(seq)) {
      pending.deadline_ns = std::min(pending.deadline_ns, now_ns + kDropGraceNs);
    }
  }
  while (!pending_.empty() &&
         is_finished(pending_.begin()->first, pending_.begin()->second, now_ns)) {
    show(pending_.begin()->first, pending_.begin()->second);
    pending_.erase(pending_.begin());
  }
}

void PingSession::show(std::uint64_t seq, const Pending& pending) {
  live_->finish_echo(static_cast<std::uint16_t>(seq));
  capture::Exchange exchange{.seq = seq,
                             .host = options_.host,
                             .target = ping::address_text(target_.address),
                             .payload_bytes = options_.payload_bytes,
                             .rtt_ns = {},
                             .ttl = {},
                             .trouble = pending.trouble};
  if (pending.answer && pending.answer->kind == ping::AnswerKind::kReply) {
    exchange.rtt_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(pending.answer->rtt_ns, 0));
    if (pending.answer->ttl >= 0) {
      exchange.ttl = static_cast<std::uint64_t>(pending.answer->ttl);
    }
  }
  if (Recorder* recorder = live_->recorder()) {
    recorder->add_exchange(exchange);
  }
  const std::vector<journey::Journey> journeys = exchanges_.take(seq);
  live_->sink().exchange(shown_exchange(exchange, journeys));
}

sinks::PingStatistics PingSession::statistics() const {
  return {.host = options_.host,
          .sent = statistics_.sent(),
          .received = statistics_.received(),
          .duplicates = statistics_.duplicates(),
          .errors = statistics_.errors(),
          .corrupted = statistics_.corrupted(),
          .loss_percent = statistics_.loss_percent(),
          .rtt_min_ns = static_cast<std::uint64_t>(statistics_.rtt_min_ns()),
          .rtt_avg_ns = statistics_.rtt_avg_ns(),
          .rtt_max_ns = static_cast<std::uint64_t>(statistics_.rtt_max_ns()),
          .rtt_mdev_ns = statistics_.rtt_mdev_ns(),
          .packets_line = statistics_.packets_line(std::chrono::milliseconds(elapsed_ns_ / kMs)),
          .rtt_line = statistics_.rtt_line()};
}

Status PingSession::run() {
  auto signals = Signals::block();
  if (!signals) {
    return std::unexpected(signals.error());
  }
  // How long a packet may be silent is for -W to say.
  const journey::BuilderOptions builder_options{
      .silence_ns = static_cast<std::uint64_t>(options_.wait_s * 1e9) + 1000 * kMs};
  auto live = Live::start(
      options_.common, request(), [this](journey::Journey&& journey) { keep(std::move(journey)); },
      builder_options);
  if (!live) {
    return std::unexpected(live.error());
  }
  live_ = *std::move(live);

  const std::uint64_t begin_ns = monotonic_ns();
  const auto interval_ns = static_cast<std::uint64_t>(options_.interval_s * 1e9);
  const std::uint64_t end_ns =
      options_.common.duration_s
          ? begin_ns + static_cast<std::uint64_t>(*options_.common.duration_s * 1e9)
          : UINT64_MAX;
  const auto all_sent = [&] { return options_.common.count && next_seq_ > *options_.common.count; };
  std::uint64_t next_send_ns = begin_ns;
  Status status;
  bool interrupted = signals->arrived();  // while it started
  while (status && !interrupted && !live_->is_over() && !(all_sent() && pending_.empty())) {
    const std::uint64_t now_ns = monotonic_ns();
    if (now_ns >= end_ns) {
      break;
    }
    // Nor does who writes to a full pipe go on.
    if (now_ns >= next_send_ns && !all_sent() && !live_->out().is_stuck()) {
      next_send_ns = std::max(next_send_ns + interval_ns, now_ns);
      status = send();
    }
    // While an answer is awaited, its events are too, and nothing tells when they come.
    const std::uint64_t idle_ns = all_sent() || next_send_ns < now_ns ? 0 : next_send_ns - now_ns;
    const std::uint64_t wait_ns =
        pending_.empty() && live_->out().waiting_bytes() == 0
            ? std::min(idle_ns, 1000 * kMs)
            : std::min<std::uint64_t>(idle_ns == 0 ? 5 * kMs : idle_ns, 5 * kMs);
    pollfd fds[] = {{.fd = socket_.fd(), .events = POLLIN, .revents = 0},
                    {.fd = signals->fd(), .events = POLLIN, .revents = 0}};
    poll(fds, 2, static_cast<int>(wait_ns / kMs) + (wait_ns > 0 ? 1 : 0));
    interrupted = signals->arrived();
    if (status) {
      status = receive();
    }
    live_->read();
    show_finished(monotonic_ns());
    live_->out().offer();
  }
  elapsed_ns_ = monotonic_ns() - begin_ns;
  live_->stop();
  for (auto& [seq, pending] : pending_) {
    if (interrupted && !pending.answer && pending.trouble.empty() && !was_dropped(seq)) {
      pending.trouble = "Interrupted before an answer came.";
    }
    show(seq, pending);
  }
  pending_.clear();
  sinks::Summary summary = live_->summary();
  summary.ping = statistics();
  const Status finished = live_->finish(summary, *signals);
  return status ? finished : status;
}

Result<PingSession> prepare(const PingOptions& options) {
  std::vector<int> also;  // not CAP_NET_RAW: a ping socket may do, as EchoSocket finds out
  if (options.mark) {
    also.push_back(CAP_NET_ADMIN);
  }
  if (!options.netns.empty()) {
    also.push_back(CAP_SYS_ADMIN);
  }
  if (const auto allowed = kernel::require(kernel::read_rights(), also, "ping"); !allowed) {
    return std::unexpected(allowed.error());
  }
  std::optional<ping::Target> target;
  std::optional<ping::EchoSocket> socket;
  const auto open = [&]() -> Status {
    auto resolved = ping::resolve(options.host, options.family);
    if (!resolved) {
      return std::unexpected(resolved.error());
    }
    auto opened = ping::EchoSocket::open({.target = resolved->address,
                                          .payload_bytes = options.payload_bytes,
                                          .ttl = options.ttl,
                                          .mark = options.mark,
                                          .via = options.via});
    if (!opened) {
      return std::unexpected(opened.error());
    }
    target = *std::move(resolved);
    socket = *std::move(opened);
    return {};
  };
  Status status;
  if (options.netns.empty()) {
    status = open();
  } else {
    const auto netns = kernel::open_netns(options.netns);
    if (!netns) {
      return std::unexpected(netns.error());
    }
    status = kernel::run_in_netns(netns->get(), open);
  }
  if (!status) {
    return std::unexpected(status.error());
  }
  return PingSession(options, *std::move(target), *std::move(socket));
}

}  // namespace

int run_ping(const PingOptions& options) {
  auto session = prepare(options);
  if (!session) {
    return report(session.error());
  }
  const Status status = session->run();
  return status ? session->exit_status() : report(status.error());
}

}  // namespace tracepkt::cli
