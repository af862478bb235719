// One pass over a classic program, before it is translated: is it well formed, and what is known
// where, so that the translation needs no check twice.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "filter/program.h"

namespace tracepkt::filter {

// Sets of registers: bit r is scratch memory M[r], then the accumulator and the index register.
inline constexpr std::uint32_t kBitA = 1U << BPF_MEMWORDS;
inline constexpr std::uint32_t kBitX = kBitA << 1;

// What holds whenever an instruction is about to run.
struct Known {
  bool reached = false;
  std::uint32_t written = 0;         // set of registers
  std::uint32_t bytes = 0;           // so many bytes of the packet are there
  std::uint32_t bytes_beyond_x = 0;  // so many are there from offset X on
};

struct Analysis {
  std::vector<Known> before;        // one per instruction
  std::uint32_t needs_zeroing = 0;  // set of registers that may be read before they are written
  bool reads_packet = false;
  bool may_leave_window = false;  // some loads may lie behind the window: a helper is called
};

// Fails on what the kernel could not run either: unknown instructions, jumps backwards or out of
// the program, division by the constant zero, shifts by 32 or more.
Result<Analysis> analyse(std::span<const sock_filter> program);

// The end of a load, counted from the start of the packet, or from X on for an indirect load;
// 0 for an instruction that is no load from the packet, kNowhere where no packet is that long.
inline constexpr std::uint32_t kNowhere = UINT32_MAX;
std::uint32_t load_end(const sock_filter& insn);

// 1, 2 or 4.
std::uint32_t load_size(const sock_filter& insn);

}  // namespace tracepkt::filter
