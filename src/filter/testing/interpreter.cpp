#include "filter/testing/interpreter.h"

#include <endian.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include <array>
#include <cstring>
#include <vector>

#include "wire/filter.h"

namespace tracepkt::filter::testing {
namespace {

constexpr std::uint64_t kStackTop = 0x10000;
constexpr std::uint64_t kStackBytes = 96;  // what bpf/filter.bpf.h promises
constexpr std::uint64_t kWindow = 0x20000;
constexpr std::uint64_t kPacket = 0xffff888012345679;
constexpr std::size_t kMaxSteps = 100000;
constexpr std::uint64_t kGarbage = 0xdeadbeefcafe0000;

class Machine {
 public:
  Machine(std::span<const Insn> code, std::span<const std::uint8_t> packet,
          std::uint32_t packet_len, std::uint32_t linear_len)
      : code_(code), packet_(packet), linear_len_(linear_len) {
    // The upper halves of 32-bit arguments are the caller's garbage.
    set(1, kWindow);
    set(2, kGarbage << 16 | packet_len);
    set(3, kPacket);
    set(4, kGarbage << 16 | linear_len);
    set(10, kStackTop);
  }

  Run run() {
    while (run_.fault.empty() && !done_) {
      if (pc_ >= code_.size() || ++run_.steps > kMaxSteps) {
        fault("left the code, or never ends");
        break;
      }
      step(code_[pc_++]);
    }
    return run_;
  }

 private:
  void fault(std::string_view what) {
    if (run_.fault.empty()) {
      run_.fault = fmt::format("instruction {}: {}", pc_ - 1, what);
    }
  }

  void set(int r, std::uint64_t value) {
    registers_[r] = value;
    known_ |= 1U << r;
  }
  std::uint64_t get(int r) {
    if ((known_ & 1U << r) == 0) {
      fault(fmt::format("reads r{}, never written", r));
    }
    return registers_[r];
  }

  void step(const Insn& insn) {
    const int dst = insn.registers & 0xf;
    const int src = insn.registers >> 4;
    if (dst > 10 || src > 10 || (dst == 10 && BPF_CLASS(insn.code) <= BPF_LDX)) {
      return fault("no such register");
    }
    const std::uint64_t imm = static_cast<std::int64_t>(insn.imm);
    const std::uint64_t operand_mask = BPF_SRC(insn.code) == BPF_X ? 1 : 0;
    switch (BPF_CLASS(insn.code)) {
      case BPF_ALU:
      case BPF_ALU64:
        if (dst == 10) {
          return fault("writes the frame pointer");
        }
        return alu(insn, dst, operand_mask != 0 ? src : -1, imm);
      case BPF_JMP:
      case BPF_JMP32:
        return jump(insn, dst, operand_mask != 0 ? src : -1, imm);
      case BPF_LDX:
        return load(insn, dst, get(src) + static_cast<std::int64_t>(insn.offset));
      case BPF_STX:
        return store(insn, get(dst) + static_cast<std::int64_t>(insn.offset), get(src));
      case BPF_ST:
        return store(insn, get(dst) + static_cast<std::int64_t>(insn.offset), imm);
      default:
        return fault("unknown instruction");
    }
  }

  void alu(const Insn& insn, int dst, int src, std::uint64_t imm) {
    const bool wide = BPF_CLASS(insn.code) == BPF_ALU64;
    const int operation = BPF_OP(insn.code);
    if (operation == BPF_END) {
      const std::uint64_t value = get(dst);
      if (insn.imm == 16) {
        set(dst, be16toh(static_cast<std::uint16_t>(value)));
      } else if (insn.imm == 32) {
        set(dst, be32toh(static_cast<std::uint32_t>(value)));
      } else {
        fault("unknown swap");
      }
      return;
    }
    std::uint64_t b = operation == BPF_NEG ? 0 : src >= 0 ? get(src) : imm;
    std::uint64_t a = operation == BPF_MOV ? 0 : get(dst);
    if (!wide) {
      a = static_cast<std::uint32_t>(a);
      b = static_cast<std::uint32_t>(b);
    }
    const std::uint64_t bits = wide ? 64 : 32;
    if ((operation == BPF_LSH || operation == BPF_RSH) && b >= bits) {
      return fault("shifts too far");
    }
    if ((operation == BPF_DIV || operation == BPF_MOD) && b == 0) {
      return fault("divides by zero");
    }
    std::uint64_t result = 0;
    switch (operation) {
      case BPF_ADD:
        result = a + b;
        break;
      case BPF_SUB:
        result = a - b;
        break;
      case BPF_MUL:
        result = a * b;
        break;
      case BPF_DIV:
        result = a / b;
        break;
      case BPF_MOD:
        result = a % b;
        break;
      case BPF_OR:
        result = a | b;
        break;
      case BPF_AND:
        result = a & b;
        break;
      case BPF_XOR:
        result = a ^ b;
        break;
      case BPF_LSH:
        result = a << b;
        break;
      case BPF_RSH:
        result = a >> b;
        break;
      case BPF_NEG:
        result = -a;
        break;
      case BPF_MOV:
        result = b;
        break;
      default:
        fault("unknown operation");
    }
    set(dst, wide ? result : static_cast<std::uint32_t>(result));
  }

