// Tries each kind of probe for real: an empty program is loaded and attached, and taken off again.
// What a kernel says of itself (its version, its configuration) is no proof; a refusal is.
#pragma once

#include <string>
#include <vector>

namespace tracepkt::kernel {

class KernelBtf;

struct ProbeKind {
  std::string kind;  // "tp_btf", "fentry", "kprobe", "kprobe.multi"
  bool works = false;
  std::string why;     // why not
  std::string advice;  // what the user can do about it
};

std::vector<ProbeKind> try_probe_kinds(const KernelBtf& kernel_btf);

}  // namespace tracepkt::kernel
