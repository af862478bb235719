#include "kernel/device_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <string>
#include <thread>

#include "base/fd.h"
#include "kernel/libbpf_log.h"
#include "kernel/netns_scan.h"

namespace tracepkt::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint32_t kLo = 1;

// A program that returns 0.
Fd load(bpf_prog_type type, const char* name) {
  const bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  return Fd(bpf_prog_load(type, name, "GPL", program, std::size(program), nullptr));
}

std::uint32_t id_of(const Fd& program) {
  bpf_prog_info info = {};
  __u32 size = sizeof(info);
  return bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0 ? info.id : 0;
}

// Runs in a network namespace of its own, which goes with its thread.
class DeviceProgramsTest : public ::testing::Test {
 protected:
  static void in_namespace(const std::function<void()>& run) {
    std::string refused;
    std::thread thread([&] {
      const LibbpfLog quiet;
      if (::unshare(CLONE_NEWNET) != 0 || !load(BPF_PROG_TYPE_XDP, "probe").valid()) {
        refused = std::strerror(errno);
      } else {
        run();
      }
    });
    thread.join();
    if (!refused.empty()) {
      GTEST_SKIP()
          << "NOT TESTED: programs of interfaces. Only root can make namespaces and load programs: "
          << refused;
    }
  }
};

TEST_F(DeviceProgramsTest, NoneWhereThereAreNone) {
  in_namespace([] {
    for (const auto place :
         {ProgramPlace::kXdp, ProgramPlace::kTcIngress, ProgramPlace::kTcEgress}) {
      EXPECT_THAT(list_programs(kLo, place), IsEmpty());
      EXPECT_THAT(list_programs(4711, place), IsEmpty());
    }
    EXPECT_THAT(list_native_xdp(), IsEmpty());
  });
}

TEST_F(DeviceProgramsTest, XdpByNameAndMode) {
  in_namespace([] {
    const Fd program = load(BPF_PROG_TYPE_XDP, "drop_all");
    ASSERT_EQ(bpf_xdp_attach(kLo, program.get(), XDP_FLAGS_SKB_MODE, nullptr), 0);
    EXPECT_THAT(
        list_programs(kLo, ProgramPlace::kXdp),
        ElementsAre(DeviceProgram{.kind = "xdpgeneric", .id = id_of(program), .name = "drop_all"}));
    EXPECT_THAT(list_native_xdp(), IsEmpty());  // it is not the driver that runs it
  });
}

TEST_F(DeviceProgramsTest, FiltersOfTcInTheirOrder) {
  in_namespace([] {
    const Fd first = load(BPF_PROG_TYPE_SCHED_CLS, "first");
    const Fd second = load(BPF_PROG_TYPE_SCHED_CLS, "second");
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = kLo, .attach_point = BPF_TC_EGRESS);
    if (const int error = bpf_tc_hook_create(&hook); error != 0) {
      return;  // no clsact in this kernel
    }
    LIBBPF_OPTS(bpf_tc_opts, late, .prog_fd = second.get(), .handle = 5, .priority = 9);
    LIBBPF_OPTS(bpf_tc_opts, early, .prog_fd = first.get(), .handle = 6, .priority = 3);
    ASSERT_EQ(bpf_tc_attach(&hook, &late), 0);
    ASSERT_EQ(bpf_tc_attach(&hook, &early), 0);
    const DeviceProgram one{
        .kind = "bpf", .id = id_of(first), .pref = 3, .handle = 6, .name = "first"};
    const DeviceProgram two{
        .kind = "bpf", .id = id_of(second), .pref = 9, .handle = 5, .name = "second"};
    EXPECT_THAT(list_programs(kLo, ProgramPlace::kTcEgress), ElementsAre(one, two));
    EXPECT_THAT(list_programs(kLo, ProgramPlace::kTcIngress), IsEmpty());
  });
}

