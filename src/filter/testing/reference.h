// What libpcap itself says about a packet: the truth that translated filters are compared with.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "filter/program.h"

namespace tracepkt::filter::testing {

// True if libpcap would run this program at all.
bool reference_accepts(const ClassicProgram& program);

// bpf_filter()'s answer about a packet of `packet_len` bytes of which `packet` is all there is.
std::uint32_t reference_run(const ClassicProgram& program, std::span<const std::uint8_t> packet,
                            std::uint32_t packet_len);

// Why `verdict` (enum filter_verdict) is not what libpcap says about `packet`, of which only the
// first `linear_len` bytes were readable; nothing if it is right.
std::optional<std::string> disagreement(const ClassicProgram& program,
                                        std::span<const std::uint8_t> packet,
                                        std::uint32_t linear_len, int verdict);

}  // namespace tracepkt::filter::testing
