// The picture's style for programs that know less of CSS than browsers do (librsvg, Inkscape).
#pragma once

#include <string>
#include <string_view>

namespace tracepkt::sinks {

// `style` begins with the colours' names for light, and in an @media block for dark:
// "--ink: #000;". Gives the rules behind them with the colours in their place, once for each.
std::string plain_style(std::string_view style);

}  // namespace tracepkt::sinks
