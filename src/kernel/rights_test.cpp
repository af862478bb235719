#include "kernel/rights.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

namespace tracepkt::kernel {
namespace {

constexpr std::uint64_t bit(int capability) { return std::uint64_t{1} << capability; }

TEST(Require, NamesWhatIsMissing) {
  const Status none = require({.effective = 0}, {CAP_NET_RAW}, "ping");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().what,
            "ping needs CAP_BPF and CAP_PERFMON and CAP_NET_RAW, which this process does not have");
  const Status one = require({.effective = bit(CAP_BPF) | bit(CAP_NET_RAW)}, {CAP_NET_RAW}, "ping");
  ASSERT_FALSE(one);
  EXPECT_EQ(one.error().what, "ping needs CAP_PERFMON, which this process does not have");
}

TEST(Require, SysAdminHoldsTheTracingCapabilities) {
  EXPECT_TRUE(require({.effective = bit(CAP_SYS_ADMIN)}, {}, "tracing"));
  EXPECT_TRUE(require({.effective = bit(CAP_BPF) | bit(CAP_PERFMON)}, {}, "tracing"));
}

TEST(Require, WhereMapsCountAsLockedMemoryItsLimitMustBeLifted) {
  const std::uint64_t tracing = bit(CAP_BPF) | bit(CAP_PERFMON);
  const Status limited =
      require({.effective = tracing, .locked_memory_limited = true}, {}, "tracing");
  ASSERT_FALSE(limited);
  EXPECT_EQ(limited.error().what,
            "tracing needs CAP_SYS_RESOURCE, which this process does not have");
  EXPECT_TRUE(require({.effective = tracing | bit(CAP_SYS_RESOURCE), .locked_memory_limited = true},
                      {}, "tracing"));
}

TEST(Require, AUserNamespacesRootIsNotEnough) {
  const Status status =
      require({.effective = ~std::uint64_t{0}, .initial_user_namespace = false}, {}, "tracing");
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().what.find("user namespace"), std::string::npos);
}

TEST(ParseVersion, TakesWhatUnameSays) {
  EXPECT_EQ(parse_version("6.12.43+deb13-amd64"), (KernelVersion{6, 12}));
  EXPECT_EQ(parse_version("5.10"), (KernelVersion{5, 10}));
  EXPECT_FALSE(parse_version("linux"));
  EXPECT_FALSE(parse_version("6"));
  EXPECT_FALSE(parse_version(""));
}

TEST(RequireKernel, From510On) {
  EXPECT_FALSE(require_kernel("4.19.0-27-amd64"));
  EXPECT_FALSE(require_kernel("5.9.1"));
  EXPECT_TRUE(require_kernel("5.10.0-46-amd64"));
  EXPECT_TRUE(require_kernel("7.2.13"));
}

}  // namespace
}  // namespace tracepkt::kernel