  void jump(const Insn& insn, int dst, int src, std::uint64_t imm) {
    const int operation = BPF_OP(insn.code);
    if (operation == BPF_EXIT) {
      const std::uint64_t verdict = get(0);
      if (verdict > FILTER_NOT_LINEAR) {
        fault(fmt::format("returns {}", verdict));
      }
      run_.verdict = static_cast<int>(verdict);
      done_ = true;
      return;
    }
    if (operation == BPF_CALL) {
      return call(insn.imm);
    }
    bool taken = operation == BPF_JA;
    if (!taken) {
      std::uint64_t a = get(dst);
      std::uint64_t b = src >= 0 ? get(src) : imm;
      if (BPF_CLASS(insn.code) == BPF_JMP32) {
        a = static_cast<std::uint32_t>(a);
        b = static_cast<std::uint32_t>(b);
      }
      switch (operation) {
        case BPF_JEQ:
          taken = a == b;
          break;
        case BPF_JNE:
          taken = a != b;
          break;
        case BPF_JGT:
          taken = a > b;
          break;
        case BPF_JGE:
          taken = a >= b;
          break;
        case BPF_JLT:
          taken = a < b;
          break;
        case BPF_JLE:
          taken = a <= b;
          break;
        case BPF_JSET:
          taken = (a & b) != 0;
          break;
        default:
          return fault("unknown jump");
      }
    }
    if (taken) {
      pc_ = static_cast<std::size_t>(static_cast<std::int64_t>(pc_) + insn.offset);
    }
  }

  static std::size_t size_of(const Insn& insn) {
    switch (BPF_SIZE(insn.code)) {
      case BPF_B:
        return 1;
      case BPF_H:
        return 2;
      case BPF_W:
        return 4;
      default:
        return 8;
    }
  }

  bool on_stack(std::uint64_t address, std::size_t size) const {
    return address >= kStackTop - kStackBytes && address + size <= kStackTop;
  }

  void load(const Insn& insn, int dst, std::uint64_t address) {
    const std::size_t size = size_of(insn);
    if (address % size != 0) {
      return fault("unaligned load");
    }
    std::uint8_t bytes[8] = {};
    if (on_stack(address, size)) {
      const std::size_t at = address - (kStackTop - kStackBytes);
      for (std::size_t i = 0; i < size; ++i) {
        if (!stack_known_[at + i]) {
          return fault("reads stack that was never written");
        }
      }
      std::memcpy(bytes, stack_.data() + at, size);
    } else if (address >= kWindow && address + size <= kWindow + FILTER_WINDOW) {
      // What is not linear is anything at all in a real window.
      for (std::size_t i = 0; i < size; ++i) {
        const std::size_t at = address - kWindow + i;
        bytes[i] = at < linear_len_ && at < packet_.size() ? packet_[at] : 0xa5;
      }
    } else {
      return fault(fmt::format("loads from {:#x}", address));
    }
    std::uint64_t value = 0;
    if (size == 1) {
      value = bytes[0];
    } else if (size == 2) {
      value = read<std::uint16_t>(bytes);
    } else if (size == 4) {
      value = read<std::uint32_t>(bytes);
    } else {
      value = read<std::uint64_t>(bytes);
    }
    set(dst, value);
  }

  template <typename T>
  static T read(const std::uint8_t* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }

  void store(const Insn& insn, std::uint64_t address, std::uint64_t value) {
    const std::size_t size = size_of(insn);
    if (address % size != 0 || !on_stack(address, size)) {
      return fault(fmt::format("stores to {:#x}", address));
    }
    const std::size_t at = address - (kStackTop - kStackBytes);
    for (std::size_t i = 0; i < size; ++i) {
      const auto shift = 8 * (__BYTE_ORDER == __LITTLE_ENDIAN ? i : size - 1 - i);
      stack_[at + i] = static_cast<std::uint8_t>(value >> shift);
      stack_known_[at + i] = true;
    }
  }

  // bpf_probe_read_kernel(to, size, from)
  void call(int helper) {
    const std::uint64_t to = get(1);
    const std::uint64_t size = get(2);
    const std::uint64_t from = get(3);
    if (helper != BPF_FUNC_probe_read_kernel || size == 0 || size > 8 || !on_stack(to, size)) {
      return fault("calls what it must not");
    }
    if (from < kPacket || from + size > kPacket + linear_len_ ||
        from + size > kPacket + packet_.size()) {
      return fault("reads behind the packet's linear part");
    }
    const std::size_t at = to - (kStackTop - kStackBytes);
    for (std::size_t i = 0; i < size; ++i) {
      stack_[at + i] = packet_[from - kPacket + i];
      stack_known_[at + i] = true;
    }
    known_ &= ~0x3fU;
    set(0, 0);
  }

  std::span<const Insn> code_;
  std::span<const std::uint8_t> packet_;
  std::uint32_t linear_len_;
  std::array<std::uint64_t, 11> registers_{};
  std::uint32_t known_ = 0;
  std::array<std::uint8_t, kStackBytes> stack_{};
  std::array<bool, kStackBytes> stack_known_{};
  std::size_t pc_ = 0;
  bool done_ = false;
  Run run_;
};

}  // namespace

Run interpret(std::span<const Insn> code, std::span<const std::uint8_t> packet,
              std::uint32_t packet_len, std::uint32_t linear_len) {
  return Machine(code, packet, packet_len, linear_len).run();
}

}  // namespace tracepkt::filter::testing
