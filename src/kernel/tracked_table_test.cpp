#include "kernel/tracked_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace tracepkt::kernel {
namespace {

struct Table {
  std::vector<tracked_set> sets = std::vector<tracked_set>(2);
  std::vector<tracked> packets = std::vector<tracked>(TRACKED_INDEX(2, 0));
  std::int64_t count = 0;

  void add(std::size_t set, std::size_t way, std::uint64_t seen_ns) {
    sets[set].heads[way] = 0xffff888000000000 + (set << 12) + (way << 8);
    packets[TRACKED_INDEX(set, way)].seen_ns = seen_ns;
    ++count;
  }
  void forget(std::uint64_t now_ns, std::uint64_t age_ns) {
    TrackedTable(sets, packets, count).forget(now_ns, age_ns);
  }
};

TEST(TrackedTable, ForgetsWhatWasSeenLastLongAgo) {
  Table table;
  table.add(0, 0, 99);
  table.add(0, 6, 100);
  table.add(1, 3, 7);

  table.forget(130, 30);

  EXPECT_EQ(table.count, 1);
  EXPECT_EQ(table.sets[0].heads[0], 0U);
  EXPECT_NE(table.sets[0].heads[6], 0U);
  EXPECT_EQ(table.sets[1].heads[3], 0U);
  EXPECT_EQ(table.sets[0].writers, 0U);
  EXPECT_EQ(table.sets[1].writers, 0U);
}

TEST(TrackedTable, ForgetsNothingOfAMachineThatHasJustStarted) {
  Table table;
  table.add(0, 0, 8);
  table.forget(9, 30);
  EXPECT_EQ(table.count, 1);
}

TEST(TrackedTable, LeavesWhatTheKernelSideIsWriting) {
  Table table;
  table.add(0, 0, 1);
  table.sets[0].writers = 1;
  table.sets[1].heads[2] = TRACKED_CLAIMED;

  table.forget(130, 30);

  EXPECT_EQ(table.count, 1);
  EXPECT_NE(table.sets[0].heads[0], 0U);
  EXPECT_EQ(table.sets[0].writers, 1U);
  EXPECT_EQ(table.sets[1].heads[2], TRACKED_CLAIMED);
}

}  // namespace
}  // namespace tracepkt::kernel
