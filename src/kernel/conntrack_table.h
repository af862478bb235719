// Has conntrack room for another connection in a namespace?
#pragma once

#include <string_view>

namespace tracepkt::kernel {

// From the two sysctls net.netfilter.nf_conntrack_count and nf_conntrack_max, as they are written.
// Also next to full: some end between a drop and this question. False where one is no number.
bool is_conntrack_full(std::string_view count, std::string_view most);

// Of this thread's namespace; its connections are counted, the most is the same for all. False
// where there is no conntrack.
bool is_conntrack_full();

}  // namespace tracepkt::kernel
