#include "kernel/function_tracer.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/text.h"
#include "bpf/objects.h"
#include "kernel/bpf_handles.h"
#include "kernel/kernel_btf.h"
#include "kernel/libbpf_log.h"
#include "kernel/misses.h"
#include "kernel/shared_maps.h"
#include "kernel/skb_functions.h"

namespace tracepkt::kernel {
namespace {

// Newer than the headers that this is built with (6.10, 535a3692ba72).
constexpr auto kKprobeSession = static_cast<bpf_attach_type>(56);

// Where each function takes a link, two with its return.
constexpr std::size_t kMostSingly = 64;

enum class Way : std::uint8_t { kSession, kMulti, kSingly };

Error unavailable(const std::string& why) {
  return {.what = "-vv and --functions cannot be had here: " + why,
          .hint =
              "without them the same packets are followed, hook by hook; tracepkt doctor shows "
              "what can be had",
          .unavailable = true};
}

// Does the kfunc take an argument?
bool takes_context(const btf* types) {
  const int id = btf__find_by_name_kind(types, "bpf_session_cookie", BTF_KIND_FUNC);
  const btf_type* proto =
      id < 0 ? nullptr
             : btf__type_by_id(types, btf__type_by_id(types, static_cast<__u32>(id))->type);
  return proto != nullptr && btf_vlen(proto) > 0;
}

Result<Way> best_way(const KernelBtf& kernel_btf) {
  if (kernel_btf.has_function("register_fprobe")) {
    return kernel_btf.has_function("bpf_session_cookie") ? Way::kSession : Way::kMulti;
  }
  if (!kernel_btf.has_function("register_kprobe")) {
    return std::unexpected(unavailable("this kernel was built without kprobes"));
  }
  return Way::kSingly;
}

std::string refusal(int error) {
  return fmt::format("the kernel refuses kprobes: {}", std::strerror(error));
}

}  // namespace

struct FunctionTracer::State {
  Object object;
  Way way = Way::kSession;
  std::vector<Fd> multi_links;
  std::vector<Link> links;
  std::size_t count = 0;
  bool is_choice = false;
  std::uint64_t missed = 0;

  Status load(bpf_object* followed, const KernelBtf& kernel_btf);
  Status tell_functions(const std::vector<SkbFunction>& functions) const;
  Status attach_multi(const std::vector<SkbFunction>& functions);
  Status attach_singly(const std::vector<SkbFunction>& functions);
  Status link_multi(const char* program, bool is_return, std::vector<std::uint64_t>& addresses);
  std::uint64_t count_passed_over() const;
  std::uint64_t count_missed() const;
};

Status FunctionTracer::State::load(bpf_object* followed, const KernelBtf& kernel_btf) {
  const LibbpfLog log;
  const auto bytes = way == Way::kSession
                         ? bpf::functions_session_object(takes_context(kernel_btf.get()))
                         : bpf::functions_object(has_kernel_ring(followed));
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "tracepkt_calls");
  object.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (!object) {
    return errno_failure(errno, "cannot open the BPF object", log.last_warning());
  }
  if (const Status shared = share_maps(
          object.get(), followed, {"losses", "tracked_packets", "tracked_sets", ".data.tracked"});
      !shared) {
    return shared;
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    if (way != Way::kSingly) {
      bpf_program__set_expected_attach_type(
          program, way == Way::kSession ? kKprobeSession : BPF_TRACE_KPROBE_MULTI);
    }
  }
  if (const int error = bpf_object__load(object.get()); error != 0) {
    return error == -EPERM ? Status(std::unexpected(unavailable(refusal(-error))))
                           : errno_failure(-error, "the kernel refuses the programs at functions",
                                           log.last_warning());
  }
  return {};
}

Status FunctionTracer::State::tell_functions(const std::vector<SkbFunction>& functions) const {
  const int fd = bpf_object__find_map_fd_by_name(object.get(), "functions");
  for (const SkbFunction& function : functions) {
    for (const std::uint64_t address : function.addresses) {
      if (bpf_map_update_elem(fd, &address, &function.traced, BPF_ANY) != 0) {
        return errno_failure(errno, "cannot tell the kernel side which functions take packets");
      }
    }
  }
  return {};
}

// libbpf does not know sessions yet.
Status FunctionTracer::State::link_multi(const char* program, bool is_return,
                                         std::vector<std::uint64_t>& addresses) {
  bpf_attr attr = {};
  attr.link_create.prog_fd =
      static_cast<__u32>(bpf_program__fd(bpf_object__find_program_by_name(object.get(), program)));
  attr.link_create.attach_type =
      static_cast<__u32>(way == Way::kSession ? kKprobeSession : BPF_TRACE_KPROBE_MULTI);
  attr.link_create.kprobe_multi.flags = is_return ? BPF_F_KPROBE_MULTI_RETURN : 0;
  attr.link_create.kprobe_multi.cnt = static_cast<__u32>(addresses.size());
  attr.link_create.kprobe_multi.addrs = reinterpret_cast<__u64>(addresses.data());
  const auto fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
  if (fd < 0) {
    return std::unexpected(unavailable(refusal(errno)));
  }
  multi_links.emplace_back(static_cast<int>(fd));
  return {};
}

