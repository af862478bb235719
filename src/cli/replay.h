// tracepkt trace -r and report: what a live session showed, from its capture file alone.
#pragma once

#include <unistd.h>

#include "base/result.h"
#include "capture/reader.h"
#include "cli/options.h"

namespace tracepkt::cli {

struct ReplayOutput {
  int fd = STDOUT_FILENO;
  bool report = false;  // a page, in place of options.common.format
};

// Shows the journeys of `reader` that the options ask for, and the summary.
Status replay(const TraceOptions& options, capture::Reader reader, const ReplayOutput& output);

// The same of options.read_file, on the standard output.
Status replay(const TraceOptions& options);

}  // namespace tracepkt::cli
