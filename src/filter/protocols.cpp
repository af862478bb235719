#include "filter/protocols.h"

#include <optional>
#include <set>
#include <tuple>
#include <vector>

namespace tracepkt::filter {
namespace {

// A number of which the bits in `known` are known.
struct Partly {
  std::uint32_t value = 0;
  std::uint32_t known = 0;
};

// What is known of a byte of the packet.
struct Assumption {
  std::uint32_t version = 0;
  std::uint32_t protocol = 0;

  Partly byte(std::uint32_t offset) const {
    if (offset == 0) {
      return {.value = version << 4, .known = ~0x0fu};
    }
    if (offset == (version == 4 ? 9u : 6u)) {
      return {.value = protocol, .known = ~0u};
    }
    return {.value = 0, .known = ~0xffu};
  }
};

// The accumulator after an instruction that is no jump.
Partly after(const sock_filter& insn, Partly accumulator, const Assumption& packet) {
  switch (BPF_CLASS(insn.code)) {
    case BPF_LD:
      if (BPF_MODE(insn.code) == BPF_ABS && BPF_SIZE(insn.code) == BPF_B) {
        return packet.byte(insn.k);
      }
      return BPF_MODE(insn.code) == BPF_IMM ? Partly{.value = insn.k, .known = ~0u} : Partly{};
    case BPF_ALU:
      if (insn.code == (BPF_ALU | BPF_AND | BPF_K)) {
        return {.value = accumulator.value & insn.k, .known = accumulator.known | ~insn.k};
      }
      return {};
    case BPF_MISC:
      return BPF_MISCOP(insn.code) == BPF_TXA ? Partly{} : accumulator;
    default:  // loads of X and stores leave it alone
      return accumulator;
  }
}

// How a conditional jump goes; nothing: either way.
std::optional<bool> is_taken(const sock_filter& insn, Partly accumulator) {
  if (BPF_SRC(insn.code) != BPF_K) {
    return std::nullopt;
  }
  const bool all_known = accumulator.known == ~0u;
  switch (BPF_OP(insn.code)) {
    case BPF_JEQ:
      if (((accumulator.value ^ insn.k) & accumulator.known) != 0) {
        return false;
      }
      return all_known ? std::optional(true) : std::nullopt;
    case BPF_JGT:
      return all_known ? std::optional(accumulator.value > insn.k) : std::nullopt;
    case BPF_JGE:
      return all_known ? std::optional(accumulator.value >= insn.k) : std::nullopt;
    case BPF_JSET:
      if ((accumulator.value & accumulator.known & insn.k) != 0) {
        return true;
      }
      return (insn.k & ~accumulator.known) == 0 ? std::optional(false) : std::nullopt;
    default:
      return std::nullopt;
  }
}

// Is there a way through the program to "match"? Every way that the packet does not rule out is
// gone, each state once; when there are too many, the answer is yes.
bool can_match(std::span<const sock_filter> program, const Assumption& packet) {
  constexpr std::size_t kMaxStates = 4096;
  struct State {
    std::size_t at;
    Partly accumulator;
  };
  std::set<std::tuple<std::size_t, std::uint32_t, std::uint32_t>> seen;
  std::vector<State> open = {{.at = 0, .accumulator = {.value = 0, .known = ~0u}}};
  while (!open.empty()) {
    const auto [at, accumulator] = open.back();
    open.pop_back();
    if (at >= program.size() || seen.size() >= kMaxStates) {
      return true;
    }
    if (!seen.emplace(at, accumulator.value & accumulator.known, accumulator.known).second) {
      continue;
    }
    const sock_filter& insn = program[at];
    if (BPF_CLASS(insn.code) == BPF_RET) {
      if (BPF_RVAL(insn.code) != BPF_K || insn.k != 0) {
        return true;
      }
    } else if (insn.code == (BPF_JMP | BPF_JA)) {
      open.push_back({at + 1 + insn.k, accumulator});
    } else if (BPF_CLASS(insn.code) == BPF_JMP) {
      const auto taken = is_taken(insn, accumulator);
      if (taken.value_or(true)) {
        open.push_back({at + 1 + insn.jt, accumulator});
      }
      if (!taken.value_or(false)) {
        open.push_back({at + 1 + insn.jf, accumulator});
      }
    } else {
      open.push_back({at + 1, after(insn, accumulator, packet)});
    }
  }
  return false;
}

}  // namespace

protocol_sets possible_protocols(std::span<const sock_filter> program) {
  protocol_sets sets = {};
  for (std::uint32_t protocol = 0; protocol < 256; ++protocol) {
    const std::uint64_t bit = std::uint64_t{1} << protocol % 64;
    if (can_match(program, {.version = 4, .protocol = protocol})) {
      sets.v4[protocol / 64] |= bit;
    }
    if (can_match(program, {.version = 6, .protocol = protocol})) {
      sets.v6[protocol / 64] |= bit;
    }
  }
  return sets;
}

}  // namespace tracepkt::filter
