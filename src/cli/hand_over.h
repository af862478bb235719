// The end of a session's output, whose reader may not read.
#pragma once

#include "base/result.h"
#include "cli/signals.h"
#include "sinks/output.h"
#include "sinks/sink.h"

namespace tracepkt::cli {

// Waits until all of the output is taken. When somebody wants an end (Signals::is_urgent()), a
// reader that reads nothing for some seconds is not waited for any longer. Fails if something did
// not get written; that a reader went away is not a failure.
Status hand_over(sinks::Output& out, Signals& signals);

// The same with the summary as its end, which goes to `err` if nobody reads the output.
Status end_output(sinks::Sink& sink, const sinks::Summary& summary, sinks::Output& out,
                  sinks::Output& err, Signals& signals);

}  // namespace tracepkt::cli
