// Items <-> bytes: fields of a code, a length and a value, one after the other.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "capture/contents.h"
#include "capture/format.h"

namespace tracepkt::capture {

// Appends options to a block that is being made; an item's fields have the same form.
class Options {
 public:
  explicit Options(std::string& out) : out_(out) {}

  Options& bytes(std::uint16_t code, std::string_view value);
  // Cut to kMaxText.
  Options& text(std::uint16_t code, std::string_view value);
  template <typename T>
  Options& number(std::uint16_t code, T value) {
    return bytes(code, {reinterpret_cast<const char*>(&value), sizeof(value)});
  }
  void end() { bytes(kOptionEnd, {}); }

 private:
  std::string& out_;
};

// Takes options off the front of `rest`. Nothing where none is left, or what is left is no option:
// then `rest` is not empty, unless the end was marked.
struct Option {
  std::uint16_t code = 0;
  std::span<const std::byte> value;
};
std::optional<Option> next_option(std::span<const std::byte>& rest);

// An item as the value of a custom option.
std::string encode(const Item& item);

// Appends the option that holds a record, without making an item of it: the hot path.
void append_record(std::string& out, std::span<const std::byte> record);

// The record in the value of a custom option, if it is one and nothing else is in it.
std::optional<std::span<const std::byte>> record_in(std::span<const std::byte> value);

// Is the value of a custom option one of ours?
bool is_ours(std::span<const std::byte> value);

// Nothing if it does not fit together. It may be of a kind that this version does not know.
struct Decoded {
  std::optional<Item> item;
};
std::optional<Decoded> decode(std::span<const std::byte> value);

}  // namespace tracepkt::capture
