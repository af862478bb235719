#include "kernel/chain_hooks.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/fd.h"
#include "kernel/kernel_btf.h"
#include "kernel/rights.h"

namespace tracepkt::kernel {
namespace {

struct ChainFunction {
  const char* name;
  const char* module;
};

constexpr std::array<ChainFunction, 6> kFunctions = {{
    {"nft_do_chain", "nf_tables"},
    {"__nft_trace_packet", "nf_tables"},
    {"ipt_do_table", "ip_tables"},
    {"ip6t_do_table", "ip6_tables"},
    {"arpt_do_table", "arp_tables"},
    {"ebt_do_table", "ebtables"},
}};

// Since then modules tell their types (5.11, 36e68442d1af).
constexpr KernelVersion kTypesOfModules = {.major = 5, .minor = 11};

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// The kernel's own sign that it takes kprobes (4.17); where modules of iptables are, one of these
// tells of their rules.
constexpr const char* kKprobes = "/sys/bus/event_source/devices/kprobe/type";
constexpr const char* kLegacyRules = "nf_log_trace";

// Why legacy rules cannot be told; null: they can.
const char* no_legacy_rules() {
#ifdef __x86_64__
  return exists(kKprobes) ? nullptr : "this kernel has no kprobes";
#else
  return "where a function's arguments are is known of x86-64 alone";
#endif
}

// A kernel that refuses all such programs (lockdown, a security module) does so before it looks at
// what they are for: this one is for nothing.
bool refuses_fentry() {
  const bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY,
              .attach_btf_id = 1);
  const Fd loaded(bpf_prog_load(BPF_PROG_TYPE_TRACING, "try_fentry", "GPL", program,
                                std::size(program), &options));
  return !loaded.valid() && errno == EPERM;
}

}  // namespace

bool ChainHooks::has(const std::string& function) const {
  return std::ranges::find(functions, function) != functions.end();
}

ChainHooks find_chain_hooks() {
  ChainHooks hooks;
  hooks.has_esp = exists("/sys/module/esp4") || exists("/sys/module/esp6");
  if (refuses_fentry()) {
    hooks.why = "this kernel refuses fentry programs";
    return hooks;
  }
  hooks.takes_fentry = true;
  const bool too_old = parse_version(kernel_release()).value_or(kTypesOfModules) < kTypesOfModules;
  std::optional<Result<KernelBtf>> kernel_btf;
  for (const ChainFunction& function : kFunctions) {
    const std::string module = function.module;
    if (exists("/sys/kernel/btf/" + module)) {
      hooks.functions.emplace_back(function.name);
      continue;
    }
    // Not loaded, part of the kernel itself, or a module without types.
    if (!kernel_btf) {
      kernel_btf.emplace(KernelBtf::load());
    }
    if (*kernel_btf && (*kernel_btf)->has_function(function.name)) {
      hooks.functions.emplace_back(function.name);
    } else if (too_old || exists("/sys/module/" + module + "/initstate")) {
      hooks.why = "modules have no BTF, as before Linux 5.11";
    }
  }
  // No module: a part of the kernel itself, or not loaded.
  if (!hooks.has_esp && kernel_btf && *kernel_btf) {
    hooks.has_esp =
        (*kernel_btf)->has_function("esp_output") || (*kernel_btf)->has_function("esp6_output");
  }
  if (const char* why = no_legacy_rules(); why != nullptr) {
    hooks.why_no_legacy_rules = why;
  } else if (hooks.has("ipt_do_table") || hooks.has("ip6t_do_table")) {
    hooks.functions.emplace_back(kLegacyRules);
  }
  return hooks;
}

}  // namespace tracepkt::kernel
