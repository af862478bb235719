// Finds the place of an error in a filter expression: libpcap says what is wrong, never where.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tracepkt::filter {

// libpcap's message about an expression; empty if it compiles.
using Verdict = std::function<std::string(const std::string& expression)>;

// The offset in `expression` of the word that `message`, the verdict on it, is about: the first
// word up to which the expression cannot be completed any more; its length if it ends too early.
// Nothing if the expression as a whole is at fault.
std::optional<std::size_t> locate_error(std::string_view expression, std::string_view message,
                                        const Verdict& verdict);

}  // namespace tracepkt::filter
