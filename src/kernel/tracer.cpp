#include "kernel/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bit>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <span>
#include <string_view>

#include "bpf/objects.h"
#include "filter/patch.h"
#include "filter/protocols.h"
#include "kernel/bpf_handles.h"
#include "kernel/chain_hooks.h"
#include "kernel/function_tracer.h"
#include "kernel/hook_names.h"
#include "kernel/hook_programs.h"
#include "kernel/kernel_btf.h"
#include "kernel/libbpf_log.h"
#include "kernel/misses.h"
#include "kernel/program_tracer.h"
#include "kernel/rights.h"
#include "kernel/tracked_table.h"
#include "wire/ring.h"

namespace tracepkt::kernel {
namespace {

template <typename T>
T* variable_in(bpf_object* object, const char* section) {
  bpf_map* map = bpf_object__find_map_by_name(object, section);
  std::size_t size = 0;
  // const until libbpf 1.4, though meant for writing before the load.
  void* value =
      map == nullptr
          ? nullptr
          : const_cast<void*>(static_cast<const void*>(bpf_map__initial_value(map, &size)));
  return value != nullptr && size >= sizeof(T) ? static_cast<T*>(value) : nullptr;
}

// See bpf/ring.bpf.h.
void set_ring_size(bpf_object* object, bpf_map* events, std::size_t bytes) {
  auto* ring = variable_in<ring_state>(object, ".data.ring");
  if (ring == nullptr) {  // the kernel's own
    bpf_map__set_max_entries(events, static_cast<std::uint32_t>(bytes));
    return;
  }
  // A program may be interrupted by another one, in three kinds of interrupts.
  constexpr std::uint32_t kAtOnce = 4;
  ring->margin = kAtOnce * static_cast<std::uint32_t>(std::max(libbpf_num_possible_cpus(), 1));
  ring->slots = std::max(static_cast<std::uint32_t>(bytes / RING_SLOT_BYTES),
                         std::bit_ceil(8 * ring->margin));
  ring->slots_log2 = static_cast<std::uint32_t>(std::countr_zero(ring->slots));
  bpf_map__set_max_entries(events, ring->slots);
}

// Of packets that can hold an ICMP message; in IPv6 behind the extensions that find_icmp() knows.
protocol_sets icmp_protocols() {
  protocol_sets sets = {};
  sets.v4[0] = 1u << IPPROTO_ICMP;
  for (const int next :
       {IPPROTO_ICMPV6, IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_DSTOPTS}) {
    sets.v6[0] |= std::uint64_t{1} << next;
  }
  return sets;
}

// Where a program is to be attached: "hook/net_dev_queue" or "fentry/nft_do_chain" in its section's
// name.
struct Target {
  std::string kind;
  std::string function;

