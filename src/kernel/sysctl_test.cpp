#include "kernel/sysctl.h"

#include <gtest/gtest.h>

namespace tracepkt::kernel {
namespace {

TEST(Sysctl, IsOneNumberOrNothing) {
  EXPECT_GE(sysctl_number("kernel/pid_max").value_or(0), 301u);
  EXPECT_EQ(sysctl_number("kernel/ostype"), std::nullopt);
  EXPECT_EQ(sysctl_number("kernel/printk"), std::nullopt) << "four numbers";
  EXPECT_EQ(sysctl_number("kernel/of_no_kernel"), std::nullopt);
}

}  // namespace
}  // namespace tracepkt::kernel
