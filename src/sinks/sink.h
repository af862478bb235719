// What a traced session is shown by. One sink per format; all get the same things in the same
// order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "explain/advice_words.h"
#include "journey/journey.h"
#include "sinks/output.h"

namespace tracepkt::sinks {

// An echo request and what came of it.
struct PingExchange {
  std::uint64_t seq = 0;
  std::string host;    // as the user typed it
  std::string target;  // its address
  std::size_t payload_bytes = 0;
  std::optional<std::uint64_t> rtt_ns;         // answered
  int ttl = -1;                                // with which the reply arrived
  std::string trouble;                         // why it was not sent, or what came back instead
  std::span<const journey::Journey> journeys;  // in order of first sight
};

// Why the kernel may not have answered, though it took the request, and nothing else is known of
// it; see explain::silence_words().
std::optional<explain::AdviceWords> silence_words(const PingExchange& exchange);

struct PingStatistics {
  std::string host;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t errors = 0;
  std::uint64_t corrupted = 0;  // replies whose checksum is wrong
  double loss_percent = 0;
  std::uint64_t rtt_min_ns = 0;
  double rtt_avg_ns = 0;
  std::uint64_t rtt_max_ns = 0;
  double rtt_mdev_ns = 0;
  std::string packets_line;  // as ping prints it
  std::string rtt_line;      // empty where nothing came back
};

struct LossCount {
  std::string name;
  std::string says;
  std::uint64_t count = 0;
};

struct ProbeCount {
  std::vector<std::string> attached;
  struct Unavailable {
    std::string name;
    std::string why;
  };
  std::vector<Unavailable> unavailable;
};

// What a capture file that is read does not tell.
struct FileDamage {
  std::uint64_t places = 0;
  std::uint64_t bytes = 0;  // that could not be read
  bool has_end = true;      // false: neither does it tell what was lost while tracing
  bool read_to_end = true;  // false: nobody wanted more, and what it may tell there is not known

  bool any() const { return places != 0 || !has_end; }
  bool tells_losses() const { return has_end && read_to_end; }
};

struct Summary {
  std::uint64_t journeys = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  std::uint64_t freed = 0;  // of the dropped ones: those that were no fault
  std::uint64_t left = 0;
  std::uint64_t consumed = 0;
  std::uint64_t lost_sight = 0;
  std::uint64_t events = 0;
  std::uint64_t not_shown = 0;    // journeys that the output was too slow for
  std::uint64_t shorter = 0;      // journeys that were not shown beside so many longer ones
  std::vector<LossCount> losses;  // every cause, also those of 0
  std::string kernel;
  ProbeCount probes;
  std::optional<PingStatistics> ping;
  FileDamage damage;

  // Counts a journey that ended.
  void count(const journey::Journey& journey);

  std::uint64_t lost_events() const;
};

// How time is told: events carry CLOCK_MONOTONIC, people and JSON want the wall clock.
struct Clock {
  std::int64_t wall_minus_monotonic_ns = 0;

  // Of any numbers, as a damaged file has them.
  std::int64_t wall_ns(std::uint64_t monotonic_ns) const {
    return static_cast<std::int64_t>(monotonic_ns +
                                     static_cast<std::uint64_t>(wall_minus_monotonic_ns));
  }
};

class Sink {
 public:
  virtual ~Sink() = default;
  // The caller flushes the output.
  virtual void journey(const journey::Journey& journey) = 0;
  virtual void exchange(const PingExchange& exchange) = 0;
  virtual void summary(const Summary& summary) = 0;
};

// The last three are pictures, of one journey and what answered it.
enum class Format : std::uint8_t { kTable, kClassic, kJson, kPerfetto, kSvg, kMermaid, kDot };

// How much a table shows; what programs read has it all.
enum class Detail : std::uint8_t {
  kNews,
  kEveryStage,  // -v: also what only says that all went on
  kFunctions,   // -vv: and every kernel function
};

constexpr bool is_picture(Format format) { return format >= Format::kSvg; }

// `out` takes data, `err` the rest; both must outlive the sink.
std::unique_ptr<Sink> make_sink(Format format, Output& out, Output& err, const Clock& clock,
                                Detail detail);

// Shows the summary alone, on `err`, in words.
std::unique_ptr<Sink> make_summary_sink(Output& err);

}  // namespace tracepkt::sinks
