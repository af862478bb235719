// What the user typed, per command. Filled in by command_line.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "journey/journey.h"
#include "ping/target.h"
#include "sinks/output.h"
#include "sinks/sink.h"
#include "wire/record.h"

namespace tracepkt::cli {

// Options that mean the same everywhere.
struct CommonOptions {
  sinks::Format format = sinks::Format::kTable;
  sinks::ColorMode color = sinks::ColorMode::kAuto;
  bool numeric = false;                  // -n
  int verbosity = 0;                     // -v, -vv
  std::optional<std::string> functions;  // --functions
  bool rules = false;                    // --rules
  std::optional<std::uint64_t> count;    // --count
  std::optional<double> duration_s;      // --duration
  std::size_t buffer_bytes = 0;          // --buffer; 0: not given
  std::string write_file;                // -w; "-": the standard output
  std::string output_file;               // -o; empty: the standard output
  std::uint64_t rotate_bytes = 0;        // --rotate; 0: never
  std::uint64_t files = 0;               // --files; 0: all
  std::size_t snaplen = WINDOW_BYTES;    // --snaplen

  // What of each journey is shown.
  sinks::Detail detail() const {
    return verbosity > 1            ? sinks::Detail::kFunctions
           : verbosity > 0 || rules ? sinks::Detail::kEveryStage
                                    : sinks::Detail::kNews;
  }
  // The kernel functions that are asked for; empty: all of them.
  std::optional<std::string> wanted_functions() const {
    return functions || verbosity < 2 ? functions : std::optional(std::string());
  }
  // More where the reader has more to do, or each packet leaves many events.
  std::size_t ring_bytes() const {
    const bool much = !write_file.empty() || wanted_functions();
    const std::size_t usual = (much ? 32u : 16u) << 20;
    return buffer_bytes != 0 ? buffer_bytes : usual;
  }
};

// A moment: on the wall clock, or as seen from a capture's beginning.
struct Moment {
  std::int64_t ns = 0;
  enum class Of : std::uint8_t { kWallClock, kBeginning, kDay } of = Of::kWallClock;
};

// What is read instead of the kernel, and what of it.
struct ReadOptions {
  std::vector<std::string> files;  // -r; "-": the standard input
  std::string netns;
  std::string device;
  std::optional<Moment> since;
  std::optional<Moment> until;
};

struct PingOptions {
  CommonOptions common;
  std::string host;
  ping::Family family = ping::Family::kAny;
  double interval_s = 1;
  std::size_t payload_bytes = 56;
  std::optional<int> ttl;
  double wait_s = 4;
  std::string via;
  std::optional<std::uint32_t> mark;
  std::string netns;
};

struct TraceOptions {
  CommonOptions common;
  std::string filter;
  std::vector<std::string> command;  // behind --; it runs in read.netns
  ReadOptions read;
  // With -r:
  std::optional<journey::OutcomeKind> outcome;
  std::optional<std::uint64_t> journey;  // and what it answers or what answered it
  bool by_duration = false;              // --sort duration
};

struct ReportOptions {
  TraceOptions reading;
  std::optional<sinks::Format> picture;  // none: the page
  std::string output_file;               // empty: beside what is read; "-": the standard output
};

struct DropsOptions {
  CommonOptions common;
  std::string filter;
  ReadOptions read;
  std::optional<double> interval_s;  // -i
};

struct ProbesOptions {
  CommonOptions common;
  bool schema = false;  // --schema
};

struct DoctorOptions {
  CommonOptions common;
};

int run_ping(const PingOptions& options);
int run_trace(const TraceOptions& options);
int run_report(const ReportOptions& options);
int run_drops(const DropsOptions& options);
int run_probes(const ProbesOptions& options);
int run_doctor(const DoctorOptions& options);

// Tells the user on stderr what went wrong and what to do; returns the exit status for it.
int report(const Error& error);

}  // namespace tracepkt::cli
