// tracepkt trace -r: what a live session showed, from its capture file alone.
#pragma once

#include "base/result.h"
#include "cli/options.h"

namespace tracepkt::cli {

// Shows the journeys of options.read_file that the options ask for, and the summary.
Status replay(const TraceOptions& options);

}  // namespace tracepkt::cli
