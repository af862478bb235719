#include "kernel/conntrack_table.h"

#include <gtest/gtest.h>

namespace tracepkt::kernel {
namespace {

TEST(ConntrackTable, IsFullWhereNextToNothingIsLeft) {
  EXPECT_TRUE(is_conntrack_full(4, 4));
  EXPECT_TRUE(is_conntrack_full(5, 4));
  EXPECT_FALSE(is_conntrack_full(3, 4));
  EXPECT_TRUE(is_conntrack_full(262000, 262144));
  EXPECT_FALSE(is_conntrack_full(250000, 262144));
  EXPECT_FALSE(is_conntrack_full(5, 0)) << "no limit";
}

}  // namespace
}  // namespace tracepkt::kernel
