#include "cli/moment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>

namespace tracepkt::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// 2026-11-21 18:15:00 UTC
constexpr std::int64_t kThen = 1'795'284'900 * kSecond;

class MomentTest : public ::testing::Test {
 protected:
  MomentTest() {
    setenv("TZ", "XST-2", 1);  // two hours east of Greenwich
    tzset();
  }
  ~MomentTest() override {
    unsetenv("TZ");
    tzset();
  }

  // Of a capture that began ten minutes before.
  static std::int64_t at(const std::string& text) {
    const auto moment = parse_moment(text);
    EXPECT_TRUE(moment) << text;
    return moment ? resolve(*moment, kThen - 600 * kSecond) : 0;
  }
};

TEST_F(MomentTest, IsOnTheWallClock) {
  EXPECT_EQ(at("@1795284900"), kThen);
  EXPECT_EQ(at("@1795284900.25"), kThen + kSecond / 4);
  EXPECT_EQ(at("2026-11-21T18:15:00Z"), kThen);
  EXPECT_EQ(at("2026-11-21T19:45:00+01:30"), kThen);
  EXPECT_EQ(at("2026-11-21T13:15:00.000000001-0500"), kThen + 1);
  EXPECT_EQ(at("2026-11-21 20:15:00"), kThen);
  EXPECT_EQ(at("2026-11-21T20:15"), kThen);
  EXPECT_EQ(at("2026-11-21"), kThen - (20 * 60 + 15) * 60 * kSecond);
}

TEST_F(MomentTest, IsOnTheDayOfTheCapture) {
  EXPECT_EQ(at("20:15"), kThen);
  EXPECT_EQ(at("20:15:01.5"), kThen + 3 * kSecond / 2);
}

TEST_F(MomentTest, IsAfterTheBeginningOrBeforeNow) {
  EXPECT_EQ(at("+10m"), kThen);
  EXPECT_EQ(at("+600s"), kThen);
  EXPECT_EQ(at("+0.5s"), kThen - 600 * kSecond + kSecond / 2);
  EXPECT_EQ(at("+1d"), kThen + (86400 - 600) * kSecond);
  const std::int64_t hour_ago = (std::time(nullptr) - 3600) * kSecond;
  EXPECT_GE(at("-1h"), hour_ago);
  EXPECT_LE(at("-1h"), hour_ago + 10 * kSecond);
}

TEST_F(MomentTest, IsRefusedWhereItIsNone) {
  for (const char* text : {"",
                           "now",
                           "yesterday",
                           "+",
                           "-",
                           "+5",
                           "+5x",
                           "+5m ",
                           "-m",
                           "24:00",
                           "12:60",
                           "12:00:60",
                           "1:00",
                           "12:00:00.",
                           "12:00 x",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-11-32",
                           "26-11-21",
                           "2026-11-21T",
                           "2026-11-21T10",
                           "2026-11-21T10:00+1",
                           "2026-11-21T10:00:00Zx",
                           "9999-01-01",
                           "@",
                           "@-1",
                           "@99999999999",
                           "+99999999999d",
                           "+8000000000d",
                           "12:00:00.0000000000x"}) {
    const auto moment = parse_moment(text);
    EXPECT_FALSE(moment) << text;
  }
}

TEST_F(MomentTest, IsRefusedWhereThereIsNoSuchDayOrTime) {
  for (const char* text : {"2026-02-29", "2026-02-31", "2026-04-31 10:00", "2100-02-29T10:00:00Z",
                           "2026-11-31T10:00:00+01:00"}) {
    const auto moment = parse_moment(text);
    ASSERT_FALSE(moment) << text;
    EXPECT_NE(moment.error().what.find("there is no such day"), std::string::npos)
        << moment.error().what;
  }
  EXPECT_TRUE(parse_moment("2028-02-29"));
  EXPECT_TRUE(parse_moment("2000-02-29T10:00:00Z"));
  EXPECT_FALSE(parse_moment("2026-11-21T10:00:00+15:00"));
}

TEST_F(MomentTest, IsRefusedInTheHourThatSummerTimeLeavesOut) {
  setenv("TZ", "XST-1XDT,M3.5.0,M10.5.0/3", 1);
  tzset();
  const auto moment = parse_moment("2026-03-29 02:30:00");
  ASSERT_FALSE(moment);
  EXPECT_NE(moment.error().what.find("there is no such time"), std::string::npos)
      << moment.error().what;
  EXPECT_TRUE(parse_moment("2026-03-29 03:30:00"));
  EXPECT_TRUE(parse_moment("2026-10-25 02:30:00"));
  EXPECT_TRUE(parse_moment("2026-03-29T02:30:00Z"));
}

TEST_F(MomentTest, OfADamagedCaptureDoesNotOverflow) {
  const auto later = parse_moment("+1d");
  ASSERT_TRUE(later);
  EXPECT_EQ(resolve(*later, INT64_MAX - 1), INT64_MAX);
  const auto day = parse_moment("23:59:59.999999999");
  ASSERT_TRUE(day);
  EXPECT_LT(resolve(*day, INT64_MIN), 0);
}

}  // namespace
}  // namespace tracepkt::cli
