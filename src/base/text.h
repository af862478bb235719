// Text for people and for JSON, from bytes that may come from anywhere (names of interfaces,
// namespaces, processes): what leaves here can neither move a cursor nor break a parser.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tracepkt {

// `raw` with every control character and every byte that is not UTF-8 written as \xNN, so that it
// is safe to print on a terminal. A newline is escaped too: the result is one line.
std::string printable(std::string_view raw);

// `raw` as one word of a shell's command line, as printable() makes it: web, 'a b', $'a\x1b[1m'
// (which bash, zsh and ksh understand).
std::string shell_word(std::string_view raw);

// Columns that `text` takes on a terminal: wide characters count 2, combining ones 0.
std::size_t display_width(std::string_view text);

// `text` padded with spaces to at least `width` columns.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

// `text`, or its beginning and "..", so that it takes `width` columns at most; 2 at least.
std::string shortened(std::string_view text, std::size_t width);

// `text` in lines of at most `width` columns, broken at spaces; a longer word is cut.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

// `raw` as a JSON string with its quotes. A byte that is not UTF-8 becomes U+FFFD.
std::string json_string(std::string_view raw);
void append_json_string(std::string& out, std::string_view raw);

// The whole of a file, or an empty string: for the many small files of /proc and /sys where
// "cannot be read" and "says nothing" mean the same.
std::string read_small_file(const std::string& path);

}  // namespace tracepkt
