#include "cli/option_values.h"

#include <bit>

namespace tracepkt::cli {
namespace {

// Bytes, or K, M, G, T of them, powers of 1024.
std::optional<std::uint64_t> parse_size(std::string_view text, std::uint64_t least,
                                        std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const unsigned shift = unit == "K" || unit == "k"   ? 10
                         : unit == "M" || unit == "m" ? 20
                         : unit == "G" || unit == "g" ? 30
                         : unit == "T" || unit == "t" ? 40
                                                      : 0;
  if (error != std::errc() || (shift == 0 && !unit.empty()) || number > most >> shift ||
      number << shift < least) {
    return std::nullopt;
  }
  return number << shift;
}

}  // namespace

Result<std::string> parse_name(std::string_view text) {
  if (text.empty()) {
    return failure("a name is wanted, but nothing was given");
  }
  return std::string(text);
}

Result<std::size_t> parse_buffer(std::string_view text) {
  const auto size = parse_size(text, 64u << 10, 1u << 30);
  return size ? Result<std::size_t>(std::bit_ceil(*size))
              : failure("give a size from 64K to 1G, such as 16M");
}

Result<std::uint64_t> parse_file_size(std::string_view text) {
  const auto size = parse_size(text, 64u << 10, std::uint64_t{1} << 40);
  return size ? Result<std::uint64_t>(*size) : failure("give a size from 64K to 1T, such as 100M");
}

}  // namespace tracepkt::cli
