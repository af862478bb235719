#include "kernel/device_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "kernel/libbpf_log.h"
#include "kernel/netns_open.h"
#include "kernel/netns_scan.h"

namespace tracepkt::kernel {
namespace {

// Who drops, drops often.
constexpr auto kAskAgainAfter = std::chrono::milliseconds(500);
constexpr std::size_t kMaxListings = 1024;

// BPF_TCX_INGRESS and BPF_TCX_EGRESS, since 6.6; a kernel without them says so.
constexpr int kTcxIngress = 46;
constexpr int kTcxEgress = 47;
constexpr std::uint32_t kMaxTcx = 64;

std::string program_name(std::uint32_t id) {
  const Fd program(bpf_prog_get_fd_by_id(id));
  bpf_prog_info info = {};
  __u32 size = sizeof(info);
  if (!program.valid() || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) {
    return "";
  }
  return {info.name, strnlen(info.name, sizeof(info.name))};
}

DevicePrograms list_xdp(std::uint32_t ifindex) {
  LIBBPF_OPTS(bpf_xdp_query_opts, found);
  if (bpf_xdp_query(static_cast<int>(ifindex), 0, &found) != 0) {
    return {};
  }
  DevicePrograms programs;
  for (const auto& [kind, id] : {std::pair<const char*, __u32>{"xdpoffload", found.hw_prog_id},
                                 {"xdpdrv", found.drv_prog_id},
                                 {"xdpgeneric", found.skb_prog_id}}) {
    if (id != 0) {
      programs.push_back({.kind = kind, .id = id, .name = program_name(id)});
    }
  }
  return programs;
}

DevicePrograms list_tcx(std::uint32_t ifindex, int attach_type) {
  std::array<__u32, kMaxTcx> ids = {};
  LIBBPF_OPTS(bpf_prog_query_opts, found, .prog_ids = ids.data(), .prog_cnt = kMaxTcx);
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): newer than libbpf's header
  const auto type = static_cast<bpf_attach_type>(attach_type);
  if (bpf_prog_query_opts(static_cast<int>(ifindex), type, &found) != 0) {
    return {};
  }
  DevicePrograms programs;
  for (std::uint32_t i = 0; i < std::min(found.prog_cnt, kMaxTcx); ++i) {
    programs.push_back({.kind = "tcx", .id = ids[i], .name = program_name(ids[i])});
  }
  return programs;
}

// Of what begins with its own length: netlink's messages and their attributes are aligned to 4.
std::string_view without_first(std::string_view bytes, std::size_t length) {
  return bytes.substr(std::min(bytes.size(), (length + 3) & ~std::size_t{3}));
}

// Calls `take` for each attribute in there.
template <typename Take>
void walk_attributes(std::string_view bytes, Take take) {
  rtattr attribute = {};
  while (bytes.size() >= sizeof(attribute)) {
    std::memcpy(&attribute, bytes.data(), sizeof(attribute));
    if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > bytes.size()) {
      return;
    }
    take(attribute.rta_type & NLA_TYPE_MASK,
         bytes.substr(sizeof(attribute), attribute.rta_len - sizeof(attribute)));
    bytes = without_first(bytes, attribute.rta_len);
  }
}

std::string_view until_zero(std::string_view bytes) { return bytes.substr(0, bytes.find('\0')); }

DeviceProgram filter_of(std::string_view message) {
  tcmsg header = {};
  std::memcpy(&header, message.data(), sizeof(header));
  DeviceProgram filter{
      .kind = {}, .pref = header.tcm_info >> 16, .handle = header.tcm_handle, .name = {}};
  std::string_view options;
  walk_attributes(without_first(message, sizeof(header)), [&](int type, std::string_view bytes) {
    if (type == TCA_KIND) {
      filter.kind = until_zero(bytes);
    } else if (type == TCA_OPTIONS) {
      options = bytes;
    }
  });
  if (filter.kind != "bpf") {
    return filter;
  }
  std::uint32_t flags = 0;
  walk_attributes(options, [&](int type, std::string_view bytes) {
    if (type == TCA_BPF_ID && bytes.size() == sizeof(filter.id)) {
      std::memcpy(&filter.id, bytes.data(), sizeof(filter.id));
    } else if (type == TCA_BPF_FLAGS && bytes.size() == sizeof(flags)) {
      std::memcpy(&flags, bytes.data(), sizeof(flags));
    } else if (type == TCA_BPF_NAME) {
      filter.name = until_zero(bytes);
    }
  });
  filter.is_classifier = (flags & TCA_BPF_FLAG_ACT_DIRECT) == 0;
  // What tc calls it, "object.o:[section]", says less.
  if (std::string name = program_name(filter.id); !name.empty()) {
    filter.name = std::move(name);
  }
  return filter;
}

