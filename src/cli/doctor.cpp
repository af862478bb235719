// tracepkt doctor: what this kernel lets us see, tried for real, and what to do about the rest.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/options.h"
#include "cli/standard_files.h"
#include "filter/filter.h"
#include "kernel/chain_hooks.h"
#include "kernel/device_programs.h"
#include "kernel/hook_names.h"
#include "kernel/kernel_btf.h"
#include "kernel/netns_names.h"
#include "kernel/netns_open.h"
#include "kernel/netns_scan.h"
#include "kernel/rights.h"
#include "kernel/symbols.h"
#include "kernel/tracer.h"
#include "kernel/trial.h"
#include "sinks/output.h"

namespace tracepkt::cli {
namespace {

enum class State : std::uint8_t { kWorks, kLess, kNo };

struct Feature {
  std::string name;
  State state = State::kWorks;
  std::string why;
  std::string advice;
};

struct Diagnosis {
  std::string kernel;
  std::string lockdown;
  bool has_btf = false;
  std::vector<std::pair<std::string, bool>> capabilities;
  std::vector<kernel::ProbeKind> probes;
  std::vector<Feature> features;
};

const char* state_name(State state) {
  return state == State::kWorks ? "works" : state == State::kLess ? "less" : "no";
}

Feature from_status(std::string name, const Status& status) {
  if (status) {
    return {.name = std::move(name)};
  }
  return {.name = std::move(name),
          .state = State::kNo,
          .why = status.error().what,
          .advice = status.error().hint};
}

// Loads and attaches all that `trace` and `ping` use, for a moment.
Status try_tracing(const kernel::Rights& rights, const Result<kernel::KernelBtf>& btf,
                   std::vector<kernel::Probe>& probes) {
  if (auto recent = kernel::require_kernel(kernel::kernel_release()); !recent) {
    return recent;
  }
  if (auto allowed = kernel::require(rights, {}, "tracing"); !allowed) {
    return allowed;
  }
  if (!btf) {
    return std::unexpected(btf.error());
  }
  const auto tracer = kernel::Tracer::start({.mode = MATCH_ECHO,
                                             .filter = {},
                                             .echo = {},
                                             .ring_bytes = 8u << 20,
                                             .routes = true,
                                             .chains = true,
                                             .rules = true,
                                             .programs = true,
                                             .sockets = true,
                                             .queues = true});
  if (!tracer) {
    return std::unexpected(tracer.error());
  }
  probes = tracer->probes();
  return {};
}

Status try_socket(int family, int protocol) {
  const Fd raw(socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol));
  const Fd ping(raw.valid() ? -1 : socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol));
  if (raw.valid() || ping.valid()) {
    return {};
  }
  return failure("neither a raw nor a ping socket is allowed: CAP_NET_RAW is missing",
                 "run it as root: sudo tracepkt doctor");
}

Feature drop_reasons(const Result<kernel::KernelBtf>& btf, const Status& tracing) {
  Feature feature{.name = "drops: the kernel's reason"};
  if (!tracing) {
    feature.state = State::kNo;
    feature.why = "packets cannot be traced here";
  } else if (btf->tracepoint_arguments("kfree_skb") < 3) {
    feature.state = State::kLess;
    feature.why =
        "this kernel gives no reasons (Linux 5.17 and later do); the function that dropped is "
        "named";
  }
  return feature;
}

Feature drop_functions(const Status& tracing) {
  Feature feature{.name = "drops: the kernel function"};
  kernel::Symbols symbols;
  if (!tracing) {
    feature.state = State::kNo;
    feature.why = "packets cannot be traced here";
  } else if (!symbols.known()) {
    feature.state = State::kNo;
    feature.why = "/proc/kallsyms shows no addresses";
    feature.advice = "run it with CAP_SYSLOG, or set sysctl kernel.kptr_restrict=0";
  }
  return feature;
}

Feature command_packets(const Result<kernel::KernelBtf>& btf, const Status& tracing) {
  Feature feature = from_status("trace -- COMMAND: what it sends and receives", tracing);
  if (tracing && (btf->tracepoint_arguments("sys_exit") < 0 ||
                  btf->tracepoint_arguments("sched_process_fork") < 0)) {
    feature.state = State::kNo;
    feature.why = "this kernel lacks the tracepoints sys_exit or sched_process_fork";
    feature.advice = "give a filter for its packets instead";
  }
  return feature;
}

