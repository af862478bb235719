// A capture of any length, of records like those of tools/bench's flood: to see what a large file
// takes to read, without what a kernel under load loses.
#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <system_error>

#include "cli/recorder.h"
#include "decode/event.h"
#include "records.h"

int main(int argc, char** argv) {
  using namespace tracepkt;
  const std::string_view number = argc == 3 ? argv[2] : "";
  int packets = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), packets);
  if (error != std::errc() || end != number.data() + number.size() || packets < 1) {
    fmt::print(stderr, "usage: make_capture FILE PACKETS\n");
    return 2;
  }
  bench::FewNames names;
  auto recorder = cli::Recorder::create({.path = argv[1]}, {}, names);
  if (!recorder) {
    fmt::print(stderr, "make_capture: cannot create {}\n", argv[1]);
    return 2;
  }
  for (int first = 0; first < packets; first += bench::kPackets) {
    const bench::Records records = bench::make_records(first);
    for (const auto record : records.all) {
      if (const auto event = decode::decode_record(record)) {
        recorder->describe(*event);
      }
      recorder->add_record(record);
    }
    if (!recorder->flush()) {
      break;
    }
  }
  recorder->end({});
  if (!recorder->flush()) {
    fmt::print(stderr, "make_capture: cannot write {}\n", argv[1]);
    return 2;
  }
  return 0;
}
