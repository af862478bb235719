// The programs at BTF tracepoints, in sections "hook/TRACEPOINT" of the BPF object: loaded on
// several CPUs at once. The kernel's verifier takes some ten milliseconds for each of the large
// ones, and libbpf loads one after the other.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace tracepkt::kernel {

// Of a section's name.
constexpr std::string_view kHookSection = "hook";

class HookPrograms {
 public:
  // For libbpf to know such sections, before an object with some is opened.
  static void announce();

  // As bpf_object__load(). Programs whose autoload is off are left out. The error is a negative
  // errno; where the kernel refused one of these programs, refused() is its name.
  int load(bpf_object* object);
  const std::string& refused() const { return refused_; }

  // False: refused, errno says why; or it is no program of these.
  bool attach(const bpf_program* program);
  void detach();
  bool has(const bpf_program* program) const { return programs_.contains(program); }

  // Runs that the kernel left out because the same program was running on that CPU.
  std::uint64_t misses() const;

 private:
  std::map<const bpf_program*, Fd> programs_;
  std::vector<Fd> links_;
  std::string refused_;
};

}  // namespace tracepkt::kernel
