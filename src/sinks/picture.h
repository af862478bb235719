// The picture of a journey and what answered it, in three languages. Names are escaped for each:
// whatever they hold, they stay text.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "journey/journey.h"

namespace tracepkt::sinks {

// An SVG file, with its styles for light and dark inside.
std::string svg_picture(std::span<const journey::Journey> journeys);

// A flowchart in Mermaid's language, as GitHub and GitLab draw it in texts.
std::string mermaid_picture(std::span<const journey::Journey> journeys);

// A graph for Graphviz's dot.
std::string dot_picture(std::span<const journey::Journey> journeys);

// Text for these languages.
std::string xml_text(std::string_view raw);
std::string mermaid_text(std::string_view raw);
std::string dot_text(std::string_view raw);

}  // namespace tracepkt::sinks
