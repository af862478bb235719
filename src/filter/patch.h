// Writes a filter into a BPF object that was compiled with bpf/filter.bpf.h.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "filter/filter.h"

namespace tracepkt::filter {

// A copy of `object` (an ELF file) whose stubs filter_l2 and filter_l3 do what `filter` says; where
// the filter has no variant for a layer, that stub matches nothing. Nothing else in the object
// changes, sizes included. Fails if the object has neither stub, or one that is shorter than the
// filter.
Result<std::vector<std::byte>> write_filter(std::span<const std::byte> object,
                                            const Filter& filter);

}  // namespace tracepkt::filter