  std::string probe() const { return (is_tracepoint() ? "tp_btf" : kind) + ':' + function; }
  bool is_tracepoint() const { return kind == kHookSection; }
};

Target target_of(const bpf_program* program) {
  const std::string section = bpf_program__section_name(program);
  const std::size_t slash = section.find('/');
  return {.kind = section.substr(0, slash), .function = section.substr(slash + 1)};
}

bool may_be_tcp(const filter::Filter& filter) {
  if (!filter.l3) {
    return true;
  }
  const protocol_sets sets = filter::possible_protocols(*filter.l3);
  return ((sets.v4[0] | sets.v6[0]) >> IPPROTO_TCP & 1) != 0;
}

// Functions of the kernel itself that say what no tracepoint does, or none of an older kernel.
constexpr std::string_view kIcmp6Send = "icmp6_send";
constexpr std::string_view kIcmpSend = "__icmp_send";

bool is_icmp_function(std::string_view function) {
  return function == kIcmp6Send || function == kIcmpSend;
}

bool is_ipsec_function(std::string_view function) { return function.starts_with("xfrm"); }

// `before_tc`: programs of tc's are asked on the way out, before any interface sees the packet.
bool is_wanted(const Target& target, std::string_view program, const TraceRequest& request,
               const ChainHooks& chains, bool before_tc) {
  if (program == "in_chain_kfree_skb" || program == "keep_netif_receive_skb") {
    return !chains.functions.empty();
  }
  if (request.drops_only) {
    return target.function == "kfree_skb";
  }
  if (is_icmp_function(target.function)) {
    return chains.takes_fentry;
  }
  if (is_ipsec_function(target.function)) {
    return chains.sees_ipsec();
  }
  if (target.function.ends_with("_local_out")) {
    return (request.functions || before_tc) && chains.takes_fentry;
  }
  if (!target.is_tracepoint()) {
    const bool tells_rules =
        target.function == "__nft_trace_packet" || target.function == "nf_log_trace";
    return chains.has(target.function) && (request.rules || !tells_rules);
  }
  if (target.function.starts_with("tcp_")) {
    return request.sockets && may_be_tcp(request.filter);
  }
  if (target.function.starts_with("qdisc_") || target.function == "net_dev_xmit") {
    return request.queues;
  }
  return request.routes ||
         (target.function != "fib_table_lookup" && target.function != "fib6_table_lookup");
}

bool has_target(const KernelBtf& kernel_btf, const Target& target) {
  if (is_icmp_function(target.function)) {
    return kernel_btf.has_function(std::string(target.function));
  }
  if (target.function == "xfrm_output_resume") {
    // (sk, skb, err) since 5.12 (9ab1265d5231), which older kernels got as well.
    return kernel_btf.function_arguments(target.function) == 3;
  }
  if (is_ipsec_function(target.function)) {
    return kernel_btf.has_function(target.function);
  }
  return !target.is_tracepoint() || kernel_btf.tracepoint_arguments(target.function) >= 0;
}

// An ICMP error is told by the tracepoint, or else by the function: which, is known when what the
// kernel has was looked up. Before that the tracepoint is tried.
bool is_other_way(const Target& target, const KernelBtf* kernel_btf) {
  const bool has_tracepoint =
      kernel_btf == nullptr || kernel_btf->tracepoint_arguments("icmp_send") >= 0;
  if (target.function == kIcmpSend) {
    return has_tracepoint;
  }
  return target.function == "icmp_send" && !has_tracepoint &&
         kernel_btf->has_function(std::string(kIcmpSend));
}

// A BPF object, with the filter written into it.
Result<std::vector<std::byte>> object_for(const TraceRequest& request, bool with_kfuncs) {
  if (request.command_token != 0) {
    return filter::write_filter(
        with_kfuncs ? bpf::command_object() : bpf::command_without_kfuncs_object(), request.filter);
  }
  if (!with_kfuncs) {
    return filter::write_filter(bpf::without_kfuncs_trace_object(), request.filter);
  }
  auto bytes = filter::write_filter(bpf::short_trace_object(), request.filter);
  return bytes ? std::move(bytes) : filter::write_filter(bpf::long_trace_object(), request.filter);
}

// Without these it is not known what is the command's.
constexpr std::array<std::string_view, 2> kCommandHooks = {"sys_exit", "sched_process_fork"};

// The firewalls' functions had the table as their last argument before (8844e01062dd).
constexpr KernelVersion kXtablesTableFirst = {.major = 5, .minor = 16};

// Programs at tracepoints are preempted since (bpf/unbroken.bpf.h).
constexpr KernelVersion kPreempted = {.major = 7, .minor = 0};

}  // namespace

struct Tracer::State {
  Object object;
  HookPrograms hooks;
  std::vector<Link> links;
  std::vector<Probe> probes;
  std::optional<FunctionTracer> functions;
  ProgramFinder program_finder;
  std::optional<ProgramTracer> programs;
  bool has_egress_programs = false;
  std::size_t own_probes = 0;  // of `probes`; behind them are those of `programs`
  // Without it packets whose end was not seen only stay longer in the kernel's table.
  std::optional<TrackedTable> tracked;

