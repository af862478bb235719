#include "filter/translate.h"

#include <fmt/format.h>

#include "filter/analysis.h"
#include "filter/assembler.h"
#include "filter/frame.h"
#include "filter/packet_loads.h"

namespace tracepkt::filter {
namespace {

using Label = Assembler::Label;

class Translator {
 public:
  Translator(std::span<const sock_filter> program, const Analysis& analysis)
      : program_(program),
        analysis_(analysis),
        calls_(analysis.may_leave_window),
        at_(calls_ ? kWithCalls : kWithoutCalls),
        out_(program.size()),
        no_match_(out_.new_label()),
        not_linear_(out_.new_label()),
        loads_(out_, at_, calls_, no_match_, not_linear_) {}

  Code run() {
    prologue();
    for (pc_ = 0; pc_ < program_.size(); ++pc_) {
      out_.place(pc_);
      if (analysis_.before[pc_].reached) {
        instruction(program_[pc_]);
      }
    }
    exits();
    return out_.finish();
  }

 private:
  void prologue() {
    out_.alu32_reg(BPF_MOV, 2, 2);  // the caller need not have cleared the upper half
    if (analysis_.reads_packet) {
      const Label length_is_less = out_.new_label();
      out_.alu32_reg(BPF_MOV, at_.available, 4);
      out_.jump64_reg(BPF_JLE, at_.available, 2, length_is_less);
      out_.alu64_reg(BPF_MOV, at_.available, 2);
      out_.place(length_is_less);
    }
    if (calls_) {
      out_.alu64_reg(BPF_MOV, at_.window, 1);
      out_.store(BPF_DW, kFrame, kAddressSlot, 3);
      out_.store(BPF_DW, kFrame, kLengthSlot, 2);
    }
    for (std::uint32_t i = 0; i < BPF_MEMWORDS; ++i) {
      if ((analysis_.needs_zeroing & 1U << i) != 0) {
        out_.store_imm(BPF_W, kFrame, memory_slot(i), 0);
      }
    }
    if ((analysis_.needs_zeroing & kBitA) != 0) {
      out_.alu32(BPF_MOV, at_.a, 0);
    }
    if ((analysis_.needs_zeroing & kBitX) != 0) {
      out_.alu32(BPF_MOV, at_.x, 0);
    }
  }

  void instruction(const sock_filter& insn) {
    switch (BPF_CLASS(insn.code)) {
      case BPF_LD:
        load(insn, at_.a);
        break;
      case BPF_LDX:
        load(insn, at_.x);
        break;
      case BPF_ST:
        out_.store(BPF_W, kFrame, memory_slot(insn.k), at_.a);
        break;
      case BPF_STX:
        out_.store(BPF_W, kFrame, memory_slot(insn.k), at_.x);
        break;
      case BPF_ALU:
        alu(insn);
        break;
      case BPF_JMP:
        jump(insn);
        break;
      case BPF_RET:
        ret(insn);
        break;
      default:
        if (BPF_MISCOP(insn.code) == BPF_TAX) {
          out_.alu32_reg(BPF_MOV, at_.x, at_.a);
        } else {
          out_.alu32_reg(BPF_MOV, at_.a, at_.x);
        }
    }
  }

  void load(const sock_filter& insn, int dst) {
    switch (BPF_MODE(insn.code)) {
      case BPF_IMM:
        out_.alu32(BPF_MOV, dst, static_cast<std::int32_t>(insn.k));
        break;
      case BPF_MEM:
        out_.load(BPF_W, dst, kFrame, memory_slot(insn.k));
        break;
      case BPF_LEN:
        loads_.length(dst);
        break;
      case BPF_IND:
        loads_.indirect(insn, dst, analysis_.before[pc_]);
        break;
      default:
        loads_.absolute(insn, dst, analysis_.before[pc_]);
        if (BPF_MODE(insn.code) == BPF_MSH) {
          out_.alu32(BPF_AND, dst, 0xf);
          out_.alu32(BPF_LSH, dst, 2);
        }
    }
  }

