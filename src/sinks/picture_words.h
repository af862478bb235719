// What is written in a picture, whatever its language.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/lanes.h"

namespace tracepkt::sinks {

// A line beside a station. `kind` is its class in page/picture.css.
struct Line {
  std::string text;
  std::string_view kind;
  std::string time;  // since the hop before; empty: it is the first
};

// What happened at the station; words are wrapped at `width` characters.
std::vector<Line> lines_of(const Way& way, const Station& station, std::size_t width);

bool is_last(const Way& way, const Station& station);

// "delivered", "dropped", "freed" (dropped, and no fault), ...
std::string_view end_kind(const journey::Journey& journey);

// The headline of a picture.
std::string title_of(const journey::Journey& journey);

// Why, how to see it, how to mend it, a paragraph each; none where all is well.
std::vector<std::string> notes_of(const journey::Journey& journey);

}  // namespace tracepkt::sinks