TEST_F(DeviceProgramsTest, TheTablesOfU32AreNoFilters) {
  bool is_made = true;
  in_namespace([&] {
    // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): tc makes the messages
    is_made = std::system(
                  "tc qdisc add dev lo clsact 2>/dev/null &&"
                  "tc filter add dev lo ingress pref 4 u32 match u8 0 0 2>/dev/null") == 0;
    if (!is_made) {
      return;
    }
    EXPECT_THAT(list_programs(kLo, ProgramPlace::kTcIngress),
                ElementsAre(DeviceProgram{.kind = "u32", .pref = 4, .handle = 0x80000800}));
  });
  if (!is_made) {
    GTEST_SKIP()
        << "NOT TESTED: the hash tables of u32. There is no tc, or this kernel has no u32; "
           "Debian's kernels have it.";
  }
}

TEST_F(DeviceProgramsTest, InterfacesOfANamespaceThatIsNotKnownAreNotOurs) {
  in_namespace([] {
    const Fd program = load(BPF_PROG_TYPE_XDP, "drop_all");
    ASSERT_EQ(bpf_xdp_attach(kLo, program.get(), XDP_FLAGS_SKB_MODE, nullptr), 0);
    NamespacePrograms programs;
    EXPECT_THAT(programs.find(1, "", kLo, ProgramPlace::kXdp), IsEmpty());
    const std::uint32_t ours = netns_inode_of_file("/proc/thread-self/ns/net");
    EXPECT_EQ(programs.find(ours, "/proc/thread-self/ns/net", kLo, ProgramPlace::kXdp).size(), 1u);
  });
}

// Attaches to the egress of lo; false where there is no clsact.
bool filter_at_egress(const Fd& program) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = kLo, .attach_point = BPF_TC_EGRESS);
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program.get(), .priority = 3);
  return bpf_tc_hook_create(&hook) == 0 && bpf_tc_attach(&hook, &options) == 0;
}

TEST_F(DeviceProgramsTest, FindsThoseOfAllNamespacesOnce) {
  in_namespace([] {
    const Fd xdp = load(BPF_PROG_TYPE_XDP, "both_ways");
    const Fd tc = load(BPF_PROG_TYPE_SCHED_CLS, "way_out");
    const Fd idle = load(BPF_PROG_TYPE_SCHED_CLS, "nowhere");
    ASSERT_EQ(bpf_xdp_attach(kLo, xdp.get(), XDP_FLAGS_SKB_MODE, nullptr), 0);
    const bool has_clsact = filter_at_egress(tc);
    ProgramFinder finder;
    const auto found = finder.find();
    ASSERT_TRUE(found);
    const auto with_id = [&](std::uint32_t id) {
      return std::ranges::count_if(
          *found, [id](const AttachedProgram& one) { return one.program.id == id; });
    };
    EXPECT_EQ(with_id(id_of(xdp)), 1);
    EXPECT_EQ(with_id(id_of(idle)), 0);
    EXPECT_EQ(with_id(id_of(tc)), has_clsact ? 1 : 0);
    for (const AttachedProgram& one : *found) {
      if (one.program.id == id_of(xdp) || one.program.id == id_of(tc)) {
        EXPECT_EQ(one.is_xdp, one.program.name == "both_ways");
        EXPECT_EQ(one.at_egress, one.program.name == "way_out");
      }
    }
  });
}

TEST_F(DeviceProgramsTest, LooksAgainForAWhileWhereOneWasLoaded) {
  in_namespace([] {
    ProgramFinder finder;
    ASSERT_TRUE(finder.find());
    const Fd program = load(BPF_PROG_TYPE_XDP, "new");
    EXPECT_TRUE(finder.should_look_again());
    // It may be attached a moment after it was loaded. Others load programs, too, perhaps.
    EXPECT_TRUE(finder.should_look_again());
    // Or much later.
    int looks = 0;
    for (int second = 0; second < 100; ++second) {
      looks += finder.should_look_again() ? 1 : 0;
    }
    EXPECT_GE(looks, 10);
    EXPECT_LE(looks, 25);
  });
}

}  // namespace
}  // namespace tracepkt::kernel
