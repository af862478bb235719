#include "kernel/trial.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "bpf/objects.h"
#include "kernel/kernel_btf.h"
#include "kernel/libbpf_log.h"
#include "kernel/rights.h"

namespace tracepkt::kernel {
namespace {

struct Kind {
  const char* kind;
  const char* program;
  const char* function;  // that the kernel has if it was built with what the kind needs
  const char* without;   // what to say where it has not
};

constexpr std::array<Kind, 4> kKinds = {{
    {"tp_btf", "try_tp_btf", nullptr, ""},
    {"fentry", "try_fentry", "bpf_trampoline_link_prog",
     "this kernel was built without BPF trampolines"},
    {"kprobe", "try_kprobe", "register_kprobe", "this kernel was built without CONFIG_KPROBES"},
    {"kprobe.multi", "try_kprobe_multi", "bpf_kprobe_multi_link_attach",
     "this kernel has no multi-kprobes (Linux 5.18 and later, with CONFIG_FPROBE)"},
}};

// 0, or the errno of the refusal.
int try_program(const char* name) {
  const auto bytes = bpf::trial_object();
  bpf_object* object = bpf_object__open_mem(bytes.data(), bytes.size(), nullptr);
  if (object == nullptr) {
    return errno;
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    bpf_program__set_autoload(program, std::string_view(bpf_program__name(program)) == name);
  }
  int error = -bpf_object__load(object);
  if (error == 0) {
    bpf_link* link = bpf_program__attach(bpf_object__find_program_by_name(object, name));
    error = link == nullptr ? errno : 0;
    bpf_link__destroy(link);
  }
  bpf_object__close(object);
  return error;
}

std::string advice_for(int error, const Rights& rights) {
  if (!rights.may_trace()) {
    return "run it as root: sudo tracepkt doctor";
  }
  if ((error == EPERM || error == EACCES) && !rights.lockdown.empty() &&
      rights.lockdown != "none") {
    return fmt::format(
        "this is a hardened kernel (lockdown: {}); a kernel without that setting takes it",
        rights.lockdown);
  }
  return error == EPERM || error == EACCES ? "a security policy of this machine forbids it" : "";
}

}  // namespace

std::vector<ProbeKind> try_probe_kinds(const KernelBtf& kernel_btf) {
  const LibbpfLog quiet;
  const Rights rights = read_rights();
  std::vector<ProbeKind> kinds;
  for (const Kind& kind : kKinds) {
    ProbeKind result{.kind = kind.kind};
    const int error = try_program(kind.program);
    result.works = error == 0;
    if (error != 0) {
      const bool built_in = error != EOPNOTSUPP &&
                            (kind.function == nullptr || kernel_btf.has_function(kind.function));
      result.why =
          built_in ? fmt::format("the kernel refuses it: {}", std::strerror(error)) : kind.without;
      result.advice = built_in ? advice_for(error, rights) : "";
    }
    kinds.push_back(std::move(result));
  }
  return kinds;
}

}  // namespace tracepkt::kernel
