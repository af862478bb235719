// What each sink costs a journey: those of tools/bench's flood, shown to /dev/null. Journeys a
// second, on one core, without a kernel and without root. The pictures are of one journey.
#include "sinks/sink.h"

#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "decode/event.h"
#include "journey/builder.h"
#include "records.h"
#include "sinks/picture.h"
#include "sinks/report.h"

namespace {

using tracepkt::Fd;
using tracepkt::journey::Journey;
using namespace tracepkt::sinks;

const std::vector<Journey>& journeys() {
  static const std::vector<Journey> kMade = [] {
    std::vector<Journey> all;
    tracepkt::bench::FewNames names;
    tracepkt::journey::Builder builder(
        names, [&](Journey&& journey) { all.push_back(std::move(journey)); });
    const tracepkt::bench::Records records = tracepkt::bench::make_records();
    for (const auto record : records.all) {
      if (auto event = tracepkt::decode::decode_record(record)) {
        builder.add(*std::move(event));
      }
    }
    builder.finish();
    return all;
  }();
  return kMade;
}

void show_all(benchmark::State& state, Sink& sink) {
  for (auto _ : state) {
    for (const Journey& journey : journeys()) {
      sink.journey(journey);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * journeys().size()));
}

struct Nowhere {
  Fd file{open("/dev/null", O_WRONLY | O_CLOEXEC)};
  Output out{file.get(), ColorMode::kNever};
};

void sink(benchmark::State& state, Format format) {
  Nowhere nowhere;
  const auto made = make_sink(format, nowhere.out, nowhere.out, {}, Detail::kNews);
  show_all(state, *made);
}
BENCHMARK_CAPTURE(sink, table, Format::kTable);
BENCHMARK_CAPTURE(sink, classic, Format::kClassic);
BENCHMARK_CAPTURE(sink, json, Format::kJson);
BENCHMARK_CAPTURE(sink, perfetto, Format::kPerfetto);

void report(benchmark::State& state) {
  Nowhere nowhere;
  ReportSink made(nowhere.out, {}, {.file = "it.pcapng"});
  show_all(state, made);
}
BENCHMARK(report);

template <auto Draw>
void picture(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(Draw({&journeys().front(), 1}));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(picture<svg_picture>)->Name("svg");
BENCHMARK(picture<mermaid_picture>)->Name("mermaid");
BENCHMARK(picture<dot_picture>)->Name("dot");

}  // namespace

BENCHMARK_MAIN();
