// Kernel addresses -> "function+0x1a2", from /proc/kallsyms, which is read at the first question.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace tracepkt::kernel {

class Symbols {
 public:
  // Empty where kallsyms shows no addresses (kernel.kptr_restrict, no CAP_SYSLOG) or knows none.
  std::string name(std::uint64_t address);

  // Does kallsyms show any address at all?
  bool known();

  // Reads lines as /proc/kallsyms has them. Replaces what was known.
  void read(std::istream& kallsyms);

 private:
  struct Symbol {
    std::uint64_t address;
    std::uint32_t name_at;  // in names_
  };

  void add(std::string_view line);

  bool is_read_ = false;
  std::vector<Symbol> symbols_;  // by address
  std::string names_;            // each ends with a zero
};

}  // namespace tracepkt::kernel
