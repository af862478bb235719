#include "kernel/hook_programs.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "kernel/libbpf_log.h"
#include "kernel/misses.h"

namespace tracepkt::kernel {
namespace {

// As the objects say of themselves: libbpf does not hand it out.
constexpr const char* kLicense = "Dual MIT/GPL";

constexpr int kNotTried = -ECANCELED;

// A program as libbpf would give it to the kernel.
struct Prepared {
  bpf_program* program = nullptr;
  std::vector<bpf_insn> instructions;
  std::vector<std::byte> func_info;
  std::vector<std::byte> line_info;
  Fd attach_btf;  // of a module; libbpf closes its own
  bpf_prog_load_opts options = {};
  int fd = kNotTried;  // or, when it was refused, a negative errno
};

// The object that is being loaded: libbpf's callback has no context.
struct Loading {
  std::vector<Prepared> programs;
  int error = 0;  // it will not do; libbpf is to clean up after itself
};
thread_local Loading* loading_now = nullptr;

std::vector<std::byte> copy(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  return bytes == nullptr ? std::vector<std::byte>() : std::vector(bytes, bytes + size);
}

// Called by libbpf when a program is ready for the kernel. It is kept, and libbpf loads in its
// place one that does nothing.
int prepare(bpf_program* program, bpf_prog_load_opts* options, long /*cookie*/) {
  if (loading_now == nullptr || loading_now->error != 0) {
    return loading_now == nullptr ? -EINVAL : loading_now->error;
  }
  Prepared prepared{.program = program};
  // Another version of libbpf than this was built with has fewer or more.
  std::memcpy(&prepared.options, options, std::min(options->sz, sizeof(prepared.options)));
  prepared.options.sz = sizeof(prepared.options);
  // Only for kfuncs of modules, which these programs do not call; gone when they are loaded.
  prepared.options.fd_array = nullptr;
  if (options->attach_btf_obj_fd != 0) {
    prepared.attach_btf =
        Fd(fcntl(static_cast<int>(options->attach_btf_obj_fd), F_DUPFD_CLOEXEC, 0));
    if (!prepared.attach_btf.valid()) {
      return -errno;
    }
    prepared.options.attach_btf_obj_fd = static_cast<__u32>(prepared.attach_btf.get());
  }
  const bpf_insn* instructions = bpf_program__insns(program);
  prepared.instructions.assign(instructions, instructions + bpf_program__insn_cnt(program));
  prepared.func_info =
      copy(options->func_info, std::size_t{options->func_info_cnt} * options->func_info_rec_size);
  prepared.line_info =
      copy(options->line_info, std::size_t{options->line_info_cnt} * options->line_info_rec_size);
  loading_now->programs.push_back(std::move(prepared));

  bpf_insn nothing[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
                        {.code = BPF_JMP | BPF_EXIT}};
  options->func_info = nullptr;
  options->func_info_cnt = 0;
  options->line_info = nullptr;
  options->line_info_cnt = 0;
  return bpf_program__set_insns(program, nothing, std::size(nothing));
}

// The program's fd, or a negative errno. What the verifier says of it goes to `log`, if that has
// room.
int give_to_kernel(const Prepared& prepared, std::span<char> log) {
  bpf_prog_load_opts options = prepared.options;
  options.func_info = prepared.func_info.data();
  options.line_info = prepared.line_info.data();
  options.log_level = log.empty() ? 0 : 1;
  options.log_buf = log.empty() ? nullptr : log.data();
  options.log_size = static_cast<__u32>(log.size());
  return bpf_prog_load(BPF_PROG_TYPE_TRACING, bpf_program__name(prepared.program), kLicense,
                       prepared.instructions.data(), prepared.instructions.size(), &options);
}

// On several CPUs, the longest first; until one is refused.
void load_all(std::vector<Prepared>& programs) {
  std::ranges::sort(programs, std::ranges::greater(),
                    [](const Prepared& one) { return one.instructions.size(); });
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < programs.size(); i = next++) {
      programs[i].fd = give_to_kernel(programs[i], {});
      if (programs[i].fd < 0) {
        next = programs.size();
      }
    }
  };
  const std::size_t count = std::min<std::size_t>(std::thread::hardware_concurrency(), 8);
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < count; ++i) {
    try {
      others.emplace_back(work);
    } catch (const std::system_error&) {
      break;  // no more threads for this process: those that are there do it
    }
  }
  work();
}

// For developers: what the verifier has to say.
void print_log(const Prepared& refused) {
  std::vector<char> log(std::size_t{16} << 20);
  const Fd accepted(give_to_kernel(refused, log));
  std::fprintf(stderr, "%s:\n%s\n", bpf_program__name(refused.program), log.data());
}

bool is_hook(const bpf_program* program) {
  return std::string_view(bpf_program__section_name(program)).starts_with(kHookSection);
}

}  // namespace

void HookPrograms::announce() {
  [[maybe_unused]] static const int kRegistered = [] {
    LIBBPF_OPTS(libbpf_prog_handler_opts, options);
    options.prog_prepare_load_fn = prepare;
    return libbpf_register_prog_handler((std::string(kHookSection) + "+").c_str(),
                                        BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, &options);
  }();
}

int HookPrograms::load(bpf_object* object) {
  programs_.clear();
  refused_.clear();
  Loading loading;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (is_hook(program) && bpf_program__autoload(program) && loading.error == 0) {
      const char* tracepoint = bpf_program__section_name(program) + kHookSection.size() + 1;
      loading.error = bpf_program__set_attach_target(program, 0, tracepoint);
    }
  }
  loading_now = &loading;
  const int error = bpf_object__load(object);
  loading_now = nullptr;
  if (error != 0) {
    return error;
  }
  load_all(loading.programs);
  std::map<const bpf_program*, Fd> loaded;
  const Prepared* refused = nullptr;
  for (const Prepared& one : loading.programs) {
    bpf_program__unload(one.program);  // the one that does nothing
    loaded.emplace(one.program, Fd(one.fd));
    refused = one.fd < 0 && one.fd != kNotTried ? &one : refused;
  }
  if (refused == nullptr) {
    programs_ = std::move(loaded);
    return 0;
  }
  refused_ = bpf_program__name(refused->program);
  if (LibbpfLog::is_wanted_whole()) {
    print_log(*refused);
  }
  return refused->fd;
}

bool HookPrograms::attach(const bpf_program* program) {
  const auto loaded = programs_.find(program);
  if (loaded == programs_.end()) {
    errno = ENOENT;
    return false;
  }
  Fd link(bpf_raw_tracepoint_open(nullptr, loaded->second.get()));
  if (!link.valid()) {
    return false;
  }
  links_.push_back(std::move(link));
  return true;
}

// The last one first: what netif_rx leaves untold there is still somebody to tell of.
void HookPrograms::detach() {
  while (!links_.empty()) {
    links_.pop_back();
  }
}

std::uint64_t HookPrograms::misses() const {
  std::uint64_t misses = 0;
  for (const auto& [program, fd] : programs_) {
    misses += recursion_misses(fd.get());
  }
  return misses;
}

}  // namespace tracepkt::kernel
