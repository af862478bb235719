// What capture files cost: written as -w does, read, and joined to journeys as -r does. Events a
// second, on one core, without a kernel and without root.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "capture/reader.h"
#include "cli/recorder.h"
#include "decode/event.h"
#include "journey/builder.h"
#include "records.h"

namespace {

using tracepkt::bench::FewNames;
using tracepkt::bench::Records;
using tracepkt::capture::Reader;
using tracepkt::cli::Recorder;
using tracepkt::journey::Builder;
using tracepkt::journey::Journey;

// As many as the ring gives at once when it is busy.
constexpr std::size_t kBatch = 1024;

const Records& records() {
  static const Records kMade = tracepkt::bench::make_records();
  return kMade;
}

void count_events(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(records().all.size()));
}

Recorder recorder_to(const std::string& path, FewNames& names) {
  auto recorder = Recorder::create({.path = path}, {}, names);
  if (!recorder) {
    std::abort();
  }
  return *std::move(recorder);
}

void write_all(Recorder& recorder) {
  std::size_t number = 0;
  for (const auto record : records().all) {
    if (const auto event = tracepkt::decode::decode_record(record)) {
      recorder.describe(*event);
    }
    recorder.add_record(record);
    if (++number % kBatch == 0 && !recorder.flush()) {
      std::abort();
    }
  }
}

void decode(benchmark::State& state) {
  for (auto _ : state) {
    for (const auto record : records().all) {
      benchmark::DoNotOptimize(tracepkt::decode::decode_record(record));
    }
  }
  count_events(state);
}
BENCHMARK(decode);

void decode_and_join(benchmark::State& state) {
  FewNames names;
  for (auto _ : state) {
    Builder builder(names, [](Journey&& journey) { benchmark::DoNotOptimize(journey.id); });
    for (const auto record : records().all) {
      if (auto event = tracepkt::decode::decode_record(record)) {
        builder.add(*std::move(event));
      }
    }
    builder.finish();
  }
  count_events(state);
}
BENCHMARK(decode_and_join);

void decode_and_write(benchmark::State& state) {
  FewNames names;
  Recorder recorder = recorder_to("/dev/null", names);
  for (auto _ : state) {
    write_all(recorder);
  }
  count_events(state);
}
BENCHMARK(decode_and_write);

void decode_join_and_write(benchmark::State& state) {
  FewNames names;
  Recorder recorder = recorder_to("/dev/null", names);
  for (auto _ : state) {
    Builder builder(recorder, [](Journey&& journey) { benchmark::DoNotOptimize(journey.id); });
    std::size_t number = 0;
    for (const auto record : records().all) {
      if (auto event = tracepkt::decode::decode_record(record)) {
        recorder.describe(*event);
        builder.add(*std::move(event));
      }
      recorder.add_record(record);
      if (++number % kBatch == 0 && !recorder.flush()) {
        std::abort();
      }
    }
    builder.finish();
  }
  count_events(state);
}
BENCHMARK(decode_join_and_write);

const std::string& file() {
  static const std::string kBytes = [] {
    const std::string path = "/tmp/tracepkt-capture-bench-" + std::to_string(getpid());
    FewNames names;
    Recorder recorder = recorder_to(path, names);
    write_all(recorder);
    recorder.end({});
    if (!recorder.flush()) {
      std::abort();
    }
    std::ifstream stream(path, std::ios::binary);
    std::string all{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    unlink(path.c_str());
    return all;
  }();
  return kBytes;
}

Reader reader() {
  auto opened = Reader::open(
      "it", [rest = std::as_bytes(std::span(file()))](std::span<std::byte> room) mutable {
        const std::size_t taken = std::min(room.size(), rest.size());
        std::ranges::copy(rest.first(taken), room.begin());
        rest = rest.subspan(taken);
        return static_cast<std::int64_t>(taken);
      });
  if (!opened) {
    std::abort();
  }
  return *std::move(opened);
}

void read(benchmark::State& state) {
  for (auto _ : state) {
    Reader capture = reader();
    while (true) {
      if (const auto record = capture.next_record()) {
        benchmark::DoNotOptimize(record);
      } else if (const auto item = capture.next()) {
        benchmark::DoNotOptimize(item);
      } else {
        break;
      }
    }
  }
  count_events(state);
}
BENCHMARK(read);

void read_and_join(benchmark::State& state) {
  FewNames names;
  for (auto _ : state) {
    Reader capture = reader();
    Builder builder(names, [](Journey&& journey) { benchmark::DoNotOptimize(journey.id); });
    while (true) {
      if (const auto record = capture.next_record()) {
        if (auto event = tracepkt::decode::decode_record(*record)) {
          builder.add(*std::move(event));
        }
      } else if (const auto item = capture.next()) {
        const auto* one = std::get_if<tracepkt::capture::Record>(&*item);
        auto event = tracepkt::decode::decode_record(one ? one->bytes : std::vector<std::byte>());
        if (event) {
          builder.add(*std::move(event));
        }
      } else {
        break;
      }
    }
    builder.finish();
  }
  count_events(state);
}
BENCHMARK(read_and_join);

}  // namespace

BENCHMARK_MAIN();