  void alu(const sock_filter& insn) {
    const int operation = BPF_OP(insn.code);
    if (operation == BPF_NEG) {
      out_.alu32(BPF_NEG, at_.a, 0);
      return;
    }
    if (BPF_SRC(insn.code) == BPF_K) {
      out_.alu32(operation, at_.a, static_cast<std::int32_t>(insn.k));
      return;
    }
    if (operation == BPF_LSH || operation == BPF_RSH) {
      const Label small = out_.new_label();
      const Label done = out_.new_label();
      out_.jump32(BPF_JLT, at_.x, 32, small);
      out_.alu32(BPF_MOV, at_.a, 0);
      out_.jump(done);
      out_.place(small);
      out_.alu32_reg(operation, at_.a, at_.x);
      out_.place(done);
      return;
    }
    if (operation == BPF_DIV || operation == BPF_MOD) {
      out_.jump32(BPF_JEQ, at_.x, 0, no_match_);
    }
    out_.alu32_reg(operation, at_.a, at_.x);
  }

  void jump(const sock_filter& insn) {
    const int condition = BPF_OP(insn.code);
    if (condition == BPF_JA) {
      jump_unless_next(pc_ + 1 + insn.k);
      return;
    }
    const Label yes = pc_ + 1 + insn.jt;
    const Label no = pc_ + 1 + insn.jf;
    if (yes == no) {
      jump_unless_next(yes);
    } else if (yes == pc_ + 1 && condition != BPF_JSET) {
      const int opposite = condition == BPF_JEQ   ? BPF_JNE
                           : condition == BPF_JGT ? BPF_JLE
                                                  : BPF_JLT;
      jump_if(opposite, insn, no);
    } else {
      jump_if(condition, insn, yes);
      jump_unless_next(no);
    }
  }

  void jump_if(int condition, const sock_filter& insn, Label to) {
    if (BPF_SRC(insn.code) == BPF_X) {
      out_.jump32_reg(condition, at_.a, at_.x, to);
    } else {
      out_.jump32(condition, at_.a, static_cast<std::int32_t>(insn.k), to);
    }
  }

  void jump_unless_next(Label to) {
    if (to != pc_ + 1) {
      out_.jump(to);
    }
  }

  void ret(const sock_filter& insn) {
    if (BPF_RVAL(insn.code) == BPF_A) {
      out_.jump32(BPF_JEQ, at_.a, 0, no_match_);
      leave(FILTER_MATCH);
    } else {
      leave(insn.k != 0 ? FILTER_MATCH : FILTER_NO_MATCH);
    }
  }

  void leave(filter_verdict verdict) {
    out_.alu32(BPF_MOV, 0, verdict);
    out_.exit();
  }

  void exits() {
    loads_.exits();
    if (out_.used(no_match_)) {
      out_.place(no_match_);
      leave(FILTER_NO_MATCH);
    }
    if (out_.used(not_linear_)) {
      out_.place(not_linear_);
      leave(FILTER_NOT_LINEAR);
    }
  }

  std::span<const sock_filter> program_;
  const Analysis& analysis_;
  bool calls_;
  Registers at_;
  Assembler out_;
  Label no_match_;
  Label not_linear_;
  PacketLoads loads_;
  std::size_t pc_ = 0;
};

}  // namespace

Result<Code> translate(std::span<const sock_filter> program) {
  const auto analysis = analyse(program);
  if (!analysis) {
    return std::unexpected(analysis.error());
  }
  Code code = Translator(program, *analysis).run();
  if (code.size() > kMaxCode) {
    return failure(fmt::format("the filter is too long: {} instructions, and at most {} fit",
                               code.size(), kMaxCode),
                   "name networks or ranges of ports in place of many single ones");
  }
  return code;
}

}  // namespace tracepkt::filter
