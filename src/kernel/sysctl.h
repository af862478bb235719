// A number among the sysctls of this thread's namespace.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tracepkt::kernel {

// `name` as in sysctl(8) with slashes: "net/ipv4/tcp_syncookies". Nothing where this kernel has
// none of that name, it cannot be read, or it is not one number of that size.
std::optional<std::uint32_t> sysctl_number(std::string_view name);

}  // namespace tracepkt::kernel
