// The lines of a text, one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace tracepkt {

// The first line of `text`, without its end, and takes both off `text`: until that is empty. The
// last line may lack an end; no text has no line.
inline std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace tracepkt
