#include "kernel/sysctl.h"

#include <charconv>
#include <string>

#include "base/text.h"

namespace tracepkt::kernel {

std::optional<std::uint32_t> sysctl_number(std::string_view name) {
  const std::string text = read_small_file("/proc/sys/" + std::string(name));
  const char* const end = text.data() + text.size();
  std::uint32_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  const bool is_whole = rest == end || (*rest == '\n' && rest + 1 == end);
  return error == std::errc() && is_whole ? std::optional(value) : std::nullopt;
}

}  // namespace tracepkt::kernel
