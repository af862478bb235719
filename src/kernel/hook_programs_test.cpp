#include "kernel/hook_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <iterator>
#include <string_view>

#include "kernel/bpf_handles.h"
#include "kernel/libbpf_log.h"

// NOLINTBEGIN(readability-identifier-naming): what bpf_object() calls them
extern "C" {
extern const std::byte tracepkt_bpf_hook_trial_begin[];
extern const std::byte tracepkt_bpf_hook_trial_end[];
}
// NOLINTEND(readability-identifier-naming)

namespace tracepkt::kernel {
namespace {

std::ptrdiff_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

class HookProgramsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "NOT TESTED: loading on several CPUs. Only root can load BPF programs.";
    }
    HookPrograms::announce();
  }

  // The trial object with these programs alone.
  static Object open(std::initializer_list<std::string_view> wanted) {
    Object object(bpf_object__open_mem(
        tracepkt_bpf_hook_trial_begin,
        static_cast<std::size_t>(tracepkt_bpf_hook_trial_end - tracepkt_bpf_hook_trial_begin),
        nullptr));
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object.get()) {
      bpf_program__set_autoload(
          program, std::ranges::find(wanted, bpf_program__name(program)) != wanted.end());
    }
    return object;
  }

  static std::uint64_t seen(const Object& object) {
    const int fd = bpf_object__find_map_fd_by_name(object.get(), ".bss");
    const std::uint32_t key = 0;
    std::uint64_t value = 0;
    EXPECT_EQ(bpf_map_lookup_elem(fd, &key, &value), 0);
    return value;
  }

  const LibbpfLog quiet_;
};

TEST_F(HookProgramsTest, RunFromAttachToDetach) {
  const Object object = open({"counts", "does_nothing"});
  const bpf_program* counts = bpf_object__find_program_by_name(object.get(), "counts");
  HookPrograms hooks;
  ASSERT_EQ(hooks.load(object.get()), 0) << hooks.refused();
  EXPECT_TRUE(hooks.has(counts));
  getppid();
  EXPECT_EQ(seen(object), 0u);

  ASSERT_TRUE(hooks.attach(counts));
  getppid();
  EXPECT_GT(seen(object), 0u);
  hooks.detach();
  // On another CPU one may still be running.
  std::uint64_t until_then = 0;
  for (int i = 0; i < 1000 && until_then != seen(object); ++i) {
    until_then = seen(object);
    getppid();
  }
  EXPECT_EQ(seen(object), until_then);
}

TEST_F(HookProgramsTest, WhatIsNotLoadedCannotBeAttached) {
  const Object object = open({"counts"});
  const bpf_program* other = bpf_object__find_program_by_name(object.get(), "does_nothing");
  HookPrograms hooks;
  ASSERT_EQ(hooks.load(object.get()), 0);
  EXPECT_FALSE(hooks.has(other));
  EXPECT_FALSE(hooks.attach(other));
}

TEST_F(HookProgramsTest, OneThatIsRefusedIsNamedAndNothingStays) {
  const std::ptrdiff_t before = open_files();
  {
    const Object object = open({"counts", "does_nothing", "reads_what_it_may_not"});
    HookPrograms hooks;
    EXPECT_EQ(hooks.load(object.get()), -EACCES);
    EXPECT_EQ(hooks.refused(), "reads_what_it_may_not");
    EXPECT_FALSE(hooks.has(bpf_object__find_program_by_name(object.get(), "counts")));
  }
  EXPECT_EQ(open_files(), before);
}

TEST_F(HookProgramsTest, WithoutItsTracepointNothingIsLoaded) {
  const std::ptrdiff_t before = open_files();
  {
    const Object object = open({"counts", "has_no_tracepoint"});
    HookPrograms hooks;
    EXPECT_LT(hooks.load(object.get()), 0);
    EXPECT_FALSE(hooks.has(bpf_object__find_program_by_name(object.get(), "counts")));
  }
  EXPECT_EQ(open_files(), before);
}

TEST_F(HookProgramsTest, AnotherObjectAfterOneThatWasRefused) {
  HookPrograms hooks;
  Object object = open({"counts", "reads_what_it_may_not"});
  ASSERT_NE(hooks.load(object.get()), 0);
  object = open({"counts"});
  ASSERT_EQ(hooks.load(object.get()), 0) << hooks.refused();
  EXPECT_EQ(hooks.refused(), "");
  EXPECT_TRUE(hooks.attach(bpf_object__find_program_by_name(object.get(), "counts")));
}

}  // namespace
}  // namespace tracepkt::kernel
