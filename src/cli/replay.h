// tracepkt trace -r and report: what was shown live, again from a capture file, or a part of it.
#pragma once

#include <unistd.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "capture/contents.h"
#include "cli/capture_files.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "filter/filter.h"
#include "sinks/sink.h"

namespace tracepkt::cli {

// What options.read names, on the standard output.
Status replay(const TraceOptions& options);

// What reading needs, whoever shows it.
struct Reading {
  std::optional<filter::Filter> filter;
  Signals signals;  // the files end when one of them comes
  CaptureFiles files;
};
Result<Reading> start_reading(const ReadOptions& options, const std::string& expression);

struct ReplayOutput {
  int fd = STDOUT_FILENO;
  bool report = false;  // a page, in place of options.common.format
};

// Shows the journeys that the options ask for, and the summary.
Status replay(const TraceOptions& options, Reading reading, const ReplayOutput& output);

// Adds what the end of a file tells to a summary, in which others may be.
void add_end(const capture::End& end, sinks::Summary& summary);

// So many items are read before somebody looks whether that is to end.
constexpr int kItemsBetweenLooks = 1024;

}  // namespace tracepkt::cli
