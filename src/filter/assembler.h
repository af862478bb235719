// Assembler puts eBPF instructions one behind the other and fills in jumps to places not yet known.
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <vector>

#include "filter/program.h"

namespace tracepkt::filter {

class Assembler {
 public:
  using Label = std::size_t;

  // Labels 0 .. `labels` - 1 exist from the start.
  explicit Assembler(std::size_t labels) : places_(labels, kUnplaced) {}

  Label new_label() {
    places_.push_back(kUnplaced);
    return places_.size() - 1;
  }
  void place(Label label) { places_[label] = code_.size(); }
  // True if something jumps there: a place nobody jumps to must not be written out of line.
  bool used(Label label) const {
    for (const Jump& jump : jumps_) {
      if (jump.to == label) {
        return true;
      }
    }
    return false;
  }

  void emit(int code, int dst, int src, int offset, std::int32_t imm) {
    code_.push_back({static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(dst | src << 4),
                     static_cast<std::int16_t>(offset), imm});
  }

  // `operation` is BPF_ADD, BPF_MOV, ... on the low 32 bits (the upper ones become 0) or all 64.
  void alu32(int operation, int dst, std::int32_t imm) {
    emit(BPF_ALU | operation | BPF_K, dst, 0, 0, imm);
  }
  void alu32_reg(int operation, int dst, int src) {
    emit(BPF_ALU | operation | BPF_X, dst, src, 0, 0);
  }
  void alu64(int operation, int dst, std::int32_t imm) {
    emit(BPF_ALU64 | operation | BPF_K, dst, 0, 0, imm);
  }
  void alu64_reg(int operation, int dst, int src) {
    emit(BPF_ALU64 | operation | BPF_X, dst, src, 0, 0);
  }
  // Network byte order to the host's.
  void to_host(int dst, int bits) { emit(BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, bits); }

  // `size` is BPF_B, BPF_H, BPF_W or BPF_DW.
  void load(int size, int dst, int src, int offset) {
    emit(BPF_LDX | BPF_MEM | size, dst, src, offset, 0);
  }
  void store(int size, int dst, int offset, int src) {
    emit(BPF_STX | BPF_MEM | size, dst, src, offset, 0);
  }
  void store_imm(int size, int dst, int offset, std::int32_t imm) {
    emit(BPF_ST | BPF_MEM | size, dst, 0, offset, imm);
  }

  void jump(Label to) { jump_insn(BPF_JMP | BPF_JA, 0, 0, 0, to); }
  // `condition` is BPF_JEQ, BPF_JGT, ... on the low 32 bits or all 64.
  void jump32(int condition, int dst, std::int32_t imm, Label to) {
    jump_insn(BPF_JMP32 | condition | BPF_K, dst, 0, imm, to);
  }
  void jump32_reg(int condition, int dst, int src, Label to) {
    jump_insn(BPF_JMP32 | condition | BPF_X, dst, src, 0, to);
  }
  void jump64(int condition, int dst, std::int32_t imm, Label to) {
    jump_insn(BPF_JMP | condition | BPF_K, dst, 0, imm, to);
  }
  void jump64_reg(int condition, int dst, int src, Label to) {
    jump_insn(BPF_JMP | condition | BPF_X, dst, src, 0, to);
  }
  void call(int helper) { emit(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
  void exit() { emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

  // The code, at most 32767 instructions of which a jump can span; every label used is placed.
  Code finish() {
    for (const Jump& jump : jumps_) {
      const auto distance = static_cast<std::ptrdiff_t>(places_[jump.to]) -
                            static_cast<std::ptrdiff_t>(jump.from) - 1;
      code_[jump.from].offset = static_cast<std::int16_t>(distance);
    }
    return std::move(code_);
  }
  std::size_t size() const { return code_.size(); }

 private:
  struct Jump {
    std::size_t from;
    Label to;
  };
  static constexpr std::size_t kUnplaced = SIZE_MAX;

  void jump_insn(int code, int dst, int src, std::int32_t imm, Label to) {
    jumps_.push_back({code_.size(), to});
    emit(code, dst, src, 0, imm);
  }

  Code code_;
  std::vector<std::size_t> places_;
  std::vector<Jump> jumps_;
};

}  // namespace tracepkt::filter
