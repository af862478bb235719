// Where in a namespace a hop stands: on an interface, or between them.
#pragma once

#include <string>

#include "journey/journey.h"

namespace tracepkt::sinks {

// Also of stages that this file does not know: what they decide is decided inside.
bool is_at_interface(const journey::Hop& hop);

// The interface that the hop is on, or that it is about, as text to show; empty where there is
// none.
std::string device_label(const journey::Hop& hop);

}  // namespace tracepkt::sinks
