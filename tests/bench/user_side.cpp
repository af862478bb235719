// What the user side costs a packet: records like those of tools/bench's flood, through decoding,
// journeys and a sink that writes to /dev/null. Nanoseconds of CPU, so that a busy machine disturbs
// little. No root needed.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "decode/event.h"
#include "journey/builder.h"
#include "records.h"
#include "sinks/sink.h"

namespace {

using tracepkt::bench::FewNames;
using tracepkt::bench::kPackets;
using tracepkt::bench::kWay;
using tracepkt::bench::make_records;
using tracepkt::bench::Records;
using tracepkt::journey::Builder;
using tracepkt::journey::Journey;

constexpr int kRounds = 7;

double cpu_ns() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// The best of some rounds.
double ns_per_packet(const std::function<void()>& work) {
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < kRounds; ++round) {
    const double begin = cpu_ns();
    work();
    best = std::min(best, (cpu_ns() - begin) / kPackets);
  }
  return best;
}

std::uint64_t feed(const Records& records, const Builder::Handler& handler) {
  FewNames names;
  std::uint64_t journeys = 0;
  Builder builder(names, [&](Journey&& journey) {
    ++journeys;
    handler(std::move(journey));
  });
  for (const auto record : records.all) {
    if (auto event = tracepkt::decode::decode_record(record)) {
      builder.add(*std::move(event));
    }
  }
  builder.finish();
  return journeys;
}

}  // namespace

// With the name of a format, only that one, to profile it.
int main(int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";
  const Records records = make_records();
  std::uint64_t sum = 0;
  const double decode = ns_per_packet([&] {
    for (const auto record : records.all) {
      const auto event = tracepkt::decode::decode_record(record);
      sum += event ? event->time_ns : 0;
    }
  });
  const double journeys = ns_per_packet([&] { sum += feed(records, [](Journey&&) {}); });
  fmt::print("{} packets of {} events; ns of CPU a packet, each line with what is above it:\n",
             kPackets, std::size(kWay));
  fmt::print("decode   {:6.0f}\njourneys {:6.0f}\n", decode, journeys);
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  using tracepkt::sinks::Format;
  for (const auto& [format, name] :
       {std::pair(Format::kTable, "table"), std::pair(Format::kClassic, "classic"),
        std::pair(Format::kJson, "json")}) {
    if (!only.empty() && only != name) {
      continue;
    }
    tracepkt::sinks::Output out(null, tracepkt::sinks::ColorMode::kNever);
    const auto sink =
        tracepkt::sinks::make_sink(format, out, out, {}, tracepkt::sinks::Detail::kNews);
    fmt::print("+ {:7}{:6.0f}\n", name, ns_per_packet([&] {
                 sum += feed(records, [&](Journey&& journey) { sink->journey(journey); });
               }));
  }
  close(null);
  return sum == 0 ? 1 : 0;
}
