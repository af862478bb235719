#include "filter/testing/reference.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <vector>

#include "wire/filter.h"

namespace tracepkt::filter::testing {
namespace {

std::vector<bpf_insn> to_pcap(const ClassicProgram& program) {
  std::vector<bpf_insn> result;
  result.reserve(program.size());
  for (const sock_filter& insn : program) {
    result.push_back({insn.code, insn.jt, insn.jf, insn.k});
  }
  return result;
}

// Matches unless a load fails or something is divided by zero.
ClassicProgram that_always_matches(ClassicProgram program) {
  for (sock_filter& insn : program) {
    if (BPF_CLASS(insn.code) == BPF_RET) {
      insn = {BPF_RET | BPF_K, 0, 0, 1};
    }
  }
  return program;
}

}  // namespace

bool reference_accepts(const ClassicProgram& program) {
  return bpf_validate(to_pcap(program).data(), static_cast<int>(program.size())) != 0;
}

std::uint32_t reference_run(const ClassicProgram& program, std::span<const std::uint8_t> packet,
                            std::uint32_t packet_len) {
  return bpf_filter(to_pcap(program).data(), packet.data(), packet_len,
                    static_cast<u_int>(packet.size()));
}

std::optional<std::string> disagreement(const ClassicProgram& program,
                                        std::span<const std::uint8_t> packet,
                                        std::uint32_t linear_len, int verdict) {
  const auto packet_len = static_cast<std::uint32_t>(packet.size());
  const auto linear = packet.first(std::min<std::size_t>(linear_len, packet.size()));
  const auto probe = that_always_matches(program);
  const int full = reference_run(program, packet, packet_len) != 0 ? FILTER_MATCH : FILTER_NO_MATCH;
  int expected = full;
  if (linear.size() < packet.size() && reference_run(probe, linear, packet_len) == 0) {
    // It wanted more than is linear, or divided by zero.
    if (reference_run(probe, packet, packet_len) == 0 && verdict == FILTER_NO_MATCH) {
      return std::nullopt;  // and more than there is: either comes first
    }
    expected = FILTER_NOT_LINEAR;
  }
  if (verdict == expected) {
    return std::nullopt;
  }
  return fmt::format("verdict {}, expected {} (of the whole packet: {})", verdict, expected, full);
}

}  // namespace tracepkt::filter::testing