// Every tracepoint that cannot be had costs its own detail and nothing else.
std::vector<Feature> hook_features(const std::vector<kernel::Probe>& probes) {
  std::vector<Feature> features;
  for (const kernel::HookName& hook : kernel::hook_names()) {
    const auto probe = std::ranges::find(probes, hook.probe(), &kernel::Probe::name);
    if (probe != probes.end() && !probe->attached) {
      features.push_back({.name = "seen: " + hook.says,
                          .state = State::kNo,
                          .why = probe->name + ": " + probe->why});
    }
  }
  return features;
}

// Chains, and the rules in them.
std::vector<Feature> firewall_features(const Status& tracing) {
  std::vector<Feature> features = {{.name = "firewall chains and their verdicts"},
                                   {.name = "firewall rules (--rules; nftables)"},
                                   {.name = "firewall rules (--rules; legacy iptables)"}};
  const kernel::ChainHooks chains = kernel::find_chain_hooks();
  for (Feature& feature : features) {
    if (!tracing || !chains.why.empty()) {
      feature.state = State::kNo;
      feature.why = tracing ? chains.why : "packets cannot be traced here";
      feature.advice = tracing ? "what a firewall drops is told as a drop all the same" : "";
    }
  }
  if (Feature& legacy = features.back();
      legacy.state == State::kWorks && !chains.why_no_legacy_rules.empty()) {
    legacy.state = State::kNo;
    legacy.why = chains.why_no_legacy_rules;
    legacy.advice = "the table and chain of legacy iptables are told, with the verdict";
  }
  return features;
}

// A packet before IPsec encrypts it, and after it is decrypted.
Feature ipsec_feature(const Status& tracing) {
  Feature feature{.name = "packets inside of IPsec"};
  if (!tracing || !kernel::find_chain_hooks().takes_fentry) {
    feature.state = State::kNo;
    feature.why = tracing ? "this kernel refuses fentry programs" : "packets cannot be traced here";
    feature.advice = tracing ? "the encrypted ones are told all the same: tracepkt trace esp" : "";
  }
  return feature;
}

// Each verdict of an XDP or tc program, not only what one dropped.
Feature programs_feature(const Status& tracing, const std::vector<kernel::Probe>& probes) {
  Feature feature{.name = "verdicts of XDP and tc programs"};
  if (!tracing || !kernel::find_chain_hooks().takes_fentry) {
    feature.state = State::kNo;
    feature.why = tracing ? "this kernel refuses fexit programs" : "packets cannot be traced here";
    feature.advice = tracing ? "what such a program drops is told as a drop all the same" : "";
    return feature;
  }
  for (const kernel::Probe& probe : probes) {
    if (probe.name.starts_with("XDP and tc programs") && !probe.attached) {
      feature.state = State::kLess;
      feature.why +=
          fmt::format("{}{}: {}", feature.why.empty() ? "" : "; ", probe.name, probe.why);
    }
  }
  return feature;
}

// Interfaces whose drivers run an XDP program: what that drops, sends back or redirects nobody else
// may see (a veth's drops are). Nothing where there are none.
std::vector<Feature> xdp_features() {
  std::string list;
  kernel::NetnsNames names;
  for (const auto& [inode, path] : kernel::scan_all_netns("")) {
    std::vector<kernel::XdpDevice> devices;
    (void)kernel::run_in_netns_file(path, [&]() -> Status {
      devices = kernel::list_native_xdp();
      return {};
    });
    for (const kernel::XdpDevice& device : devices) {
      const std::string where = names.name({.inode = inode, .cookie = 0});
      list +=
          fmt::format("{}{} in {}: {} (id {})", list.empty() ? "" : ", ", printable(device.name),
                      where.empty() ? std::to_string(inode) : printable(where),
                      printable(device.program.name), device.program.id);
    }
  }
  if (list.empty()) {
    return {};
  }
  return {{.name = "packets that XDP programs take first",
           .state = State::kLess,
           .why = list,
           .advice =
               "what such a program in the driver drops or redirects may be gone before there "
               "is anything to trace; its owner's counters, or bpftool prog, tell of it"}};
}

