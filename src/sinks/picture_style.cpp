#include "sinks/picture_style.h"

#include <map>

namespace tracepkt::sinks {
namespace {

using Colors = std::map<std::string_view, std::string_view>;

// "--name: value;" of `block`, until its "}".
Colors colors_of(std::string_view block) {
  Colors colors;
  block = block.substr(0, block.find('}'));
  for (std::size_t at = 0; (at = block.find("--", at)) != std::string_view::npos;) {
    const std::size_t colon = block.find(':', at);
    const std::size_t end = block.find(';', at);
    if (colon == std::string_view::npos || end == std::string_view::npos) {
      break;
    }
    colors[block.substr(at, colon - at)] = block.substr(colon + 2, end - colon - 2);
    at = end;
  }
  return colors;
}

std::string with_colors(std::string_view rules, const Colors& colors) {
  constexpr std::string_view kVariable = "var(";
  std::string out;
  for (std::size_t at = rules.find(kVariable); at != std::string_view::npos;
       at = rules.find(kVariable)) {
    const std::size_t end = rules.find(')', at);
    const auto color =
        colors.find(rules.substr(at + kVariable.size(), end - at - kVariable.size()));
    out += rules.substr(0, at);
    out += color != colors.end() ? color->second : "currentColor";
    rules.remove_prefix(end + 1);
  }
  return out.append(rules);
}

}  // namespace

std::string plain_style(std::string_view style) {
  constexpr std::string_view kDark = "@media (prefers-color-scheme: dark) {";
  constexpr std::string_view kEnd = "\n}\n";
  const std::size_t dark = style.find(kDark);
  const std::size_t rules = style.find(kEnd, dark) + kEnd.size();
  const Colors light_colors = colors_of(style);
  const Colors dark_colors = colors_of(style.substr(dark));
  const std::size_t font = style.find("font:");
  return ".picture { " + std::string(style.substr(font, style.find(';', font) - font)) + "; }\n" +
         with_colors(style.substr(rules), light_colors) + std::string(kDark) + "\n" +
         with_colors(style.substr(rules), dark_colors) + "}\n";
}

}  // namespace tracepkt::sinks
