#include "sinks/sink.h"

#include "explain/words.h"
#include "sinks/classic.h"
#include "sinks/json.h"
#include "sinks/perfetto.h"
#include "sinks/picture_sink.h"
#include "sinks/summary_words.h"
#include "sinks/table.h"

namespace tracepkt::sinks {
namespace {

class SummarySink : public Sink {
 public:
  explicit SummarySink(Output& err) : err_(err) {}
  void journey(const journey::Journey&) override {}
  void exchange(const PingExchange&) override {}
  void summary(const Summary& summary) override {
    err_.write(summary_words(summary));
    err_.flush();
  }

 private:
  Output& err_;
};

}  // namespace

void Summary::count(const journey::Journey& journey) {
  using journey::OutcomeKind;
  ++journeys;
  switch (journey.outcome.kind) {
    case OutcomeKind::kDelivered:
      ++delivered;
      break;
    case OutcomeKind::kDropped:
      ++dropped;
      freed += explain::is_fault(journey) ? 0 : 1;
      break;
    case OutcomeKind::kLeft:
      ++left;
      break;
    case OutcomeKind::kConsumed:
      ++consumed;
      break;
    case OutcomeKind::kLost:
      ++lost_sight;
      break;
  }
}

std::uint64_t Summary::lost_events() const {
  std::uint64_t sum = 0;
  for (const LossCount& loss : losses) {
    sum += loss.count;
  }
  return sum;
}

std::optional<explain::AdviceWords> silence_words(const PingExchange& exchange) {
  if (exchange.rtt_ns || !exchange.trouble.empty() || exchange.journeys.size() != 1) {
    return std::nullopt;
  }
  return explain::silence_words(exchange.journeys.front());
}

std::unique_ptr<Sink> make_sink(Format format, Output& out, Output& err, const Clock& clock,
                                Detail detail) {
  switch (format) {
    case Format::kClassic:
      return std::make_unique<ClassicSink>(out, err);
    case Format::kJson:
      return std::make_unique<JsonSink>(out, clock);
    case Format::kPerfetto:
      return std::make_unique<PerfettoSink>(out, err, clock);
    case Format::kSvg:
    case Format::kMermaid:
    case Format::kDot:
      return std::make_unique<PictureSink>(format, out, err, detail != Detail::kNews);
    case Format::kTable:
      break;
  }
  return std::make_unique<TableSink>(out, detail);
}

std::unique_ptr<Sink> make_summary_sink(Output& err) { return std::make_unique<SummarySink>(err); }

}  // namespace tracepkt::sinks
