#include "kernel/skb_functions.h"

#include <bpf/btf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "base/fd.h"
#include "base/lines.h"
#include "kernel/kernel_btf.h"
#include "kernel/libbpf_log.h"

namespace tracepkt::kernel {
namespace {

// What a kprobe can read of a function's arguments.
constexpr int kArguments = 5;

// What stands at a tracepoint is given the packet in order to tell of it.
constexpr std::array<std::string_view, 6> kTracing = {"__traceiter_",           "__bpf_trace_",
                                                      "trace_event_raw_event_", "perf_trace_",
                                                      "trace_raw_output_",      "__probestub_"};

bool is_tracing(std::string_view name) {
  return std::ranges::any_of(kTracing,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// Without const, typedefs and the like.
const btf_type* plain_type(const btf* types, std::uint32_t id) {
  const btf_type* type = btf__type_by_id(types, id);
  while (type != nullptr && (btf_is_mod(type) || btf_is_typedef(type))) {
    type = btf__type_by_id(types, type->type);
  }
  return type;
}

bool is_packet(const btf* types, std::uint32_t id) {
  const btf_type* pointer = plain_type(types, id);
  const btf_type* to =
      pointer != nullptr && btf_is_ptr(pointer) ? plain_type(types, pointer->type) : nullptr;
  return to != nullptr && (btf_is_struct(to) || btf_is_fwd(to)) &&
         std::string_view(btf__name_by_offset(types, to->name_off)) == "sk_buff";
}

// The first argument that is a packet, from 1; 0: none. A struct that is passed by value moves
// those behind it to who knows where.
std::uint8_t packet_argument(const btf* types, const btf_type* proto) {
  const btf_param* params = btf_params(proto);
  for (int i = 0; i < std::min<int>(btf_vlen(proto), kArguments); ++i) {
    const btf_type* type = plain_type(types, params[i].type);
    if (type == nullptr || btf_is_composite(type)) {
      return 0;
    }
    if (is_packet(types, params[i].type)) {
      return static_cast<std::uint8_t>(i + 1);
    }
  }
  return 0;
}

void set_returns(const btf* types, std::uint32_t id, traced_function& traced) {
  const btf_type* type = id == 0 ? nullptr : plain_type(types, id);
  traced.returns = RETURNS_NOTHING;
  if (type == nullptr) {
    return;
  }
  if (btf_is_ptr(type)) {
    traced.returns = RETURNS_POINTER;
    traced.size = sizeof(void*);
  } else if (btf_is_int(type)) {
    const int encoding = btf_int_encoding(type);
    traced.returns = (encoding & BTF_INT_BOOL) != 0     ? RETURNS_BOOL
                     : (encoding & BTF_INT_SIGNED) != 0 ? RETURNS_SIGNED
                                                        : RETURNS_UNSIGNED;
    traced.size = static_cast<std::uint8_t>(type->size);
  } else if (btf_is_any_enum(type)) {
    // What is an enum by name is a negative errno at times.
    traced.returns = RETURNS_SIGNED;
    traced.size = static_cast<std::uint8_t>(type->size);
  }
  if (traced.size > sizeof(std::uint64_t)) {
    traced.returns = RETURNS_NOTHING;
  }
}

Result<std::string> read_whole(int fd, const std::string& name) {
  std::string text;
  std::array<char, 65536> some = {};
  for (ssize_t size = 0; (size = read(fd, some.data(), some.size())) != 0;) {
    if (size < 0 && errno != EINTR) {
      return errno_failure(errno, "cannot read " + name);
    }
    text.append(some.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  return text;
}

// tracefs, mounted where nobody sees it but who has the descriptor; it goes with that.
Fd own_tracefs() {
  const Fd context(fsopen("tracefs", FSOPEN_CLOEXEC));
  if (!context.valid() || fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return Fd();
  }
  return Fd(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
}

// Calls `take` with each line.
template <typename Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    take(take_line(text));
  }
}

// "name [module]", with a tab or a space between them.
struct NameAndModule {
  std::string_view name;
  std::string_view module;
};

NameAndModule split_name(std::string_view text) {
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::size_t open = text.find('[', end);
  const std::size_t close = text.find(']', end);
  NameAndModule result{.name = text.substr(0, end), .module = {}};
  if (open < close && close != std::string_view::npos) {
    result.module = text.substr(open + 1, close - open - 1);
  }
  return result;
}

// Of functions of one name in several modules, all.
class ByName {
 public:
  explicit ByName(std::vector<SkbFunction>& functions) {
    for (std::size_t i = 0; i < functions.size(); ++i) {
      by_name_.emplace(functions[i].name, i);
    }
    functions_ = &functions;
  }

  // The index of what this is, if it is one of them.
  std::optional<std::size_t> find(const NameAndModule& wanted) const {
    const auto [begin, end] = by_name_.equal_range(wanted.name);
    for (auto it = begin; it != end; ++it) {
      if ((*functions_)[it->second].module == wanted.module) {
        return it->second;
      }
    }
    return std::nullopt;
  }

 private:
  std::unordered_multimap<std::string_view, std::size_t> by_name_;
  std::vector<SkbFunction>* functions_ = nullptr;
};

}  // namespace

std::vector<SkbFunction> skb_functions_in(const btf* types, std::uint32_t first_id,
                                          const std::string& module, const std::string& glob) {
  std::vector<SkbFunction> functions;
  for (std::uint32_t id = std::max<std::uint32_t>(first_id, 1); id < btf__type_cnt(types); ++id) {
    const btf_type* function = btf__type_by_id(types, id);
    if (!btf_is_func(function)) {
      continue;
    }
    const btf_type* proto = btf__type_by_id(types, function->type);
    SkbFunction found{.name = btf__name_by_offset(types, function->name_off), .module = module};
    found.traced.argument = packet_argument(types, proto);
    if (found.traced.argument == 0 || is_tracing(found.name) ||
        fnmatch(glob.c_str(), found.name.c_str(), 0) != 0) {
      continue;
    }
    set_returns(types, proto->type, found.traced);
    functions.push_back(std::move(found));
  }
  return functions;
}

std::vector<SkbFunction> find_skb_functions(const KernelBtf& kernel_btf, const std::string& glob) {
  const LibbpfLog quiet;
  std::vector<SkbFunction> functions = skb_functions_in(kernel_btf.get(), 1, "", glob);
  const std::uint32_t own = btf__type_cnt(kernel_btf.get());
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator("/sys/kernel/btf", error)) {
    const std::string module = file.path().filename();
    if (module == "vmlinux") {
      continue;
    }
    const std::unique_ptr<btf, void (*)(btf*)> types(
        btf__parse_split(file.path().c_str(), const_cast<btf*>(kernel_btf.get())), btf__free);
    if (types) {
      std::ranges::move(skb_functions_in(types.get(), own, module, glob),
                        std::back_inserter(functions));
    }
  }
  return functions;
}

void find_addresses(std::string_view kallsyms, std::vector<SkbFunction>& functions) {
  const ByName by_name(functions);
  for_each_line(kallsyms, [&](std::string_view line) {
    std::uint64_t address = 0;
    const char* const begin = line.data();
    const char* const end = begin + line.size();
    const auto [rest, error] = std::from_chars(begin, end, address, 16);
    // " T name\t[module]"
    if (error != std::errc() || address == 0 || end - rest < 4 ||
        (rest[1] != 't' && rest[1] != 'T' && rest[1] != 'w' && rest[1] != 'W')) {
      return;
    }
    if (const auto index = by_name.find(split_name({rest + 3, end}))) {
      functions[*index].addresses.push_back(address);
    }
  });
}

void keep_attachable(std::string_view available, std::vector<SkbFunction>& functions) {
  const ByName by_name(functions);
  std::vector<std::size_t> times(functions.size());
  for_each_line(available, [&](std::string_view line) {
    if (const auto index = by_name.find(split_name(line))) {
      ++times[*index];
    }
  });
  std::size_t at = 0;
  std::erase_if(functions, [&](const SkbFunction& function) {
    const std::size_t count = times[at++];
    return count == 0 || count != function.addresses.size();
  });
}

std::string read_kallsyms() {
  const Fd file(open("/proc/kallsyms", O_RDONLY | O_CLOEXEC));
  return read_whole(file.get(), "/proc/kallsyms").value_or("");
}

Result<std::string> read_available_functions() {
  const std::string name = "available_filter_functions";
  for (const std::string folder : {"/sys/kernel/tracing/", "/sys/kernel/debug/tracing/"}) {
    const Fd file(open((folder + name).c_str(), O_RDONLY | O_CLOEXEC));
    if (file.valid()) {
      return read_whole(file.get(), name);
    }
  }
  const Fd tracefs = own_tracefs();
  const Fd file(tracefs.valid() ? openat(tracefs.get(), name.c_str(), O_RDONLY | O_CLOEXEC) : -1);
  if (!file.valid()) {
    return errno_failure(errno, "tracefs does not tell which functions can be attached to");
  }
  return read_whole(file.get(), name);
}

bool is_chosen(std::string_view name) {
  static constexpr auto kNames = std::to_array<std::string_view>({
#define FUNCTION(name) #name,
#include "kernel/functions.def"
#undef FUNCTION
  });
  return std::ranges::find(kNames, name) != kNames.end();
}

}  // namespace tracepkt::kernel
