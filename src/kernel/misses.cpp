#include "kernel/misses.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

namespace tracepkt::kernel {

std::uint64_t recursion_misses(int program_fd) {
  bpf_prog_info info = {};
  __u32 size = sizeof(info);
  return program_fd >= 0 && bpf_obj_get_info_by_fd(program_fd, &info, &size) == 0
             ? info.recursion_misses
             : 0;
}

std::uint64_t recursion_misses(const bpf_object* object) {
  std::uint64_t misses = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    misses += recursion_misses(bpf_program__fd(program));
  }
  return misses;
}

}  // namespace tracepkt::kernel
