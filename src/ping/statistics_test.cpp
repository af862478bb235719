#include "ping/statistics.h"

#include <gtest/gtest.h>

namespace tracepkt::ping {
namespace {

using std::chrono::milliseconds;

void send(Statistics& statistics, int count) {
  for (int i = 0; i < count; ++i) {
    statistics.add_sent();
  }
}

TEST(Statistics, SumUpAsPingDoes) {
  Statistics all;
  send(all, 3);
  all.add_reply(1'000'000);
  all.add_reply(2'000'000);
  all.add_reply(3'000'000);
  EXPECT_EQ(all.packets_line(milliseconds(2003)),
            "3 packets transmitted, 3 received, 0% packet loss, time 2003ms");
  EXPECT_EQ(all.rtt_line(), "rtt min/avg/max/mdev = 1.000/2.000/3.000/0.816 ms");
  EXPECT_EQ(all.rtt_min_ns(), 1'000'000);
  EXPECT_EQ(all.rtt_max_ns(), 3'000'000);
  EXPECT_DOUBLE_EQ(all.rtt_avg_ns(), 2'000'000);
  EXPECT_EQ(all.exit_status(), 0);
}

TEST(Statistics, WritePercentagesAsPingDoes) {
  Statistics some;
  send(some, 3);
  some.add_reply(31'000);
  some.add_reply(52'000);
  some.add_error();
  EXPECT_EQ(some.packets_line(milliseconds(9)),
            "3 packets transmitted, 2 received, +1 errors, 33.3333% packet loss, time 9ms");
  some = {};
  send(some, 7);
  some.add_reply(1);
  EXPECT_EQ(some.packets_line(milliseconds(0)),
            "7 packets transmitted, 1 received, 85.7143% packet loss, time 0ms");
  some = {};
  send(some, 2);
  some.add_reply(1);
  EXPECT_EQ(some.packets_line(milliseconds(0)),
            "2 packets transmitted, 1 received, 50% packet loss, time 0ms");
}

TEST(Statistics, NoAnswerIsALoss) {
  Statistics none;
  EXPECT_EQ(none.packets_line(milliseconds(0)), "0 packets transmitted, 0 received");
  EXPECT_EQ(none.rtt_line(), "");
  EXPECT_EQ(none.exit_status(), 1);
  send(none, 1);
  EXPECT_EQ(none.packets_line(milliseconds(0)),
            "1 packets transmitted, 0 received, 100% packet loss, time 0ms");
  EXPECT_EQ(none.exit_status(), 1);
}

TEST(Statistics, DuplicatesCountTheirTimeButAreNoReply) {
  Statistics some;
  send(some, 1);
  some.add_reply(1'000'000);
  some.add_duplicate(3'000'000);
  some.add_corrupted();
  EXPECT_EQ(some.packets_line(milliseconds(1)),
            "1 packets transmitted, 1 received, +1 duplicates, +1 corrupted, 0% packet loss, "
            "time 1ms");
  EXPECT_EQ(some.rtt_line(), "rtt min/avg/max/mdev = 1.000/2.000/3.000/1.000 ms");
}

TEST(Statistics, ExitStatusLooksAtTheCountThatWasWanted) {
  Statistics some;
  send(some, 3);
  some.add_reply(1);
  some.add_reply(1);
  EXPECT_EQ(some.exit_status(), 0);
  EXPECT_EQ(some.exit_status(2), 0);
  EXPECT_EQ(some.exit_status(3), 1);
}

TEST(Statistics, KeepSmallDeviationsOfLongTimes) {
  Statistics some;
  const std::int64_t hour_ns = 3'600'000'000'000;
  some.add_reply(hour_ns - 2000);
  some.add_reply(hour_ns + 2000);
  EXPECT_NEAR(some.rtt_mdev_ns(), 2000, 1e-3);
}

}  // namespace
}  // namespace tracepkt::ping
