#include "filter/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "wire/filter.h"

namespace tracepkt::filter {
namespace {

// What an instruction does to the registers.
struct Effect {
  std::uint32_t reads = 0;
  std::uint32_t writes = 0;
};

Result<Effect> load_effect(const sock_filter& insn) {
  const std::uint32_t target = BPF_CLASS(insn.code) == BPF_LD ? kBitA : kBitX;
  switch (insn.code) {
    case BPF_LD | BPF_W | BPF_IND:
    case BPF_LD | BPF_H | BPF_IND:
    case BPF_LD | BPF_B | BPF_IND:
      return Effect{kBitX, target};
    case BPF_LD | BPF_W | BPF_ABS:
    case BPF_LD | BPF_H | BPF_ABS:
    case BPF_LD | BPF_B | BPF_ABS:
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LD | BPF_W | BPF_IMM:
    case BPF_LDX | BPF_B | BPF_MSH:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_IMM:
      return Effect{0, target};
    case BPF_LD | BPF_W | BPF_MEM:
    case BPF_LDX | BPF_W | BPF_MEM:
      if (insn.k < BPF_MEMWORDS) {
        return Effect{1U << insn.k, target};
      }
      [[fallthrough]];
    default:
      return failure(fmt::format("unknown load {:#x}, {}", insn.code, insn.k));
  }
}

Result<Effect> alu_effect(const sock_filter& insn) {
  switch (BPF_OP(insn.code)) {
    case BPF_DIV:
    case BPF_MOD:
      if (BPF_SRC(insn.code) == BPF_K && insn.k == 0) {
        return failure("division by zero");
      }
      break;
    case BPF_LSH:
    case BPF_RSH:
      if (BPF_SRC(insn.code) == BPF_K && insn.k >= 32) {
        return failure(
            "shift by more than 31 bits");  // undefined to libpcap, refused by the kernel
      }
      break;
    case BPF_NEG:
      if (BPF_SRC(insn.code) == BPF_X) {
        return failure(fmt::format("unknown operation {:#x}", insn.code));
      }
      break;
    case BPF_ADD:
    case BPF_SUB:
    case BPF_MUL:
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
      break;
    default:
      return failure(fmt::format("unknown operation {:#x}", insn.code));
  }
  return Effect{kBitA | (BPF_SRC(insn.code) == BPF_X ? kBitX : 0), kBitA};
}

Result<Effect> effect_of(const sock_filter& insn) {
  if (insn.code > 0xff) {
    return failure(fmt::format("unknown instruction {:#x}", insn.code));
  }
  switch (BPF_CLASS(insn.code)) {
    case BPF_LD:
    case BPF_LDX:
      return load_effect(insn);
    case BPF_ST:
    case BPF_STX:
      if ((insn.code == BPF_ST || insn.code == BPF_STX) && insn.k < BPF_MEMWORDS) {
        return Effect{insn.code == BPF_ST ? kBitA : kBitX, 1U << insn.k};
      }
      break;
    case BPF_ALU:
      return alu_effect(insn);
    case BPF_JMP:
      if (insn.code == (BPF_JMP | BPF_JA)) {
        return Effect{};
      }
      if (BPF_OP(insn.code) <= BPF_JSET && BPF_OP(insn.code) != BPF_JA) {
        return Effect{kBitA | (BPF_SRC(insn.code) == BPF_X ? kBitX : 0), 0};
      }
      break;
    case BPF_RET:
      if (insn.code == (BPF_RET | BPF_K) || insn.code == (BPF_RET | BPF_A)) {
        return Effect{BPF_RVAL(insn.code) == BPF_A ? kBitA : 0, 0};
      }
      break;
    default:
      if (insn.code == (BPF_MISC | BPF_TAX)) {
        return Effect{kBitA, kBitX};
      }
      if (insn.code == (BPF_MISC | BPF_TXA)) {
        return Effect{kBitX, kBitA};
      }
  }
  return failure(fmt::format("unknown instruction {:#x}, {}", insn.code, insn.k));
}

void merge(Known& into, const Known& from) {
  if (!into.reached) {
    into = from;
    return;
  }
  into.written &= from.written;
  into.bytes = std::min(into.bytes, from.bytes);
  into.bytes_beyond_x = std::min(into.bytes_beyond_x, from.bytes_beyond_x);
}

// Instructions that may run after the one at `pc`, counted from the one behind it.
std::vector<std::uint32_t> successors(const sock_filter& insn) {
  if (BPF_CLASS(insn.code) == BPF_RET || load_end(insn) == kNowhere) {
    return {};
  }
  if (BPF_CLASS(insn.code) != BPF_JMP) {
    return {0};
  }
  if (BPF_OP(insn.code) == BPF_JA) {
    return {insn.k};
  }
  return {insn.jt, insn.jf};
}

}  // namespace

std::uint32_t load_size(const sock_filter& insn) {
  return BPF_SIZE(insn.code) == BPF_W ? 4 : BPF_SIZE(insn.code) == BPF_H ? 2 : 1;
}

std::uint32_t load_end(const sock_filter& insn) {
  const auto code_class = BPF_CLASS(insn.code);
  const auto mode = BPF_MODE(insn.code);
  const bool from_packet = (code_class == BPF_LD && (mode == BPF_ABS || mode == BPF_IND)) ||
                           (code_class == BPF_LDX && mode == BPF_MSH);
  if (!from_packet) {
    return 0;
  }
  const std::uint64_t end = std::uint64_t{insn.k} + load_size(insn);
  return end > INT32_MAX ? kNowhere : static_cast<std::uint32_t>(end);
}

Result<Analysis> analyse(std::span<const sock_filter> program) {
  Analysis result;
  result.before.resize(program.size());
  if (program.empty()) {
    return failure("the program is empty");
  }
  if (BPF_CLASS(program.back().code) != BPF_RET) {
    return failure("the program runs past its end");
  }
  result.before.front().reached = true;
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& insn = program[pc];
    Known known = result.before[pc];
    const auto effect = effect_of(insn);
    if (!effect) {
      return std::unexpected(effect.error());
    }
    // Also where it is never reached: libpcap and the kernel look at every instruction.
    const auto steps = successors(insn);
    for (const std::uint32_t step : steps) {
      if (step > INT32_MAX) {
        return failure("the filter loops, as protochain does, and the kernel runs no loops",
                       "name the protocol without protochain");
      }
      if (step >= program.size() - pc - 1) {
        return failure("the program runs past its end");
      }
    }
    if (!known.reached) {
      continue;
    }
    result.needs_zeroing |= effect->reads & ~known.written;
    known.written |= effect->writes;
    const std::uint32_t end = load_end(insn);
    if (end != 0) {
      result.reads_packet = true;
      const bool indirect = BPF_MODE(insn.code) == BPF_IND;
      if (end != kNowhere) {
        std::uint32_t& bytes = indirect ? known.bytes_beyond_x : known.bytes;
        bytes = std::max(bytes, end);
        result.may_leave_window |= indirect || end > FILTER_WINDOW;
      }
    }
    if ((effect->writes & kBitX) != 0) {
      known.bytes_beyond_x = 0;
    }
    for (const std::uint32_t step : steps) {
      merge(result.before[pc + 1 + step], known);
    }
  }
  return result;
}

}  // namespace tracepkt::filter
