#include "kernel/rights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <charconv>
#include <sstream>

#include "base/text.h"

namespace tracepkt::kernel {
namespace {

std::string lockdown_mode() {
  // "none [integrity] confidentiality"
  const std::string modes = read_small_file("/sys/kernel/security/lockdown");
  const auto open = modes.find('[');
  const auto close = modes.find(']');
  return open == std::string::npos || close == std::string::npos
             ? ""
             : modes.substr(open + 1, close - open - 1);
}

std::uint64_t effective_capabilities() {
  std::istringstream status(read_small_file("/proc/self/status"));
  std::string line;
  std::uint64_t value = 0;
  while (std::getline(status, line)) {
    if (line.starts_with("CapEff:\t")) {
      std::from_chars(line.data() + 8, line.data() + line.size(), value, 16);
    }
  }
  return value;
}

bool in_initial_user_namespace() {
  std::istringstream map(read_small_file("/proc/self/uid_map"));
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  return static_cast<bool>(map >> inside >> outside >> count) && inside == 0 && outside == 0 &&
         count == 0xffffffff;
}

// Since 5.11 maps are accounted to the process's memory cgroup instead (97306be45fbe and before).
bool is_locked_memory_limited() {
  const auto version = parse_version(kernel_release());
  rlimit limit = {};
  return version && *version < KernelVersion{5, 11} && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
         limit.rlim_max != RLIM_INFINITY;
}

}  // namespace

bool Rights::may_trace() const { return has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON)); }

Rights read_rights() {
  return {.effective = effective_capabilities(),
          .initial_user_namespace = in_initial_user_namespace(),
          .locked_memory_limited = is_locked_memory_limited(),
          .lockdown = lockdown_mode()};
}

std::string_view capability_name(int capability) {
  switch (capability) {
    case CAP_BPF:
      return "CAP_BPF";
    case CAP_PERFMON:
      return "CAP_PERFMON";
    case CAP_NET_ADMIN:
      return "CAP_NET_ADMIN";
    case CAP_NET_RAW:
      return "CAP_NET_RAW";
    case CAP_SYS_ADMIN:
      return "CAP_SYS_ADMIN";
    case CAP_SYS_RESOURCE:
      return "CAP_SYS_RESOURCE";
    case CAP_SYSLOG:
      return "CAP_SYSLOG";
    default:
      return "a capability";
  }
}

Status require(const Rights& rights, const std::vector<int>& also, std::string_view what_for) {
  std::vector<std::string_view> missing;
  if (!rights.may_trace()) {
    for (const int capability : {CAP_BPF, CAP_PERFMON}) {
      if (!rights.has(capability)) {
        missing.push_back(capability_name(capability));
      }
    }
  }
  if (rights.locked_memory_limited && !rights.has(CAP_SYS_RESOURCE)) {
    missing.push_back(capability_name(CAP_SYS_RESOURCE));
  }
  for (const int capability : also) {
    if (!rights.has(capability)) {
      missing.push_back(capability_name(capability));
    }
  }
  if (!missing.empty()) {
    return failure(fmt::format("{} needs {}, which this process does not have", what_for,
                               fmt::join(missing, " and ")),
                   "run it as root: sudo tracepkt ...");
  }
  if (!rights.initial_user_namespace) {
    return failure(
        fmt::format(
            "{} needs CAP_BPF and CAP_PERFMON of the machine itself; those of a user namespace (a "
            "rootless container, unshare -r) do not count",
            what_for),
        "run it outside of the container, as root");
  }
  return {};
}

std::string kernel_release() {
  utsname names = {};
  return uname(&names) == 0 ? names.release : "";
}

std::optional<KernelVersion> parse_version(std::string_view release) {
  KernelVersion version;
  const char* const begin = release.data();
  const char* const end = begin + release.size();
  const auto major = std::from_chars(begin, end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') {
    return std::nullopt;
  }
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  return minor.ec == std::errc() ? std::optional(version) : std::nullopt;
}

Status require_kernel(std::string_view release) {
  // Ring buffers are of 5.8, tp_btf of 5.5; nothing before 5.10 is tested.
  constexpr KernelVersion kOldest = {5, 10};
  const auto version = parse_version(release);
  if (version && *version < kOldest) {
    return failure(
        fmt::format("kernel {} is too old: tracepkt needs Linux 5.10 or later", release));
  }
  return {};
}

}  // namespace tracepkt::kernel
