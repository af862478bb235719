#include "cli/moment.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

namespace tracepkt::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
// What 64 bits of nanoseconds hold, and a good deal less than that.
constexpr std::int64_t kMostSeconds = 8'000'000'000;
constexpr int kLastYear = 2200;

// Takes what is recognised off the front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool skip(char c) {
    if (!rest_.starts_with(c)) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  // `digits` of them; 0: as many as there are.
  std::optional<std::int64_t> number(std::size_t digits, std::int64_t most) {
    const std::string_view text = digits == 0 ? rest_ : rest_.substr(0, digits);
    std::int64_t value = 0;
    if (text.empty() || text.front() < '0' || text.front() > '9') {
      return std::nullopt;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto taken = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || value > most || (digits != 0 && taken != digits)) {
      return std::nullopt;
    }
    rest_.remove_prefix(taken);
    return value;
  }
  // ".25" -> ns; nothing written is 0.
  std::optional<std::int64_t> fraction() {
    if (!skip('.')) {
      return 0;
    }
    std::int64_t ns = 0;
    std::int64_t unit = kSecond;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; rest_.remove_prefix(1)) {
      unit /= 10;
      ns += (rest_.front() - '0') * unit;
    }
    return unit == kSecond ? std::nullopt : std::optional(ns);
  }

 private:
  std::string_view rest_;
};

std::int64_t now_ns() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// "18:15", "18:15:00.5" -> ns since midnight
std::optional<std::int64_t> scan_time(Scanner& text) {
  const auto hour = text.number(2, 23);
  if (!hour || !text.skip(':')) {
    return std::nullopt;
  }
  const auto minute = text.number(2, 59);
  if (!minute) {
    return std::nullopt;
  }
  std::int64_t ns = *hour * kHour + *minute * kMinute;
  if (text.skip(':')) {
    const auto second = text.number(2, 59);
    const auto fraction = second ? text.fraction() : std::nullopt;
    if (!fraction) {
      return std::nullopt;
    }
    ns += *second * kSecond + *fraction;
  }
  return ns;
}

// "Z", "+01:00", "-0500" -> ns east of Greenwich
std::optional<std::int64_t> scan_zone(Scanner& text) {
  if (text.skip('Z')) {
    return 0;
  }
  const bool east = text.skip('+');
  if (!east && !text.skip('-')) {
    return std::nullopt;
  }
  const auto hours = text.number(2, 14);  // nowhere is it more
  text.skip(':');
  const auto minutes = hours ? text.number(2, 59) : std::nullopt;
  if (!minutes) {
    return std::nullopt;
  }
  const std::int64_t ns = *hours * kHour + *minutes * kMinute;
  return east ? ns : -ns;
}

// A damaged capture may begin at any time.
std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  return __builtin_add_overflow(a, b, &result) ? INT64_MAX : result;
}

// The wall clock at so many ns after the beginning of that day, local time. `day` becomes what that
// is: something else where summer time leaves the hour out.
std::int64_t local_ns(std::tm& day, std::int64_t ns) {
  day.tm_hour = static_cast<int>(ns / kHour);
  day.tm_min = static_cast<int>(ns / kMinute % 60);
  day.tm_sec = static_cast<int>(ns / kSecond % 60);
  day.tm_isdst = -1;
  return sum(std::mktime(&day) * kSecond, ns % kSecond);
}

int days_in(int year, int month) {
  using std::chrono::month_day_last;
  const std::chrono::year_month_day_last last(
      std::chrono::year(year), month_day_last(std::chrono::month(static_cast<unsigned>(month))));
  return static_cast<int>(static_cast<unsigned>(last.day()));
}

// Looks like a moment, and is none: why not.
using Impossible = std::string;