  Status load(std::span<const std::byte> bytes, const TraceRequest& request,
              const ChainHooks& chains, const KernelBtf* kernel_btf);
  void attach();
  bool attach(const bpf_program* program);  // false: errno says why
  Status start_functions(const std::string& glob);
  void start_programs(const Result<AttachedPrograms>& found, bool takes_fentry);
  void watch_programs(const AttachedPrograms& found);
};

protocol_sets protocols_of(const TraceRequest& request) {
  protocol_sets sets = {};
  if (request.command_token != 0) {
    // What the filter does not match may be what a packet answers that it does match.
    std::ranges::fill(sets.v4, UINT64_MAX);
    std::ranges::fill(sets.v6, UINT64_MAX);
  } else if (request.mode == MATCH_ECHO) {
    sets = icmp_protocols();
  } else if (request.filter.l3) {
    sets = filter::possible_protocols(*request.filter.l3);
  }
  return sets;
}

Tracer::Tracer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;
Tracer::~Tracer() = default;

Result<Tracer> Tracer::start(const TraceRequest& request) {
  auto bytes = object_for(request, true);
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  auto state = std::make_unique<State>();
  ChainHooks chains = request.chains ? find_chain_hooks() : ChainHooks{};
  Result<AttachedPrograms> found =
      request.programs ? state->program_finder.find() : AttachedPrograms();
  std::string why_no_ipsec;
  state->has_egress_programs = found && std::ranges::any_of(*found, &AttachedProgram::at_egress);
  Status loaded = state->load(*bytes, request, chains, nullptr);
  if (!loaded) {
    // Perhaps for want of a tracepoint or a kfunc: what this kernel has is looked up only then,
    // which takes time.
    const auto kernel_btf = KernelBtf::load();
    if (!kernel_btf) {
      return std::unexpected(kernel_btf.error());
    }
    if (!kernel_btf->has_function("bpf_rdonly_cast")) {
      bytes = object_for(request, false);
      if (!bytes) {
        return std::unexpected(bytes.error());
      }
    }
    loaded = state->load(*bytes, request, chains, &*kernel_btf);
    if (!loaded && chains.sees_ipsec()) {
      chains.has_esp = false;
      why_no_ipsec = "the kernel refuses their programs: tracepkt doctor";
      loaded = state->load(*bytes, request, chains, &*kernel_btf);
    }
    if (!loaded && !chains.functions.empty()) {
      chains = {.functions = {}, .why = "the kernel refuses their programs: tracepkt doctor"};
      loaded = state->load(*bytes, request, chains, &*kernel_btf);
    }
  }
  if (!loaded) {
    return std::unexpected(loaded.error());
  }
  state->tracked = TrackedTable::map(state->object.get());
  state->attach();
  if (!chains.why.empty()) {
    state->probes.push_back({.name = "firewall chains", .why = chains.why});
  }
  if (chains.has_esp && !chains.takes_fentry) {
    why_no_ipsec = chains.why;
  }
  if (!why_no_ipsec.empty()) {
    state->probes.push_back({.name = "packets inside of IPsec", .why = why_no_ipsec});
  }
  for (const HookName& hook : hook_names()) {
    const auto probe = std::ranges::find(state->probes, hook.probe(), &Probe::name);
    if (hook.needed && probe != state->probes.end() && !probe->attached) {
      return failure(fmt::format("cannot follow packets: {}: {}", probe->name, probe->why),
                     "see what this kernel offers: tracepkt doctor");
    }
  }
  for (const Probe& probe : state->probes) {
    const bool needed = std::ranges::any_of(
        kCommandHooks, [&](std::string_view hook) { return probe.name.ends_with(hook); });
    if (needed && !probe.attached) {
      return std::unexpected(
          Error{.what = fmt::format("cannot follow a command: {}: {}", probe.name, probe.why),
                .hint = "give a filter for its packets instead, such as: tracepkt trace host "
                        "10.0.0.2",
                .unavailable = true});
    }
  }
  if (request.functions) {
    if (Status started = state->start_functions(*request.functions); !started) {
      return std::unexpected(started.error());
    }
  }
  if (request.programs) {
    state->start_programs(found, chains.takes_fentry);
  }
  return Tracer(std::move(state));
}

void Tracer::State::start_programs(const Result<AttachedPrograms>& found, bool takes_fentry) {
  own_probes = probes.size();
  if (found && takes_fentry) {
    programs.emplace(object.get());
    watch_programs(*found);
  } else if (!found || !found->empty()) {
    probes.push_back({.name = "XDP and tc programs",
                      .why = found ? "this kernel refuses fexit programs" : found.error().what});
  }
}

void Tracer::State::watch_programs(const AttachedPrograms& found) {
  programs->attach(found);
  probes.resize(own_probes);
  std::ranges::move(programs->probes(), std::back_inserter(probes));
}

void Tracer::look_for_programs() {
  if (state_->programs && state_->program_finder.should_look_again()) {
    if (const auto found = state_->program_finder.find()) {
      state_->watch_programs(*found);
    }
  }
}

Status Tracer::State::start_functions(const std::string& glob) {
  auto started = FunctionTracer::start(object.get(), glob);
  if (!started) {
    return std::unexpected(started.error());
  }
  functions = *std::move(started);
  probes.push_back({.name = fmt::format("{}: {} functions{}", functions->kind(), functions->count(),
                                        functions->is_choice() ? ", a choice" : ""),
                    .attached = true,
                    .why = {}});
  return {};
}

// With `kernel_btf`, without the tracepoints that it does not know.
Status Tracer::State::load(std::span<const std::byte> bytes, const TraceRequest& request,
                           const ChainHooks& chains, const KernelBtf* kernel_btf) {
  const LibbpfLog log;
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "tracepkt");
  HookPrograms::announce();
  object.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (!object) {
    return errno_failure(errno, "cannot open the BPF object", log.last_warning());
  }
  auto* config = variable_in<probe_config>(object.get(), ".rodata.config");
  bpf_map* events = bpf_object__find_map_by_name(object.get(), "events");
  if (config == nullptr || events == nullptr) {
    return failure("the BPF object lacks its configuration", "rebuild tracepkt");
  }
  config->mode = request.mode;
  config->filter_has_l3 = request.filter.l3.has_value();
  config->with_routes = request.routes;
  config->drops_only = request.drops_only;
  const std::optional<KernelVersion> version = parse_version(kernel_release());
  config->xtables_table_last = version && *version < kXtablesTableFirst;
  config->preempted = version && *version >= kPreempted;
  config->with_senders = request.sockets;
  config->with_neighbours = !request.drops_only;
  // The kernel functions between the two hooks are told of by themselves.
  config->with_untold = !request.drops_only && !request.functions;
  config->echo = request.echo;
  config->command_token = request.command_token;
  config->protocols = protocols_of(request);
  set_ring_size(object.get(), events, request.ring_bytes);