// Tried with one function.
Feature functions_feature(const Status& tracing) {
  Feature feature{.name = "every kernel function (-vv, --functions)"};
  if (!tracing) {
    feature.state = State::kNo;
    feature.why = "packets cannot be traced here";
    return feature;
  }
  const auto tracer = kernel::Tracer::start({.mode = MATCH_ECHO,
                                             .filter = {},
                                             .echo = {},
                                             .ring_bytes = 8u << 20,
                                             .functions = "ip_rcv",
                                             .drops_only = true});
  if (!tracer) {
    feature.state = State::kNo;
    feature.why = tracer.error().what;
    // That it was asked for by name goes without saying here.
    if (const std::size_t colon = feature.why.find(": "); colon != std::string::npos) {
      feature.why.erase(0, colon + 2);
    }
  } else if (tracer->probes().back().name.starts_with("kprobe:")) {
    feature.state = State::kLess;
    feature.why =
        "no multi-kprobes (Linux 5.18 and later, with CONFIG_FPROBE): each function is attached to "
        "by itself, which takes its time, so -vv shows a choice of them, and --functions up to 64";
  }
  return feature;
}

Feature names_feature(const kernel::Rights& rights) {
  Feature feature{.name = "names of namespaces and containers"};
  if (!rights.initial_user_namespace) {
    feature.state = State::kLess;
    feature.why = "inside of a user namespace only its own processes are seen";
    return feature;
  }
  const std::vector<pid_t> pids = kernel::list_processes("");
  // Process 1 may be out of bounds for everybody, and "host" is known without it.
  const auto hidden = std::ranges::count_if(pids, [](pid_t pid) {
    std::array<char, 64> link = {};
    return pid != 1 &&
           readlink(fmt::format("/proc/{}/ns/net", pid).c_str(), link.data(), link.size()) < 0 &&
           errno == EACCES;
  });
  if (hidden > 0) {
    feature.state = State::kLess;
    feature.why = fmt::format(
        "{} of {} processes cannot be looked at: namespaces and containers that only they are in "
        "have no name",
        hidden, pids.size());
    feature.advice = rights.has(CAP_SYS_PTRACE)
                         ? "a security module, or the sandbox that tracepkt runs in, protects them"
                         : "run it as root, or with CAP_SYS_PTRACE";
  }
  return feature;
}

Feature netns_feature(const kernel::Rights& rights) {
  if (rights.has(CAP_SYS_ADMIN)) {
    return {.name = "ping --netns"};
  }
  return {.name = "ping --netns",
          .state = State::kNo,
          .why = "CAP_SYS_ADMIN is missing",
          .advice = "run it as root: sudo tracepkt ..."};
}

Diagnosis diagnose() {
  Diagnosis diagnosis;
  const kernel::Rights rights = kernel::read_rights();
  diagnosis.kernel = kernel::kernel_release();
  diagnosis.lockdown = rights.lockdown;
  for (const int capability :
       {CAP_BPF, CAP_PERFMON, CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYSLOG}) {
    diagnosis.capabilities.emplace_back(kernel::capability_name(capability),
                                        rights.has(capability));
  }
  if (rights.locked_memory_limited) {
    diagnosis.capabilities.emplace_back(kernel::capability_name(CAP_SYS_RESOURCE),
                                        rights.has(CAP_SYS_RESOURCE));
  }
  const auto btf = kernel::KernelBtf::load();
  diagnosis.has_btf = btf.has_value();
  if (btf) {
    diagnosis.probes = kernel::try_probe_kinds(*btf);
  }
  std::vector<kernel::Probe> probes;
  const Status tracing = try_tracing(rights, btf, probes);
  Feature ping = from_status("ping: follow it, there and back", tracing);
  if (const Status sending = try_socket(AF_INET, IPPROTO_ICMP); tracing && !sending) {
    ping = from_status(ping.name, sending);
  }
  diagnosis.features.push_back(std::move(ping));
  diagnosis.features.push_back(from_status("trace: follow what matches a filter", tracing));
  diagnosis.features.push_back(command_packets(btf, tracing));
  diagnosis.features.push_back(from_status("drops: count what is dropped, by kind", tracing));
  diagnosis.features.push_back(drop_reasons(btf, tracing));
  diagnosis.features.push_back(drop_functions(tracing));
  std::ranges::move(firewall_features(tracing), std::back_inserter(diagnosis.features));
  diagnosis.features.push_back(programs_feature(tracing, probes));
  diagnosis.features.push_back(ipsec_feature(tracing));
  std::ranges::move(xdp_features(), std::back_inserter(diagnosis.features));
  diagnosis.features.push_back(functions_feature(tracing));
  diagnosis.features.push_back(names_feature(rights));
  diagnosis.features.push_back(netns_feature(rights));
  std::ranges::move(hook_features(probes), std::back_inserter(diagnosis.features));
  return diagnosis;
}

