#include "kernel/kernel_btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <string_view>

namespace tracepkt::kernel {

void KernelBtf::Free::operator()(btf* kernel_btf) const { btf__free(kernel_btf); }

Result<KernelBtf> KernelBtf::load() {
  KernelBtf result;
  result.btf_.reset(btf__load_vmlinux_btf());
  if (!result.btf_) {
    return failure(
        "this kernel has no BTF type information (/sys/kernel/btf/vmlinux), which tracing needs",
        "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y; those of the common distributions are");
  }
  return result;
}

int KernelBtf::tracepoint_arguments(const std::string& name) const {
  const int id = btf__find_by_name_kind(get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF);
  if (id < 0) {
    return -1;
  }
  // typedef void (*btf_trace_NAME)(void *context, arguments...)
  const btf_type* pointer =
      btf__type_by_id(get(), btf__type_by_id(get(), static_cast<__u32>(id))->type);
  if (pointer == nullptr || !btf_is_ptr(pointer)) {
    return -1;
  }
  const btf_type* proto = btf__type_by_id(get(), pointer->type);
  return proto != nullptr && btf_is_func_proto(proto) ? static_cast<int>(btf_vlen(proto)) - 1 : -1;
}

bool KernelBtf::has_function(const std::string& name) const {
  return btf__find_by_name_kind(get(), name.c_str(), BTF_KIND_FUNC) >= 0;
}

std::unordered_map<std::uint32_t, std::string> KernelBtf::drop_reasons() const {
  constexpr std::string_view kPrefix = "SKB_DROP_REASON_";
  std::unordered_map<std::uint32_t, std::string> reasons;
  const int id = btf__find_by_name_kind(get(), "skb_drop_reason", BTF_KIND_ENUM);
  if (id < 0) {
    return reasons;
  }
  const btf_type* type = btf__type_by_id(get(), static_cast<__u32>(id));
  const struct btf_enum* values = ::btf_enum(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    std::string_view name = btf__name_by_offset(get(), values[i].name_off);
    if (name.starts_with(kPrefix)) {
      name.remove_prefix(kPrefix.size());
    }
    reasons.emplace(static_cast<std::uint32_t>(values[i].val), name);
  }
  return reasons;
}

}  // namespace tracepkt::kernel
