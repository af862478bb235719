// Text that the build embeds in the program (cmake/EmbedFile.cmake).
#pragma once

#include <string_view>

extern "C" {
extern const char tracepkt_report_page_begin[];
extern const char tracepkt_report_page_end[];
extern const char tracepkt_picture_style_begin[];
extern const char tracepkt_picture_style_end[];
}

namespace tracepkt::sinks {

// page/page.html with everything in it; the journeys belong in place of @DATA@.
inline std::string_view report_page() {
  return {tracepkt_report_page_begin, tracepkt_report_page_end};
}

// page/picture.css
inline std::string_view picture_style() {
  return {tracepkt_picture_style_begin, tracepkt_picture_style_end};
}

}  // namespace tracepkt::sinks
