// The maps by which programs of several BPF objects work together.
#pragma once

#include <initializer_list>

#include "base/result.h"

struct bpf_object;

namespace tracepkt::kernel {

// Has `opened`, which is not loaded yet, use the maps with these names of `loaded`, and the ring.
Status share_maps(bpf_object* opened, const bpf_object* loaded,
                  std::initializer_list<const char*> names);

// Does it write its records into the kernel's own ring (bpf/ring.bpf.h)?
bool has_kernel_ring(const bpf_object* object);

}  // namespace tracepkt::kernel
