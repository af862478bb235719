// Standard input, output and error, one or all of which the caller may have closed.
#pragma once

#include "base/result.h"
#include "sinks/output.h"

namespace tracepkt::cli {

// Call it before anything else is opened: in place of what is closed there is /dev/null, or a
// socket of ours would be written to as if it were the output. Fails if the output was closed.
Status open_standard_files();

// Fails if something did not get written. That a reader went away is not a failure.
Status check_written(const sinks::Output& out);

}  // namespace tracepkt::cli