std::optional<Moment> scan_date(Scanner text, Impossible& impossible) {
  const auto year = text.number(4, kLastYear);
  if (!year || !text.skip('-')) {
    return std::nullopt;
  }
  const auto month = text.number(2, 12);
  if (!month || !text.skip('-')) {
    return std::nullopt;
  }
  const auto day = text.number(2, 31);
  if (!day || *year < 1970 || *month == 0 || *day == 0) {
    return std::nullopt;
  }
  std::tm date = {};
  date.tm_year = static_cast<int>(*year - 1900);
  date.tm_mon = static_cast<int>(*month - 1);
  date.tm_mday = static_cast<int>(*day);
  if (const int days = days_in(static_cast<int>(*year), static_cast<int>(*month)); *day > days) {
    impossible = fmt::format("there is no such day: {}-{:02} has {}", *year, *month, days);
    return std::nullopt;
  }
  std::int64_t ns = 0;
  if (text.skip('T') || text.skip(' ')) {
    const auto time = scan_time(text);
    if (!time) {
      return std::nullopt;
    }
    ns = *time;
    if (!text.at_end()) {
      const auto zone = scan_zone(text);
      if (!zone || !text.at_end()) {
        return std::nullopt;
      }
      return Moment{.ns = timegm(&date) * kSecond + ns - *zone};
    }
  }
  if (!text.at_end()) {
    return std::nullopt;
  }
  const std::int64_t wall_ns = local_ns(date, ns);
  if (date.tm_hour != ns / kHour) {
    impossible = "there is no such time: summer time begins then";
    return std::nullopt;
  }
  return Moment{.ns = wall_ns};
}

// "90s", "5m", "2h", "1d", "0.5s"
std::optional<std::int64_t> scan_duration(Scanner text) {
  const auto number = text.number(0, kMostSeconds);
  const auto fraction = number ? text.fraction() : std::nullopt;
  if (!fraction) {
    return std::nullopt;
  }
  const std::int64_t unit = text.skip('s')   ? kSecond
                            : text.skip('m') ? kMinute
                            : text.skip('h') ? kHour
                            : text.skip('d') ? kDay
                                             : 0;
  if (unit == 0 || !text.at_end() || *number > kMostSeconds / (unit / kSecond)) {
    return std::nullopt;
  }
  return *number * unit + *fraction * (unit / kSecond);
}

std::optional<Moment> scan_moment(std::string_view text, Impossible& impossible) {
  Scanner scanner(text);
  if (scanner.skip('@')) {
    const auto seconds = scanner.number(0, kMostSeconds);
    const auto fraction = seconds ? scanner.fraction() : std::nullopt;
    return fraction && scanner.at_end()
               ? std::optional(Moment{.ns = *seconds * kSecond + *fraction})
               : std::nullopt;
  }
  const bool after = scanner.skip('+');
  if (after || scanner.skip('-')) {
    const auto duration = scan_duration(scanner);
    if (!duration) {
      return std::nullopt;
    }
    return after ? Moment{.ns = *duration, .of = Moment::Of::kBeginning}
                 : Moment{.ns = now_ns() - *duration};
  }
  if (const auto time = scan_time(scanner); time && scanner.at_end()) {
    return Moment{.ns = *time, .of = Moment::Of::kDay};
  }
  return scan_date(Scanner(text), impossible);
}

}  // namespace

Result<Moment> parse_moment(std::string_view text) {
  Impossible impossible;
  if (const auto moment = scan_moment(text, impossible)) {
    return *moment;
  }
  if (!impossible.empty()) {
    return failure(std::move(impossible));
  }
  return failure(
      "give a time such as 18:15:00, '2026-11-21 18:15:00', 2026-11-21T18:15:00Z, @1795284900, "
      "+90s (from the capture's beginning) or -5m (before now)");
}

std::int64_t resolve(const Moment& moment, std::int64_t begin_ns) {
  switch (moment.of) {
    case Moment::Of::kBeginning:
      return sum(begin_ns, moment.ns);
    case Moment::Of::kDay: {
      const auto seconds = static_cast<std::time_t>(begin_ns / kSecond);
      std::tm day = {};
      localtime_r(&seconds, &day);
      return local_ns(day, moment.ns);
    }
    case Moment::Of::kWallClock:
      break;
  }
  return moment.ns;
}

}  // namespace tracepkt::cli
