#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>

namespace tracepkt {
namespace {

struct Utf8Char {
  char32_t code;
  std::size_t length;
};

// The character at the start of `text`, or nothing where its bytes are no valid UTF-8.
std::optional<Utf8Char> decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    return Utf8Char{lead, 1};
  }
  std::size_t length = 0;
  char32_t code = 0;
  char32_t smallest = 0;
  if ((lead & 0xe0) == 0xc0) {
    length = 2, code = lead & 0x1f, smallest = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    length = 3, code = lead & 0x0f, smallest = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    length = 4, code = lead & 0x07, smallest = 0x10000;
  } else {
    return std::nullopt;
  }
  if (text.size() < length) {
    return std::nullopt;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return std::nullopt;
    }
    code = (code << 6) | (byte(i) & 0x3f);
  }
  if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    return std::nullopt;
  }
  return Utf8Char{code, length};
}

// Characters that steer a terminal or reorder the line, though they are valid: C0 and C1 controls,
// bidirectional overrides, line separators, zero-width marks.
bool is_unsafe(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
}

bool is_combining(char32_t code) {
  return (code >= 0x300 && code <= 0x36f) || (code >= 0x1ab0 && code <= 0x1aff) ||
         (code >= 0x20d0 && code <= 0x20ff) || (code >= 0xfe00 && code <= 0xfe0f) ||
         (code >= 0xfe20 && code <= 0xfe2f);
}

bool is_wide(char32_t code) {
  return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
         (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
         (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
         (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
         (code >= 0x20000 && code <= 0x3fffd);
}

// Nearly everything is: bytes that are a character of width one each, and safe to show.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

std::string printable(std::string_view raw) {
  if (is_plain(raw)) {
    return std::string(raw);
  }
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const auto character = decode_utf8(raw);
    const std::size_t length = character ? character->length : 1;
    if (character && !is_unsafe(character->code)) {
      out += raw.substr(0, length);
    } else {
      for (const char c : raw.substr(0, length)) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
    raw.remove_prefix(length);
  }
  return out;
}

std::string shell_word(std::string_view raw) {
  const auto is_safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:@%+=,").contains(c);
  };
  if (!raw.empty() && std::ranges::all_of(raw, is_safe)) {
    return std::string(raw);
  }
  const bool as_it_is = printable(raw) == raw;
  std::string quoted;
  for (const char c : raw) {
    if (c == '\'') {
      quoted += as_it_is ? "'\\''" : "\\'";
    } else if (c == '\\' && !as_it_is) {
      quoted += "\\\\";
    } else {
      quoted += c;
    }
  }
  return as_it_is ? "'" + quoted + "'" : "$'" + printable(quoted) + "'";
}

std::size_t display_width(std::string_view text) {
  if (is_plain(text)) {
    return text.size();
  }
  std::size_t width = 0;
  while (!text.empty()) {
    const auto character = decode_utf8(text);
    if (!character) {
      width += 1;
      text.remove_prefix(1);
      continue;
    }
    width += is_combining(character->code) ? 0 : is_wide(character->code) ? 2 : 1;
    text.remove_prefix(character->length);
  }
  return width;
}

std::string pad_right(std::string_view text, std::size_t width) {
  std::string out(text);
  const std::size_t have = display_width(text);
  out.append(have < width ? width - have : 0, ' ');
  return out;
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t have = display_width(text);
  std::string out(have < width ? width - have : 0, ' ');
  return out.append(text);
}

std::string shortened(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) {
    return std::string(text);
  }
  std::string cut(text);
  while (!cut.empty() && display_width(cut) > width - 2) {
    // A whole character at a time: continuation bytes go with their first.
    while (cut.size() > 1 && (static_cast<unsigned char>(cut.back()) & 0xc0) == 0x80) {
      cut.pop_back();
    }
    cut.pop_back();
  }
  return cut + "..";
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (display_width(text) > width) {
    // Whole characters, and at least one: then there is an end.
    std::size_t fits = 0;
    do {
      const auto character = decode_utf8(text.substr(fits));
      const std::size_t next = fits + (character ? character->length : 1);
      if (fits > 0 && display_width(text.substr(0, next)) > width) {
        break;
      }
      fits = next;
    } while (fits < text.size());
    const std::size_t space = text.rfind(' ', fits);
    const bool at_space = space != std::string_view::npos && space > 0;
    lines.emplace_back(text.substr(0, at_space ? space : fits));
    text.remove_prefix(at_space ? space + 1 : fits);
  }
  if (!text.empty() || lines.empty()) {
    lines.emplace_back(text);
  }
  return lines;
}

void append_json_string(std::string& out, std::string_view raw) {
  out += '"';
  while (!raw.empty()) {
    const auto special = std::ranges::find_if(
        raw, [](char c) { return c < 0x20 || c >= 0x7f || c == '"' || c == '\\'; });
    const auto plain = static_cast<std::size_t>(special - raw.begin());
    out += raw.substr(0, plain);
    raw.remove_prefix(plain);
    if (raw.empty()) {
      break;
    }
    const auto character = decode_utf8(raw);
    const std::size_t length = character ? character->length : 1;
    if (!character) {
      out += "\xef\xbf\xbd";
    } else if (character->code == '"' || character->code == '\\') {
      out += '\\';
      out += raw[0];
    } else if (character->code < 0x20 || character->code == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character->code));
    } else {
      out += raw.substr(0, length);
    }
    raw.remove_prefix(length);
  }
  out += '"';
}

std::string json_string(std::string_view raw) {
  std::string out;
  append_json_string(out, raw);
  return out;
}

std::string read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace tracepkt
