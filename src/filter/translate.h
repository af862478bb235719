// Classic BPF to eBPF: the body of filter_l2() or filter_l3() (bpf/filter.bpf.h).
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "filter/program.h"
#include "wire/filter.h"

namespace tracepkt::filter {

// What of a stub is not the filter: it makes the padding valid.
inline constexpr std::size_t kStubInsns = 3;

// Instructions a translated filter may have.
inline constexpr std::size_t kMaxCode = FILTER_INSNS - kStubInsns;

// The code runs with the arguments that bpf/filter.bpf.h describes and returns a filter_verdict; it
// means what libpcap's bpf_filter() means: a load behind the packet's end and a division by zero
// are "no match". Fails if the program is not valid, loops, or is too long once translated.
Result<Code> translate(std::span<const sock_filter> program);

}  // namespace tracepkt::filter
