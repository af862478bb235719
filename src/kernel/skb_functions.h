// The kernel functions that take a packet (a struct sk_buff *), as the kernel's own type
// information tells them.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "wire/function.h"

struct btf;

namespace tracepkt::kernel {

class KernelBtf;

struct SkbFunction {
  std::string name;
  std::string module;  // empty: of the kernel itself
  traced_function traced = {};
  std::vector<std::uint64_t> addresses;  // filled in by find_addresses()
};

// Those whose first five arguments have a packet and whose name `glob` matches; types below
// `first_id` are left out, which are another's (of a module: the kernel's).
std::vector<SkbFunction> skb_functions_in(const btf* types, std::uint32_t first_id,
                                          const std::string& module, const std::string& glob);

// The same of this kernel and its modules.
std::vector<SkbFunction> find_skb_functions(const KernelBtf& kernel_btf, const std::string& glob);

// Fills in addresses from lines as /proc/kallsyms has them. A name may have several.
void find_addresses(std::string_view kallsyms, std::vector<SkbFunction>& functions);

// Removes those that are not in the lines of available_filter_functions, or not as often as they
// have addresses: a multi-kprobe that one function does not suit is refused for all.
void keep_attachable(std::string_view available, std::vector<SkbFunction>& functions);

// Empty where it cannot be read.
std::string read_kallsyms();

// What available_filter_functions says, also where tracefs is not mounted, without mounting it
// where anybody could see it.
Result<std::string> read_available_functions();

// "ip_rcv", of the way of a packet through the kernel, for where each costs time: see
// functions.def.
bool is_chosen(std::string_view name);

}  // namespace tracepkt::kernel
