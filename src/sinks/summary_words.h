// The last lines of a session, for people.
#pragma once

#include <string>

#include "sinks/sink.h"

namespace tracepkt::sinks {

std::string summary_words(const Summary& summary);

// "; 14 events, none lost", the line's end, and a line for each thing that is missing.
std::string loss_words(const Summary& summary);

}  // namespace tracepkt::sinks
