#include "filter/locate.h"

#include <fmt/format.h>

#include <vector>

namespace tracepkt::filter {
namespace {

constexpr std::string_view kSyntaxError = "syntax error";

struct Word {
  std::size_t begin;
  std::size_t end;
};

int kind_of(char c) {
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
    return 0;
  }
  if (std::string_view("<>=!&|+*/%^~").contains(c)) {
    return 1;
  }
  return std::string_view("()[]{}").contains(c) ? 2 : 3;
}

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < text.size();) {
    const int kind = kind_of(text[i]);
    std::size_t end = i + 1;
    while (kind != 2 && end < text.size() && kind_of(text[end]) == kind) {
      ++end;
    }
    if (kind != 0) {
      words.push_back({i, end});
    }
    i = end;
  }
  return words;
}

// What closes the brackets that are open at the end of `text`.
std::string closing(std::string_view text) {
  std::string open;
  for (const char c : text) {
    if (c == '(' || c == '[') {
      open.insert(open.begin(), c == '(' ? ')' : ']');
    } else if ((c == ')' || c == ']') && !open.empty()) {
      open.erase(open.begin());
    }
  }
  return open;
}

// Can `text` be the beginning of an expression? Tried with endings of every kind.
bool can_begin(const std::string& text, const Verdict& verdict) {
  const std::string close = closing(text);
  for (const char* next : {"", " 1", " tcp", " 1.1.1.1", " 1-2", " 1:2:3:4:5:6", " port 1",
                           " host 1.1.1.1", " multicast", " ::1"}) {
    for (const char* relation : {"", " = 1"}) {
      if (!verdict(fmt::format("{}{}{}{}", text, next, close, relation)).contains(kSyntaxError)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

std::optional<std::size_t> locate_error(std::string_view expression, std::string_view message,
                                        const Verdict& verdict) {
  if (message.contains("rejects all packets")) {
    return std::nullopt;
  }
  // "unknown host 'foo'": no need to ask the resolver again.
  const std::size_t quote = message.find('\'');
  if (quote != std::string_view::npos) {
    const auto name = message.substr(quote + 1, message.find('\'', quote + 1) - quote - 1);
    const std::size_t place = name.empty() ? std::string_view::npos : expression.find(name);
    if (place != std::string_view::npos) {
      return place;
    }
  }
  const bool syntax = message.contains(kSyntaxError);
  const auto wrong_up_to = [&](std::size_t end) {
    const std::string text(expression.substr(0, end));
    return syntax ? !can_begin(text, verdict) : verdict(text + closing(text)) == message;
  };
  const std::vector<Word> words = words_of(expression);
  if (words.empty() || !wrong_up_to(words.back().end)) {
    return syntax ? std::optional(expression.size()) : std::nullopt;
  }
  std::size_t low = 0;
  std::size_t high = words.size() - 1;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (wrong_up_to(words[middle].end)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return words[low].begin;
}

}  // namespace tracepkt::filter
