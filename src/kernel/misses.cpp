#include "kernel/misses.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

namespace tracepkt::kernel {

std::uint64_t recursion_misses(const bpf_object* object) {
  std::uint64_t misses = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const int fd = bpf_program__fd(program);
    bpf_prog_info info = {};
    __u32 size = sizeof(info);
    if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0) {
      misses += info.recursion_misses;
    }
  }
  return misses;
}

}  // namespace tracepkt::kernel
