#include "ping/sent_table.h"

#include <gtest/gtest.h>

namespace tracepkt::ping {
namespace {

TEST(SentTable, FindsOnlyWhatWasSent) {
  SentTable table;
  EXPECT_EQ(table.find(0), nullptr);
  table.add(3, 100);
  ASSERT_NE(table.find(3), nullptr);
  EXPECT_EQ(table.find(3)->sent_ns, 100);
  EXPECT_EQ(table.find(2), nullptr);
  EXPECT_EQ(table.find(4), nullptr);
  EXPECT_EQ(table.find(0xffff), nullptr);
}

TEST(SentTable, GoesOnWhereTheSixteenBitsBeginAgain) {
  SentTable table;
  for (std::uint64_t seq = 1; seq <= 200'000; ++seq) {
    table.add(seq, static_cast<std::int64_t>(seq) * 10);
  }
  EXPECT_EQ(table.find(200'000 & 0xffff)->seq, 200'000u);
  EXPECT_EQ(table.find(200'001 & 0xffff)->seq, 200'001u - 65536);
  EXPECT_EQ(table.find(0)->seq, 3u * 65536);
}

TEST(SentTable, ANewRequestStartsUnanswered) {
  SentTable table;
  table.add(5, 1);
  table.find(5)->replied = true;
  table.add(5 + 65536, 2);
  EXPECT_FALSE(table.find(5)->replied);
}

}  // namespace
}  // namespace tracepkt::ping
