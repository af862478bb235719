// Runs translated filters without a kernel, and is as strict as the kernel's verifier about what it
// sees: uninitialised registers and stack, unaligned or foreign memory, calls of other helpers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "filter/program.h"

namespace tracepkt::filter::testing {

struct Run {
  int verdict = -1;   // enum filter_verdict
  std::string fault;  // what the code did that it must not; empty: nothing
  std::size_t steps = 0;
};

// Runs `code` as bpf/filter.bpf.h says it is called, on a packet of `packet_len` bytes of which the
// first `linear_len` can be read. `packet` holds at least the latter.
Run interpret(std::span<const Insn> code, std::span<const std::uint8_t> packet,
              std::uint32_t packet_len, std::uint32_t linear_len);

}  // namespace tracepkt::filter::testing