  probes.clear();
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const Target target = target_of(program);
    if (!is_wanted(target, bpf_program__name(program), request, chains, has_egress_programs)) {
      bpf_program__set_autoload(program, false);
      continue;
    }
    if (is_other_way(target, kernel_btf)) {
      bpf_program__set_autoload(program, false);
      continue;
    }
    const bool exists = kernel_btf == nullptr || has_target(*kernel_btf, target);
    bpf_program__set_autoload(program, exists);
    if (std::ranges::find(probes, target.probe(), &Probe::name) == probes.end()) {
      probes.push_back({.name = target.probe(),
                        .why = exists                   ? ""
                               : target.is_tracepoint() ? "this kernel has no such tracepoint"
                                                        : "this kernel has no such function"});
    }
  }
  if (const int error = hooks.load(object.get()); error != 0) {
    return errno_failure(-error, "the kernel refuses the tracing programs",
                         hooks.refused().empty()
                             ? log.last_warning()
                             : hooks.refused() + "; what this kernel offers: tracepkt doctor");
  }
  return {};
}

bool Tracer::State::attach(const bpf_program* program) {
  if (hooks.has(program)) {
    return hooks.attach(program);
  }
  Link link(bpf_program__attach(program));
  if (!link) {
    return false;
  }
  links.push_back(std::move(link));
  return true;
}

void Tracer::State::attach() {
  const LibbpfLog quiet;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const auto probe_it = std::ranges::find(probes, target_of(program).probe(), &Probe::name);
    if (probe_it == probes.end() || !bpf_program__autoload(program)) {
      continue;
    }
    Probe& probe = *probe_it;
    if (!attach(program)) {
      probe.why = fmt::format("refused: {}", std::strerror(errno));
      continue;
    }
    probe.attached = true;
  }
}

int Tracer::ring_fd() const {
  return bpf_object__find_map_fd_by_name(state_->object.get(), "events");
}

int Tracer::ring_state_fd() const {
  return bpf_object__find_map_fd_by_name(state_->object.get(), ".data.ring");
}

void Tracer::stop() {
  if (state_->functions) {
    state_->functions->stop();
  }
  if (state_->programs) {
    state_->programs->stop();
  }
  state_->hooks.detach();
  state_->links.clear();
}

const std::vector<Probe>& Tracer::probes() const { return state_->probes; }

std::vector<Loss> Tracer::losses() const {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, LOSS_COUNT> kCauses = {
      {
#define LOSS(id, cause, words) {#cause, words},
#include "wire/losses.def"
#undef LOSS
      }};
  const int fd = bpf_object__find_map_fd_by_name(state_->object.get(), "losses");
  const int cpus = libbpf_num_possible_cpus();
  std::vector<std::uint64_t> values(static_cast<std::size_t>(std::max(cpus, 1)));
  std::vector<Loss> losses;
  for (std::uint32_t id = 0; id < LOSS_COUNT; ++id) {
    std::uint64_t sum = 0;
    if (bpf_map_lookup_elem(fd, &id, values.data()) == 0) {
      for (const std::uint64_t value : values) {
        sum += value;
      }
    }
    losses.push_back({.name = std::string(kCauses[id].first),
                      .says = std::string(kCauses[id].second),
                      .count = sum});
  }
  losses.push_back({.name = "program_busy",
                    .says = "events that came while the same program ran on that CPU, which the "
                            "kernel does not run twice at once",
                    .count = state_->hooks.misses() + recursion_misses(state_->object.get()) +
                             (state_->programs ? state_->programs->missed() : 0)});
  if (state_->functions) {
    losses.push_back({.name = "functions_busy",
                      .says = "calls of kernel functions that came while another was told of on "
                              "that CPU",
                      .count = state_->functions->missed()});
  }
  return losses;
}

void Tracer::forget_packets(std::uint64_t now_ns, std::uint64_t age_ns) {
  if (state_->tracked) {
    state_->tracked->forget(now_ns, age_ns);
  }
}

void mark_as_command(std::uint64_t token) {
  // See on_sys_exit() in bpf/command_process.bpf.h.
  syscall(SYS_bind, -1, token, 0);
}

}  // namespace tracepkt::kernel
