#include "kernel/kernel_btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace tracepkt::kernel {
namespace {

// Adds what the enum of this name holds; false where there is none.
bool add_reasons(const btf* types, const char* name,
                 std::unordered_map<std::uint32_t, std::string>& reasons,
                 std::string_view prefix = "SKB_DROP_REASON_") {
  const int id = types == nullptr ? -1 : btf__find_by_name_kind(types, name, BTF_KIND_ENUM);
  if (id < 0) {
    return false;
  }
  const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
  const struct btf_enum* values = ::btf_enum(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    std::string_view reason = btf__name_by_offset(types, values[i].name_off);
    // The bounds of the enum, and the mask of its upper half, are no reasons.
    if (reason.starts_with("__") || reason.ends_with("_MAX") || reason.ends_with("_SUBSYS_MASK")) {
      continue;
    }
    if (reason.starts_with(prefix)) {
      reason.remove_prefix(prefix.size());
    }
    // Of a subsystem, RX_QUEUED and the like are the core's numbers: that is in the table already.
    reasons.emplace(static_cast<std::uint32_t>(values[i].val), reason);
  }
  return true;
}

}  // namespace

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

int KernelBtf::function_arguments(const std::string& name) const {
  const int id = btf__find_by_name_kind(get(), name.c_str(), BTF_KIND_FUNC);
  const btf_type* proto =
      id < 0 ? nullptr
             : btf__type_by_id(get(), btf__type_by_id(get(), static_cast<__u32>(id))->type);
  return proto != nullptr && btf_is_func_proto(proto) ? static_cast<int>(btf_vlen(proto)) : -1;
}

std::unordered_map<std::uint32_t, std::string> KernelBtf::drop_reasons() const {
  std::unordered_map<std::uint32_t, std::string> reasons;
  add_reasons(get(), "skb_drop_reason", reasons);
  add_reasons(get(), "qdisc_drop_reason", reasons);
  for (const auto& [module, name] : {std::pair("mac80211", "mac80211_drop_reason"),
                                     std::pair("openvswitch", "ovs_drop_reason")}) {
    if (add_reasons(get(), name, reasons)) {
      continue;
    }
    // Asked for only where it is there, or libbpf would complain.
    if (::access((std::string("/sys/kernel/btf/") + module).c_str(), R_OK) == 0) {
      const std::unique_ptr<btf, Free> module_btf(btf__load_module_btf(module, btf_.get()));
      add_reasons(module_btf.get(), name, reasons);
    }
  }
  return reasons;
}

std::unordered_map<std::uint32_t, std::string> KernelBtf::reset_reasons() const {
  std::unordered_map<std::uint32_t, std::string> reasons;
  add_reasons(get(), "sk_rst_reason", reasons, "SK_RST_REASON_");
  return reasons;
}

}  // namespace tracepkt::kernel
