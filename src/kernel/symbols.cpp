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

}  // namespace

void Symbols::read(std::istream& kallsyms) {
  is_read_ = true;
  symbols_.clear();
  names_.clear();
  std::string line;
  while (std::getline(kallsyms, line)) {
    std::uint64_t address = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
    const std::string_view rest(end, static_cast<std::size_t>(line.data() + line.size() - end));
    // " T name\t[module]"; data has no code to be in.
    if (error != std::errc() || address == 0 || rest.size() < 4 ||
        (rest[1] != 't' && rest[1] != 'T' && rest[1] != 'w' && rest[1] != 'W')) {
      continue;
    }
    symbols_.push_back({.address = address, .name_at = static_cast<std::uint32_t>(names_.size())});
    names_ += rest.substr(3, rest.substr(3).find_first_of("\t "));
    names_ += '\0';
  }
  std::ranges::stable_sort(symbols_, {}, &Symbol::address);
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
