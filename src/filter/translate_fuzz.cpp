// Fuzz target: any classic program that libpcap would run, and any packet: the translated code does
// nothing it must not, and its verdict is bpf_filter()'s.
// Input: instructions of 8 bytes (the first byte says how many), then the packet.
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "filter/testing/interpreter.h"
#include "filter/testing/reference.h"
#include "filter/translate.h"

namespace {

using namespace tracepkt::filter;

// What is never written is undefined to bpf_filter() and zero to us, so write all of it first.
ClassicProgram with_memory_written() {
  ClassicProgram program;
  for (std::uint32_t i = 0; i < BPF_MEMWORDS; ++i) {
    program.push_back({BPF_ST, 0, 0, i});
  }
  return program;
}

// Every opcode that libpcap knows: noise alone would hardly ever be a valid program.
constexpr __u16 kOpcodes[] = {
    BPF_LD | BPF_W | BPF_ABS,
    BPF_LD | BPF_H | BPF_ABS,
    BPF_LD | BPF_B | BPF_ABS,
    BPF_LD | BPF_W | BPF_IND,
    BPF_LD | BPF_H | BPF_IND,
    BPF_LD | BPF_B | BPF_IND,
    BPF_LD | BPF_W | BPF_LEN,
    BPF_LD | BPF_IMM,
    BPF_LD | BPF_MEM,
    BPF_LDX | BPF_W | BPF_LEN,
    BPF_LDX | BPF_B | BPF_MSH,
    BPF_LDX | BPF_IMM,
    BPF_LDX | BPF_MEM,
    BPF_ST,
    BPF_STX,
    BPF_ALU | BPF_ADD | BPF_K,
    BPF_ALU | BPF_ADD | BPF_X,
    BPF_ALU | BPF_SUB | BPF_K,
    BPF_ALU | BPF_SUB | BPF_X,
    BPF_ALU | BPF_MUL | BPF_K,
    BPF_ALU | BPF_MUL | BPF_X,
    BPF_ALU | BPF_DIV | BPF_K,
    BPF_ALU | BPF_DIV | BPF_X,
    BPF_ALU | BPF_MOD | BPF_K,
    BPF_ALU | BPF_MOD | BPF_X,
    BPF_ALU | BPF_AND | BPF_K,
    BPF_ALU | BPF_AND | BPF_X,
    BPF_ALU | BPF_OR | BPF_K,
    BPF_ALU | BPF_OR | BPF_X,
    BPF_ALU | BPF_XOR | BPF_K,
    BPF_ALU | BPF_XOR | BPF_X,
    BPF_ALU | BPF_LSH | BPF_K,
    BPF_ALU | BPF_LSH | BPF_X,
    BPF_ALU | BPF_RSH | BPF_K,
    BPF_ALU | BPF_RSH | BPF_X,
    BPF_ALU | BPF_NEG,
    BPF_JMP | BPF_JA,
    BPF_JMP | BPF_JEQ | BPF_K,
    BPF_JMP | BPF_JEQ | BPF_X,
    BPF_JMP | BPF_JGT | BPF_K,
    BPF_JMP | BPF_JGT | BPF_X,
    BPF_JMP | BPF_JGE | BPF_K,
    BPF_JMP | BPF_JGE | BPF_X,
    BPF_JMP | BPF_JSET | BPF_K,
    BPF_JMP | BPF_JSET | BPF_X,
    BPF_RET | BPF_K,
    BPF_RET | BPF_A,
    BPF_MISC | BPF_TAX,
    BPF_MISC | BPF_TXA,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) {
    return 0;
  }
  const std::size_t count = data[0] % 64;
  const std::uint32_t linear_wish = data[1];
  const bool raw_opcodes = data[2] % 8 == 0;
  data += 3;
  size -= 3;
  ClassicProgram program = with_memory_written();
  for (std::size_t i = 0; i < count && size >= 8; ++i, data += 8, size -= 8) {
    sock_filter insn;
    std::memcpy(&insn, data, sizeof insn);
    if (!raw_opcodes) {
      insn.code = kOpcodes[insn.code % std::size(kOpcodes)];
      // Mostly short jumps, small offsets and valid memory, or no program would be long.
      insn.jt %= 8;
      insn.jf %= 8;
      const auto opclass = BPF_CLASS(insn.code);
      const bool memory = opclass == BPF_ST || opclass == BPF_STX ||
                          (opclass <= BPF_LDX && BPF_MODE(insn.code) == BPF_MEM);
      if (memory || insn.code == (BPF_JMP | BPF_JA)) {
        insn.k %= memory ? 16 : 8;
      } else if (opclass <= BPF_LDX && (insn.k & 0x8000) != 0) {
        insn.k %= 128;
      }
    }
    program.push_back(insn);
  }
  // So that most jumps have somewhere to go.
  for (const std::uint32_t verdict : {1, 0, 1, 0, 1, 0, 1, 0}) {
    program.push_back({BPF_RET | BPF_K, 0, 0, verdict});
  }
  const auto code = translate(program);
  if (!code) {
    return 0;
  }
  if (!testing::reference_accepts(program)) {
    fmt::print(stderr, "translated what libpcap refuses\n");
    std::abort();
  }
  const std::span<const std::uint8_t> packet(data, size);
  const auto length = static_cast<std::uint32_t>(size);
  const std::uint32_t linear = linear_wish > 200 ? length : std::min(linear_wish, length);
  const auto run = testing::interpret(*code, packet, length, linear);
  const auto wrong = testing::disagreement(program, packet, linear, run.verdict);
  if (!run.fault.empty() || wrong) {
    fmt::print(stderr, "fault: {}; {}\n", run.fault, wrong.value_or("verdict is right"));
    std::abort();
  }
  return 0;
}
