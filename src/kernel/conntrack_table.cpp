#include "kernel/conntrack_table.h"

#include "kernel/sysctl.h"

namespace tracepkt::kernel {

bool is_conntrack_full(std::uint32_t count, std::uint32_t most) {
  return most != 0 && count >= most - most / 64;
}

bool is_conntrack_full() {
  const auto count = sysctl_number("net/netfilter/nf_conntrack_count");
  const auto most = sysctl_number("net/netfilter/nf_conntrack_max");
  return count && most && is_conntrack_full(*count, *most);
}

}  // namespace tracepkt::kernel