std::string table_row(const sinks::Output& out, const std::string& name, State state,
                      const std::string& why, const std::string& advice) {
  const std::string word = state == State::kWorks  ? out.green("works")
                           : state == State::kLess ? out.bold("works with less")
                                                   : out.red("no");
  std::string text = fmt::format("  {:<36} {}\n", name, word);
  for (const std::string& line : {why, advice}) {
    for (const std::string& part : wrapped(line, out.width() - 6)) {
      text += part.empty() ? "" : fmt::format("      {}\n", part);
    }
  }
  return text;
}

void print_table(const Diagnosis& diagnosis, sinks::Output& out) {
  std::string have;
  std::string lack;
  for (const auto& [name, has] : diagnosis.capabilities) {
    (has ? have : lack) += " " + name;
  }
  out.write(out.bold("tracepkt " TRACEPKT_VERSION ", kernel " + diagnosis.kernel) + "\n");
  out.write(fmt::format("  {:<20} {}\n", "BTF type information", diagnosis.has_btf ? "yes" : "NO"));
  out.write(fmt::format("  {:<20} {}\n", "lockdown",
                        diagnosis.lockdown.empty()
                            ? "not known (securityfs is not mounted, or not built in)"
                            : diagnosis.lockdown));
  const auto list = [&out](std::string name, std::string_view words) {
    for (const std::string& line : wrapped(words, out.width() - 23)) {
      out.write(fmt::format("  {:<20} {}\n", std::exchange(name, ""), line));
    }
  };
  list("capabilities", have.empty() ? "none" : have.substr(1));
  if (!lack.empty()) {
    list("missing", lack.substr(1));
  }
  out.write("\n" + out.bold("Kinds of probes, each tried for real") + "\n");
  for (const kernel::ProbeKind& probe : diagnosis.probes) {
    out.write(table_row(out, probe.kind, probe.works ? State::kWorks : State::kNo, probe.why,
                        probe.advice));
  }
  if (diagnosis.probes.empty()) {
    out.write("  none can be tried without BTF\n");
  }
  out.write("\n" + out.bold("What tracepkt can do here") + "\n");
  for (const Feature& feature : diagnosis.features) {
    out.write(table_row(out, feature.name, feature.state, feature.why, feature.advice));
  }
  out.flush();
}

void print_json(const Diagnosis& diagnosis, sinks::Output& out) {
  JsonWriter json;
  json.begin_object()
      .field("type", "doctor")
      .field("version", TRACEPKT_VERSION)
      .field("kernel", diagnosis.kernel);
  json.field("btf", diagnosis.has_btf)
      .field("lockdown", diagnosis.lockdown)
      .key("capabilities")
      .begin_object();
  for (const auto& [name, has] : diagnosis.capabilities) {
    json.field(name, has);
  }
  json.end_object().key("probes").begin_array();
  for (const kernel::ProbeKind& probe : diagnosis.probes) {
    json.begin_object()
        .field("kind", probe.kind)
        .field("works", probe.works)
        .field("why", probe.why);
    json.field("advice", probe.advice).end_object();
  }
  json.end_array().key("features").begin_array();
  for (const Feature& feature : diagnosis.features) {
    json.begin_object()
        .field("name", feature.name)
        .field("state", state_name(feature.state))
        .field("why", feature.why);
    json.field("advice", feature.advice).end_object();
  }
  json.end_array().end_object();
  out.write(json.text() + "\n");
  out.flush();
}

}  // namespace

int run_doctor(const DoctorOptions& options) {
  if (options.common.format == sinks::Format::kClassic) {
    return report(
        {.what = "doctor has no classic format", .hint = "use --format table or --format json"});
  }
  sinks::Output out(STDOUT_FILENO, options.common.color);
  const Diagnosis diagnosis = diagnose();
  options.common.format == sinks::Format::kJson ? print_json(diagnosis, out)
                                                : print_table(diagnosis, out);
  if (const Status written = check_written(out); !written) {
    return report(written.error());
  }
  return diagnosis.features.front().state == State::kNo ? kUnavailable : kOk;
}

}  // namespace tracepkt::cli
