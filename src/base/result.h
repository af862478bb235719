// Result is how a function that can fail answers: a value or an Error, which must be looked at.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace tracepkt {

// What went wrong, in words for the user. `hint` says what to type or change, and may be empty.
struct Error {
  std::string what;
  std::string hint = {};
  // Set where what the user asked for by name cannot be had on this kernel (exit status 3).
  bool unavailable = false;
};

template <typename T>
using Result = std::expected<T, Error>;

using Status = std::expected<void, Error>;

inline std::unexpected<Error> failure(std::string what, std::string hint = {}) {
  return std::unexpected(Error{std::move(what), std::move(hint)});
}

// A failure that ends with the words of errno value `err`: "cannot open x: No such file".
std::unexpected<Error> errno_failure(int err, std::string what, std::string hint = {});

}  // namespace tracepkt
