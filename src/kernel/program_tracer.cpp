#include "kernel/program_tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "base/text.h"
#include "bpf/objects.h"
#include "kernel/bpf_handles.h"
#include "kernel/libbpf_log.h"
#include "kernel/misses.h"
#include "kernel/shared_maps.h"
#include "wire/device_program.h"
#include "wire/record.h"

namespace tracepkt::kernel {
namespace {

// Names in the line that says what is left out.
constexpr std::size_t kMostNamed = 5;

// Which packet a generic XDP program is asked about.
constexpr const char* kArrival = "arrives_netif_receive_skb";

// One that stands at a device program.
struct Attached {
  Fd program;
  Fd link;
};

// The program's own function in its BTF.
struct Entry {
  Fd program;
  std::uint32_t type_id = 0;
};

Result<Entry> entry_of(std::uint32_t id) {
  Entry entry{.program = Fd(bpf_prog_get_fd_by_id(id))};
  bpf_prog_info info = {};
  __u32 size = sizeof(info);
  if (!entry.program.valid() || bpf_obj_get_info_by_fd(entry.program.get(), &info, &size) != 0) {
    return errno_failure(errno, "gone");
  }
  if (info.btf_id == 0 || info.nr_func_info == 0) {
    return failure("without BTF");
  }
  bpf_func_info first = {};
  bpf_prog_info again = {};
  size = sizeof(again);
  again.nr_func_info = 1;
  again.func_info_rec_size = sizeof(first);
  again.func_info = reinterpret_cast<__u64>(&first);
  if (bpf_obj_get_info_by_fd(entry.program.get(), &again, &size) != 0 || first.type_id == 0) {
    return failure("without BTF");
  }
  entry.type_id = first.type_id;
  return entry;
}

Fd load_at(const Entry& entry, bpf_attach_type type, std::span<const bpf_insn> instructions) {
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type,
              .attach_btf_id = entry.type_id);
  options.attach_prog_fd = static_cast<__u32>(entry.program.get());
  return Fd(bpf_prog_load(BPF_PROG_TYPE_TRACING, "tracepkt_device", "Dual MIT/GPL",
                          instructions.data(), instructions.size(), &options));
}

// Where a program's BTF says something else of its argument than that it is its context, the kernel
// goes by none of it, and takes it for a function of five arguments.
bool is_untyped(const Entry& entry) {
  const std::array<bpf_insn, 3> reads_sixth = {
      {{.code = BPF_LDX | BPF_MEM | BPF_DW,
        .dst_reg = BPF_REG_0,
        .src_reg = BPF_REG_1,
        .off = 5 * sizeof(__u64),
        .imm = 0},
       {.code = BPF_ALU64 | BPF_MOV | BPF_K,
        .dst_reg = BPF_REG_0,
        .src_reg = 0,
        .off = 0,
        .imm = 0},
       {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}}};
  return load_at(entry, BPF_TRACE_FEXIT, reads_sixth).valid();
}

std::string named(const DeviceProgram& program) {
  return fmt::format("{} (id {})", program.name.empty() ? "one" : printable(program.name),
                     program.id);
}

device_program described(const AttachedProgram& attached) {
  device_program program = {};
  program.id = attached.program.id;
  program.kind = attached.program.kind == "tcx" ? PROGRAM_TCX : PROGRAM_CLS_BPF;
  attached.program.name.copy(program.name, sizeof(program.name) - 1);
  return program;
}

}  // namespace

struct ProgramTracer::State {
  bpf_object* followed = nullptr;
  Object object;
  std::optional<Status> load_status;  // none: not tried yet
  Link arrivals;
  struct Watched {
    std::uint32_t slot = 0;
    std::array<Attached, 2> pair;
  };
  std::map<std::uint32_t, Watched> watched;                  // by the program's id
  std::bitset<DEVICE_PROGRAMS_MAX> taken;                    // slots
  std::map<std::string, std::vector<std::string>> left_out;  // reason -> programs
  std::uint64_t missed = 0;

  Status load();
  Status watch(const AttachedProgram& attached);
  Result<Attached> attach_copy(const char* program, bpf_attach_type type, const Entry& entry,
                               std::uint32_t slot) const;
  void forget(std::map<std::uint32_t, Watched>::iterator watched_program);
  std::uint64_t count_missed() const;
};

Status ProgramTracer::State::load() {
  const LibbpfLog log;
  const auto bytes = bpf::device_programs_object(has_kernel_ring(followed));
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "tracepkt_device");
  Object opened(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (!opened) {
    return errno_failure(errno, "cannot open the BPF object", log.last_warning());
  }
  if (const Status shared = share_maps(opened.get(), followed,
                                       {"losses", "tracked_packets", "tracked_sets",
                                        ".data.tracked", "copied_packet", ".data.copied"});
      !shared) {
    return shared;
  }
  if (const int error = bpf_object__load(opened.get()); error != 0) {
    return errno_failure(-error, "the kernel refuses the programs at programs", log.last_warning());
  }
  arrivals.reset(bpf_program__attach(bpf_object__find_program_by_name(opened.get(), kArrival)));
  if (!arrivals) {
    return errno_failure(errno, "the kernel refuses tp_btf:netif_receive_skb");
  }
  object = std::move(opened);
  return {};
}

