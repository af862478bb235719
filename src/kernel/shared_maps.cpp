#include "kernel/shared_maps.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>

namespace tracepkt::kernel {
namespace {

Status share_map(bpf_object* opened, const bpf_object* loaded, const char* name) {
  bpf_map* map = bpf_object__find_map_by_name(opened, name);
  const int fd = bpf_object__find_map_fd_by_name(loaded, name);
  if (map == nullptr || fd < 0 || bpf_map__reuse_fd(map, fd) != 0) {
    return failure(fmt::format("the BPF objects do not share {}", name), "rebuild tracepkt");
  }
  return {};
}

}  // namespace

Status share_maps(bpf_object* opened, const bpf_object* loaded,
                  std::initializer_list<const char*> names) {
  Status shared = share_map(opened, loaded, "events");
  if (shared && !has_kernel_ring(loaded)) {
    shared = share_map(opened, loaded, ".data.ring");
  }
  for (auto name = names.begin(); shared && name != names.end(); ++name) {
    shared = share_map(opened, loaded, *name);
  }
  return shared;
}

bool has_kernel_ring(const bpf_object* object) {
  return bpf_map__type(bpf_object__find_map_by_name(object, "events")) == BPF_MAP_TYPE_RINGBUF;
}

}  // namespace tracepkt::kernel