// False at the end of the answer, or where there is none.
bool take_filters(std::string_view answer, DevicePrograms& filters) {
  nlmsghdr header = {};
  const bool any = !answer.empty();
  while (answer.size() >= sizeof(header)) {
    std::memcpy(&header, answer.data(), sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > answer.size() ||
        header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      return false;
    }
    const std::string_view message =
        answer.substr(sizeof(header), header.nlmsg_len - sizeof(header));
    if (header.nlmsg_type == RTM_NEWTFILTER && message.size() >= sizeof(tcmsg)) {
      DeviceProgram filter = filter_of(message);
      // Without a handle it is about all filters of that kind and preference; one of u32 without a
      // node (TC_U32_NODE, and its bucket) is a table that holds filters.
      const bool is_table = filter.kind == "u32" && (filter.handle & 0xfffff) == 0;
      if (filter.handle != 0 && !is_table) {
        filters.push_back(std::move(filter));
      }
    }
    answer = without_first(answer, header.nlmsg_len);
  }
  return any;
}

DevicePrograms list_filters(std::uint32_t ifindex, std::uint32_t place) {
  const Fd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    tcmsg body;
  } request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETTFILTER;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.tcm_ifindex = static_cast<int>(ifindex);
  request.body.tcm_parent = TC_H_MAKE(TC_H_CLSACT, place);
  DevicePrograms filters;
  if (!netlink.valid() || send(netlink.get(), &request, sizeof(request), 0) != sizeof(request)) {
    return filters;
  }
  const auto buffer = std::make_unique<std::array<char, 65536>>();
  bool more = true;
  while (more) {
    const ssize_t received = recv(netlink.get(), buffer->data(), buffer->size(), 0);
    more =
        received > 0 && take_filters({buffer->data(), static_cast<std::size_t>(received)}, filters);
  }
  return filters;
}

// Programs of tcx are asked before filters.
DevicePrograms list_tc(std::uint32_t ifindex, int tcx, std::uint32_t place) {
  DevicePrograms programs = list_tcx(ifindex, tcx);
  std::ranges::move(list_filters(ifindex, place), std::back_inserter(programs));
  return programs;
}

}  // namespace

DevicePrograms list_programs(std::uint32_t ifindex, ProgramPlace place) {
  const LibbpfLog quiet;
  switch (place) {
    case ProgramPlace::kXdp:
      return list_xdp(ifindex);
    case ProgramPlace::kTcIngress:
      return list_tc(ifindex, kTcxIngress, TC_H_MIN_INGRESS);
    case ProgramPlace::kTcEgress:
      return list_tc(ifindex, kTcxEgress, TC_H_MIN_EGRESS);
  }
  return {};
}

namespace {

template <typename Take>
void for_each_interface(Take take) {
  const auto free_all = [](struct if_nameindex* all) { if_freenameindex(all); };
  const std::unique_ptr<struct if_nameindex, decltype(free_all)> interfaces(::if_nameindex());
  for (const struct if_nameindex* one = interfaces.get(); one != nullptr && one->if_index != 0;
       ++one) {
    take(*one);
  }
}

}  // namespace

std::vector<XdpDevice> list_native_xdp() {
  const LibbpfLog quiet;
  std::vector<XdpDevice> devices;
  for_each_interface([&](const struct if_nameindex& one) {
    for (DeviceProgram& program : list_xdp(one.if_index)) {
      if (program.kind != "xdpgeneric") {
        devices.push_back({.name = one.if_name, .program = std::move(program)});
      }
    }
  });
  return devices;
}