// The program as libbpf has loaded it, once more, for this target.
Result<Attached> ProgramTracer::State::attach_copy(const char* program, bpf_attach_type type,
                                                   const Entry& entry, std::uint32_t slot) const {
  const bpf_program* loaded = bpf_object__find_program_by_name(object.get(), program);
  std::vector<bpf_insn> instructions(bpf_program__insns(loaded),
                                     bpf_program__insns(loaded) + bpf_program__insn_cnt(loaded));
  for (bpf_insn& instruction : instructions) {
    if (BPF_OP(instruction.code) == BPF_MOV && BPF_SRC(instruction.code) == BPF_K &&
        instruction.imm == DEVICE_PROGRAM_SLOT) {
      instruction.imm = static_cast<__s32>(slot);
    }
  }
  Attached attached;
  attached.program = load_at(entry, type, instructions);
  if (attached.program.valid()) {
    attached.link = Fd(bpf_raw_tracepoint_open(nullptr, attached.program.get()));
  }
  if (!attached.link.valid()) {
    return failure(fmt::format("the kernel refuses: {}", std::strerror(errno)));
  }
  return attached;
}

Status ProgramTracer::State::watch(const AttachedProgram& attached) {
  if (taken.all()) {
    return failure(fmt::format("more than {}", DEVICE_PROGRAMS_MAX));
  }
  const auto entry = entry_of(attached.program.id);
  if (!entry) {
    return std::unexpected(entry.error());
  }
  std::uint32_t slot = 0;
  while (taken.test(slot)) {
    ++slot;
  }
  const device_program description = described(attached);
  const int fd = bpf_object__find_map_fd_by_name(object.get(), "device_programs");
  if (bpf_map_update_elem(fd, &slot, &description, BPF_ANY) != 0) {
    return errno_failure(errno, "cannot tell the kernel side of it");
  }
  const bool untyped = is_untyped(*entry);
  const char* after = attached.is_xdp ? (untyped ? "after_xdp_untyped" : "after_xdp")
                                      : (untyped ? "after_tc_untyped" : "after_tc");
  // A verdict that comes before its begin is told of is passed over.
  auto end = attach_copy(after, BPF_TRACE_FEXIT, *entry, slot);
  if (!end) {
    return std::unexpected(end.error());
  }
  auto begin =
      attach_copy(attached.is_xdp ? "before_xdp" : "before_tc", BPF_TRACE_FENTRY, *entry, slot);
  if (!begin) {
    return std::unexpected(begin.error());
  }
  taken.set(slot);
  watched.emplace(attached.program.id,
                  Watched{.slot = slot, .pair = {*std::move(begin), *std::move(end)}});
  return {};
}

void ProgramTracer::State::forget(std::map<std::uint32_t, Watched>::iterator watched_program) {
  for (const Attached& one : watched_program->second.pair) {
    missed += recursion_misses(one.program.get());
  }
  taken.reset(watched_program->second.slot);
  watched.erase(watched_program);
}

std::uint64_t ProgramTracer::State::count_missed() const {
  std::uint64_t sum = missed + (object ? recursion_misses(object.get()) : 0);
  for (const auto& [id, one] : watched) {
    for (const Attached& half : one.pair) {
      sum += recursion_misses(half.program.get());
    }
  }
  return sum;
}

ProgramTracer::ProgramTracer(bpf_object* followed) : state_(std::make_unique<State>()) {
  state_->followed = followed;
}
ProgramTracer::ProgramTracer(ProgramTracer&&) noexcept = default;
ProgramTracer& ProgramTracer::operator=(ProgramTracer&&) noexcept = default;
ProgramTracer::~ProgramTracer() = default;

void ProgramTracer::attach(const AttachedPrograms& programs) {
  const LibbpfLog quiet;
  State& state = *state_;
  state.left_out.clear();
  const auto is_there = [&](std::uint32_t id) {
    return std::ranges::any_of(programs,
                               [id](const AttachedProgram& one) { return one.program.id == id; });
  };
  for (auto it = state.watched.begin(); it != state.watched.end();) {
    const auto next = std::next(it);
    if (!is_there(it->first)) {
      state.forget(it);
    }
    it = next;
  }
  if (programs.empty()) {
    return;
  }
  if (!state.load_status) {
    state.load_status = state.load();
  }
  const Status& loaded = *state.load_status;
  for (const AttachedProgram& one : programs) {
    if (state.watched.contains(one.program.id)) {
      continue;
    }
    if (const Status watched = loaded ? state.watch(one) : loaded; !watched) {
      state.left_out[watched.error().what].push_back(named(one.program));
    }
  }
}

void ProgramTracer::stop() {
  state_->arrivals.reset();
  while (!state_->watched.empty()) {
    state_->forget(state_->watched.begin());
  }
}

std::vector<Probe> ProgramTracer::probes() const {
  std::vector<Probe> probes;
  if (const std::size_t count = state_->watched.size(); count != 0) {
    probes.push_back(
        {.name = fmt::format("fexit: {} XDP and tc program{}", count, count == 1 ? "" : "s"),
         .attached = true,
         .why = {}});
  }
  for (const auto& [why, names] : state_->left_out) {
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), kMostNamed); ++i) {
      list += (i == 0 ? "" : ", ") + names[i];
    }
    if (names.size() > kMostNamed) {
      list += fmt::format(", and {} more", names.size() - kMostNamed);
    }
    probes.push_back({.name = "XDP and tc programs: " + list, .why = why});
  }
  return probes;
}

std::uint64_t ProgramTracer::missed() const { return state_->count_missed(); }

}  // namespace tracepkt::kernel
