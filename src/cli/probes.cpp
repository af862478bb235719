// tracepkt probes: the catalogue, every hook and what it says, and whether this kernel has it. And,
// with --schema, what is to be expected of the JSON that they end in.
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/json_writer.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/options.h"
#include "cli/standard_files.h"
#include "decode/event.h"
#include "kernel/chain_hooks.h"
#include "kernel/hook_names.h"
#include "kernel/kernel_btf.h"
#include "kernel/rights.h"
#include "kernel/tracer.h"
#include "sinks/json_schema.h"
#include "sinks/output.h"

namespace tracepkt::cli {
namespace {

struct Row {
  kernel::HookName hook;
  bool here = false;
};

bool is_here(const kernel::HookName& hook, const Result<kernel::KernelBtf>& kernel_btf,
             const kernel::ChainHooks& chains) {
  if (hook.kind == "tp_btf") {
    return kernel_btf && kernel_btf->tracepoint_arguments(hook.name) >= 0;
  }
  if (hook.stage == STAGE_xdp || hook.stage == STAGE_tc) {
    return chains.takes_fentry;
  }
  if (hook.stage == STAGE_function) {
    return kernel_btf && (kernel_btf->has_function("register_fprobe") ||
                          kernel_btf->has_function("register_kprobe"));
  }
  return chains.has(hook.name) || (hook.of_kernel && chains.takes_fentry && kernel_btf &&
                                   kernel_btf->has_function(hook.name));
}

// Without BTF none can be had.
std::vector<Row> catalogue() {
  const auto kernel_btf = kernel::KernelBtf::load();
  std::vector<Row> rows;
  const kernel::ChainHooks chains = kernel::find_chain_hooks();
  for (kernel::HookName& hook : kernel::hook_names()) {
    const bool here = is_here(hook, kernel_btf, chains);
    rows.push_back({.hook = std::move(hook), .here = here});
  }
  return rows;
}

void print_table(const std::vector<Row>& rows, sinks::Output& out) {
  constexpr std::size_t kStage = 9;
  constexpr std::size_t kName = 28;
  constexpr std::size_t kHere = 5;
  out.write(out.dim(fmt::format("{}  {}  {}  SAYS", pad_right("STAGE", kStage),
                                pad_right("HOOK", kName), pad_right("HERE", kHere))) +
            "\n");
  for (const Row& row : rows) {
    const std::string left =
        fmt::format("{}  {}  {}  ",
                    pad_right(row.hook.stage ? decode::stage_name(*row.hook.stage) : "-", kStage),
                    pad_right(row.hook.name, kName), pad_right(row.here ? "yes" : "no", kHere));
    std::string indent = left;
    for (const std::string& line : wrapped(row.hook.says, out.width() - left.size())) {
      out.write(indent + line + "\n");
      indent = std::string(left.size(), ' ');
    }
  }
  out.write(fmt::format(
      "\nFirewall chains, IPsec and ICMPv6 errors are seen by fentry, programs by fexit, functions "
      "and rules of legacy "
      "iptables by kprobes,\nall else by BTF tracepoints (tp_btf). HERE: kernel {} has it. Whether "
      "you may use it: tracepkt doctor\n",
      kernel::kernel_release()));
}

void print_json(const std::vector<Row>& rows, sinks::Output& out) {
  for (const Row& row : rows) {
    JsonWriter json;
    json.begin_object().field("type", "probe").field("name", row.hook.probe());
    json.key("stage");
    row.hook.stage ? json.value(decode::stage_name(*row.hook.stage)) : json.null();
    json.field("says", row.hook.says);
    json.field("needed", row.hook.needed).field("here", row.here).end_object();
    out.write(json.text() + "\n");
  }
}

}  // namespace

int run_probes(const ProbesOptions& options) {
  if (options.common.format == sinks::Format::kClassic) {
    return report(
        {.what = "probes has no format classic", .hint = "use --format table or --format json"});
  }
  sinks::Output out(STDOUT_FILENO, options.common.color);
  if (options.schema) {
    out.write(sinks::json_schema());
  } else if (options.common.format == sinks::Format::kJson) {
    print_json(catalogue(), out);
  } else {
    print_table(catalogue(), out);
  }
  out.flush();
  const Status written = check_written(out);
  return written ? kOk : report(written.error());
}

}  // namespace tracepkt::cli
