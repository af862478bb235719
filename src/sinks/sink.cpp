#include "sinks/sink.h"

#include "sinks/classic.h"
#include "sinks/json.h"
#include "sinks/table.h"

namespace tracepkt::sinks {

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

std::unique_ptr<Sink> make_sink(Format format, Output& out, Output& err, const Clock& clock) {
  switch (format) {
    case Format::kClassic:
      return std::make_unique<ClassicSink>(out, err);
    case Format::kJson:
      return std::make_unique<JsonSink>(out, clock);
    case Format::kTable:
      break;
  }
  return std::make_unique<TableSink>(out);
}

}  // namespace tracepkt::sinks
