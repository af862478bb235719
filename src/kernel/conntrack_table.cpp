#include "kernel/conntrack_table.h"

#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

namespace tracepkt::kernel {
namespace {

// The most is a number of this size (6.12, unsigned int), 0: no limit (nf_conntrack_alloc()).
std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && rest == text.data() + text.size() ? std::optional(value)
                                                                   : std::nullopt;
}

std::string sysctl(const char* name) {
  std::ifstream file(std::string("/proc/sys/net/netfilter/") + name);
  std::string text;
  file >> text;
  return text;
}

}  // namespace

bool is_conntrack_full(std::string_view count, std::string_view most) {
  const auto now = number(count);
  const auto limit = number(most);
  return now && limit && *limit != 0 && *now >= *limit - *limit / 64;
}

bool is_conntrack_full() {
  return is_conntrack_full(sysctl("nf_conntrack_count"), sysctl("nf_conntrack_max"));
}

}  // namespace tracepkt::kernel
