// What this process may do, and what the kernel was told to refuse to everybody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tracepkt::kernel {

struct Rights {
  std::uint64_t effective = 0;         // bit CAP_x set: we have it
  bool initial_user_namespace = true;  // capabilities of another one count for nothing here
  // Before 5.11 maps count as locked memory (RLIMIT_MEMLOCK), and ours are more than its usual
  // limit.
  bool locked_memory_limited = false;
  std::string lockdown;  // "none", "integrity", "confidentiality"; empty: not built in

  bool has(int capability) const { return (effective >> capability & 1) != 0; }
  // CAP_BPF and CAP_PERFMON are of Linux 5.8; CAP_SYS_ADMIN holds them both.
  bool may_trace() const;
};

Rights read_rights();

// "CAP_NET_RAW". Known for those that tracepkt ever needs.
std::string_view capability_name(int capability);

// Fails, naming what is missing, unless we may trace and have every one of `also`.
Status require(const Rights& rights, const std::vector<int>& also, std::string_view what_for);

// "6.12.43" of "6.12.43+deb13-amd64", as numbers. nullopt: not a version.
struct KernelVersion {
  int major = 0;
  int minor = 0;

  auto operator<=>(const KernelVersion&) const = default;
};
std::optional<KernelVersion> parse_version(std::string_view release);

// Fails on a kernel that cannot work: before 5.10.
Status require_kernel(std::string_view release);
std::string kernel_release();

}  // namespace tracepkt::kernel
