#include "cli/option_values.h"

#include <bit>

namespace tracepkt::cli {

Result<std::string> parse_name(std::string_view text) {
  if (text.empty()) {
    return failure("a name is wanted, but nothing was given");
  }
  return std::string(text);
}

Result<std::size_t> parse_buffer(std::string_view text) {
  constexpr std::size_t kSmallest = 64u << 10;
  constexpr std::size_t kLargest = 1u << 30;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const unsigned shift = unit == "K" || unit == "k"   ? 10
                         : unit == "M" || unit == "m" ? 20
                         : unit == "G"                ? 30
                                                      : 0;
  if (error != std::errc() || (shift == 0 && !unit.empty()) || number > kLargest >> shift ||
      number << shift < kSmallest) {
    return failure("give a size from 64K to 1G, such as 16M");
  }
  return std::bit_ceil(number << shift);
}

}  // namespace tracepkt::cli