namespace {

// Of a program that stands in several places, one entry.
void add_attached(DevicePrograms&& programs, ProgramPlace place, AttachedPrograms& all) {
  for (DeviceProgram& program : programs) {
    if (program.id == 0 || program.is_classifier || program.kind == "xdpoffload") {
      continue;
    }
    const auto known = std::ranges::find_if(
        all, [&](const AttachedProgram& one) { return one.program.id == program.id; });
    AttachedProgram& one = known != all.end()
                               ? *known
                               : all.emplace_back(AttachedProgram{
                                     .program = program, .is_xdp = place == ProgramPlace::kXdp});
    one.at_egress |= place == ProgramPlace::kTcEgress;
    if (one.program.kind != program.kind && !one.is_xdp) {
      one.program.kind = "bpf";  // the names of its verdicts that hold for both
    }
  }
}

void add_all_here(AttachedPrograms& all) {
  for_each_interface([&](const struct if_nameindex& interface) {
    for (const ProgramPlace place :
         {ProgramPlace::kXdp, ProgramPlace::kTcIngress, ProgramPlace::kTcEgress}) {
      add_attached(list_programs(interface.if_index, place), place, all);
    }
  });
}

bool is_of_interfaces(std::uint32_t id) {
  const Fd program(bpf_prog_get_fd_by_id(id));
  bpf_prog_info info = {};
  __u32 size = sizeof(info);
  return program.valid() && bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0 &&
         (info.type == BPF_PROG_TYPE_XDP || info.type == BPF_PROG_TYPE_SCHED_CLS);
}

}  // namespace

// Ids go up.
bool ProgramFinder::has_new_programs() {
  bool found = false;
  while (bpf_prog_get_next_id(newest_, &newest_) == 0) {
    found |= is_of_interfaces(newest_);
  }
  any_ |= found;
  return found;
}

Result<AttachedPrograms> ProgramFinder::find() {
  if (std::uint32_t first = 0; bpf_prog_get_next_id(0, &first) != 0 && errno == EPERM) {
    return failure("whether there are any takes root to know: CAP_SYS_ADMIN");
  }
  has_new_programs();
  AttachedPrograms all;
  if (!any_) {
    return all;
  }
  const auto began = std::chrono::steady_clock::now();
  add_all_here(all);
  NetnsPaths others = scan_all_netns("");
  others.erase(netns_inode_of_file("/proc/thread-self/ns/net"));
  for (const auto& [inode, file] : others) {
    (void)run_in_netns_file(file, [&]() -> Status {
      add_all_here(all);
      return {};
    });
  }
  // With many interfaces that takes a while: a hundredth of the time at most.
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  pause_s_ = static_cast<int>(100 * took.count());
  return all;
}

bool ProgramFinder::should_look_again() {
  constexpr int kAtOnce = 3;
  constexpr int kLater = 5;
  asked_ = has_new_programs() ? 0 : asked_ + 1;
  return any_ && (asked_ < kAtOnce || asked_ % std::max(kLater, pause_s_) == 0);
}

const DevicePrograms& NamespacePrograms::find(std::uint32_t inode, const std::string& file,
                                              std::uint32_t ifindex, ProgramPlace place) {
  if (listings_.size() >= kMaxListings) {
    listings_.clear();
  }
  const auto now = std::chrono::steady_clock::now();
  const auto [it, is_new] = listings_.try_emplace({inode, ifindex, place});
  Listing& listing = it->second;
  if (!is_new && now - listing.taken < kAskAgainAfter) {
    return listing.programs;
  }
  listing.taken = now;
  (void)run_in_netns_file(file, [&]() -> Status {
    // In one that nothing is known of, interfaces have the same numbers as here.
    if (netns_inode_of_file("/proc/thread-self/ns/net") == inode) {
      listing.programs = list_programs(ifindex, place);
    }
    return {};
  });
  return listing.programs;
}

}  // namespace tracepkt::kernel
