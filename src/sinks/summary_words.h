// The last lines of a session, for people.
#pragma once

#include <string>

#include "sinks/sink.h"

namespace tracepkt::sinks {

std::string summary_words(const Summary& summary);

}  // namespace tracepkt::sinks
