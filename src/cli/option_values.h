// The values of options, from text. A failure says what may be given.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace tracepkt::cli {

// A number from `least` to `most`; a whole one may be hexadecimal (0x10).
template <typename T>
Result<T> parse_number(std::string_view text, T least, T most) {
  const auto read = [&text](auto&... base) {
    T value = {};
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, base...);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole ? std::optional(value) : std::nullopt;
  };
  std::optional<T> value;
  if constexpr (std::integral<T>) {
    const int base = text.starts_with("0x") ? 16 : 10;
    text.remove_prefix(base == 16 ? 2 : 0);
    value = read(base);
  } else {
    value = read();
  }
  if (!value || !(*value >= least && *value <= most)) {  // a NaN is neither
    return failure(fmt::format("give a {} from {} to {}",
                               std::integral<T> ? "whole number" : "number", least, most));
  }
  return *value;
}

// A ring buffer's size, "8M" or so, in bytes: up to the next power of two, which it must be.
Result<std::size_t> parse_buffer(std::string_view text);

// A file's size, "100M" or so, in bytes.
Result<std::uint64_t> parse_file_size(std::string_view text);

// Not empty, as a variable of a script that was not set is.
Result<std::string> parse_name(std::string_view text);

template <typename T>
using Choices = std::vector<std::pair<std::string_view, T>>;  // in the order to tell them

// `what` names the kind of thing that is chosen.
template <typename T>
Result<T> parse_choice(std::string_view text, std::string_view what, const Choices<T>& choices) {
  const auto it = std::ranges::find(choices, text, &Choices<T>::value_type::first);
  if (it != choices.end()) {
    return it->second;
  }
  return failure(fmt::format("there is no {} {}; there are {}", what, printable(text),
                             fmt::join(std::views::keys(choices), ", ")));
}

}  // namespace tracepkt::cli
