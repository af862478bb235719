#include "kernel/symbols.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

namespace tracepkt::kernel {
namespace {

// Beyond this, an address belongs to something that kallsyms does not list.
constexpr std::uint64_t kLargestFunction = 1 << 20;
// Much longer than any line.
constexpr std::size_t kPieceBytes = 1 << 16;

}  // namespace

// A hundred thousand lines, while packets wait to be read: in large pieces, and once.
void Symbols::read(std::istream& kallsyms) {
  is_read_ = true;
  symbols_.clear();
  names_.clear();
  std::string piece(kPieceBytes, '\0');
  std::size_t begun = 0;  // of a line, at the piece's begin
  for (bool more = true; more;) {
    kallsyms.read(piece.data() + begun, static_cast<std::streamsize>(piece.size() - begun));
    more = kallsyms.good();
    const char* line = piece.data();
    const char* const end = line + begun + kallsyms.gcount();
    for (const char* stop = std::find(line, end, '\n'); stop != end;
         stop = std::find(line, end, '\n')) {
      add({line, stop});
      line = stop + 1;
    }
    if (!more || line == piece.data()) {
      add({line, end});
      line = end;
    }
    begun = static_cast<std::size_t>(end - line);
    std::copy(line, end, piece.begin());
  }
  // The kernel's own come in order, those of its modules do not.
  const auto unsorted = std::ranges::is_sorted_until(symbols_, {}, &Symbol::address);
  std::ranges::stable_sort(unsorted, symbols_.end(), {}, &Symbol::address);
  std::ranges::inplace_merge(symbols_, unsorted, {}, &Symbol::address);
}

void Symbols::add(std::string_view line) {
  std::uint64_t address = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
  const std::string_view rest(end, static_cast<std::size_t>(line.data() + line.size() - end));
  // " T name\t[module]"; data has no code to be in.
  if (error != std::errc() || address == 0 || rest.size() < 4 ||
      (rest[1] != 't' && rest[1] != 'T' && rest[1] != 'w' && rest[1] != 'W')) {
    return;
  }
  symbols_.push_back({.address = address, .name_at = static_cast<std::uint32_t>(names_.size())});
  names_ += rest.substr(3, rest.substr(3).find_first_of("\t "));
  names_ += '\0';
}

bool Symbols::known() {
  if (!is_read_) {
    std::ifstream kallsyms("/proc/kallsyms");
    read(kallsyms);
  }
  return !symbols_.empty();
}

std::string Symbols::name(std::uint64_t address) {
  if (!known()) {
    return "";
  }
  auto it = std::ranges::upper_bound(symbols_, address, {}, &Symbol::address);
  if (it == symbols_.begin()) {
    return "";
  }
  --it;
  const std::uint64_t offset = address - it->address;
  return offset > kLargestFunction ? ""
                                   : fmt::format("{}+0x{:x}", names_.c_str() + it->name_at, offset);
}

}  // namespace tracepkt::kernel
