// What of a hop is shown, and where: on an interface, or between them.
#pragma once

#include <string>

#include "journey/journey.h"

namespace tracepkt::sinks {

// Also of stages that this file does not know: what they decide is decided inside.
bool is_at_interface(const journey::Hop& hop);

// The interface that the hop is on, or that it is about, as text to show; empty where there is
// none.
std::string device_label(const journey::Hop& hop);

// Does it say more than that all went on? Every packet is asked about at many chains on most
// machines, and mostly let through.
bool is_news(const journey::Hop& hop);

}  // namespace tracepkt::sinks