Status FunctionTracer::State::attach_multi(const std::vector<SkbFunction>& functions) {
  std::vector<std::uint64_t> calls;
  std::vector<std::uint64_t> returns;
  for (const SkbFunction& function : functions) {
    calls.insert(calls.end(), function.addresses.begin(), function.addresses.end());
    if (function.traced.returns != RETURNS_NOTHING) {
      returns.insert(returns.end(), function.addresses.begin(), function.addresses.end());
    }
  }
  count = calls.size();
  if (way == Way::kSession) {
    return link_multi("on_function_session", false, calls);
  }
  // A return that comes before its call is told of is passed over.
  Status linked = returns.empty() ? Status() : link_multi("on_function_return", true, returns);
  return linked ? link_multi("on_function", false, calls) : linked;
}

Status FunctionTracer::State::attach_singly(const std::vector<SkbFunction>& functions) {
  const LibbpfLog quiet;
  bpf_program* call = bpf_object__find_program_by_name(object.get(), "on_function");
  bpf_program* back = bpf_object__find_program_by_name(object.get(), "on_function_return");
  int error = ENOENT;
  for (const SkbFunction& function : functions) {
    Link link(bpf_program__attach_kprobe(call, false, function.name.c_str()));
    if (!link) {
      error = errno;  // one that the kernel does not let be probed, or of which it has several
      continue;
    }
    links.push_back(std::move(link));
    ++count;
    if (function.traced.returns != RETURNS_NOTHING) {
      if (Link of_return(bpf_program__attach_kprobe(back, true, function.name.c_str()));
          of_return) {
        links.push_back(std::move(of_return));
      }
    }
  }
  return count == 0 ? Status(std::unexpected(unavailable(refusal(error)))) : Status();
}

// Of multi-kprobes that the kernel itself passed over, which it counts since 6.7.
std::uint64_t FunctionTracer::State::count_passed_over() const {
  // As in struct bpf_link_info, newer than the headers that this is built with.
  struct LinkInfo {
    __u32 type, id, prog_id, pad;
    __u64 addrs;
    __u32 count, flags;
    __u64 missed;
  };
  std::uint64_t sum = 0;
  for (const Fd& link : multi_links) {
    LinkInfo info = {};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(link.get(), &info, &size) == 0 && size == sizeof(info)) {
      sum += info.missed;
    }
  }
  return sum;
}

std::uint64_t FunctionTracer::State::count_missed() const {
  return count_passed_over() + recursion_misses(object.get());
}

FunctionTracer::FunctionTracer(std::unique_ptr<State> state) : state_(std::move(state)) {}
FunctionTracer::FunctionTracer(FunctionTracer&&) noexcept = default;
FunctionTracer& FunctionTracer::operator=(FunctionTracer&&) noexcept = default;
FunctionTracer::~FunctionTracer() = default;

Result<FunctionTracer> FunctionTracer::start(bpf_object* followed, const std::string& glob) {
  const auto kernel_btf = KernelBtf::load();
  if (!kernel_btf) {
    return std::unexpected(kernel_btf.error());
  }
  const auto way = best_way(*kernel_btf);
  if (!way) {
    return std::unexpected(way.error());
  }
  auto state = std::make_unique<State>();
  state->way = *way;
  if (Status loaded = state->load(followed, *kernel_btf); !loaded) {
    return std::unexpected(loaded.error());
  }
  std::vector<SkbFunction> functions = find_skb_functions(*kernel_btf, glob.empty() ? "*" : glob);
  state->is_choice = *way == Way::kSingly && glob.empty();
  if (state->is_choice) {
    std::erase_if(functions, [](const SkbFunction& one) { return !is_chosen(one.name); });
  }
  find_addresses(read_kallsyms(), functions);
  std::erase_if(functions, [](const SkbFunction& one) { return one.addresses.empty(); });
  if (*way != Way::kSingly) {
    const auto available = read_available_functions();
    if (!available) {
      return std::unexpected(
          unavailable(available.error().what + " (it takes root: CAP_SYS_ADMIN)"));
    }
    keep_attachable(*available, functions);
  }
  if (functions.empty()) {
    return failure(fmt::format("--functions {}: no kernel function that takes a packet has such a "
                               "name and can be attached to",
                               printable(glob)),
                   "such as: --functions 'ip_*'; the names are those that -vv shows");
  }
  if (*way == Way::kSingly && functions.size() > kMostSingly) {
    return failure(fmt::format("--functions {}: {} functions, and this kernel, which has no "
                               "multi-kprobes, is attached to {} at most",
                               printable(glob), functions.size(), kMostSingly),
                   "a narrower one; or -vv alone, for a choice of them");
  }
  if (Status told = state->tell_functions(functions); !told) {
    return std::unexpected(told.error());
  }
  if (Status attached =
          *way == Way::kSingly ? state->attach_singly(functions) : state->attach_multi(functions);
      !attached) {
    return std::unexpected(attached.error());
  }
  return FunctionTracer(std::move(state));
}

void FunctionTracer::stop() {
  const std::uint64_t passed_over = state_->count_passed_over();
  state_->multi_links.clear();
  state_->links.clear();
  state_->missed = passed_over + state_->count_missed();
}

const std::string& FunctionTracer::kind() const {
  static const std::string kMulti = "kprobe.multi";
  static const std::string kSingle = "kprobe";
  return state_->way == Way::kSingly ? kSingle : kMulti;
}

std::size_t FunctionTracer::count() const { return state_->count; }
bool FunctionTracer::is_choice() const { return state_->is_choice; }
std::uint64_t FunctionTracer::missed() const {
  return state_->multi_links.empty() && state_->links.empty() ? state_->missed
                                                              : state_->count_missed();
}

}  // namespace tracepkt::kernel
