// The kernel's clocks, in nanoseconds.
#pragma once

#include <cstdint>
#include <ctime>

namespace tracepkt {

std::int64_t clock_ns(clockid_t clock);

// CLOCK_MONOTONIC, the clock of the kernel side.
std::uint64_t monotonic_ns();

}  // namespace tracepkt
