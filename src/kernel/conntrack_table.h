// Has conntrack room for another connection in a namespace?
#pragma once

#include <cstdint>

namespace tracepkt::kernel {

// From net.netfilter.nf_conntrack_count and nf_conntrack_max; the latter is 0 where there is no
// limit (nf_conntrack_alloc(), 6.12). Also next to full: some end between a drop and this question.
bool is_conntrack_full(std::uint32_t count, std::uint32_t most);

// Of this thread's namespace; its connections are counted, the most is the same for all. False
// where there is no conntrack.
bool is_conntrack_full();

}  // namespace tracepkt::kernel
