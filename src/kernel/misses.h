// How often programs were not run because they, or others on that processor, were running already.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>

namespace tracepkt::kernel {

// Of one program.
std::uint64_t recursion_misses(int program_fd);

// Of all programs of a loaded object, together.
std::uint64_t recursion_misses(const bpf_object* object);

}  // namespace tracepkt::kernel
