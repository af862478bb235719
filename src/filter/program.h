// The two languages of the filter: classic BPF, as libpcap compiles it, and eBPF, as the kernel
// runs it.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace tracepkt::filter {

using ClassicProgram = std::vector<sock_filter>;

// One eBPF instruction, laid out as the kernel's struct bpf_insn, a name that libpcap has too.
struct Insn {
  std::uint8_t code;
  std::uint8_t registers;  // low four bits: destination; high four bits: source
  std::int16_t offset;
  std::int32_t imm;
};
static_assert(sizeof(Insn) == 8);

using Code = std::vector<Insn>;

}  // namespace tracepkt::filter
