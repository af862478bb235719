#include "ping/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tracepkt::ping {

void Statistics::add_reply(std::int64_t rtt_ns) {
  ++received_;
  add_rtt(rtt_ns);
}

void Statistics::add_duplicate(std::int64_t rtt_ns) {
  ++duplicates_;
  add_rtt(rtt_ns);
}

void Statistics::add_rtt(std::int64_t rtt_ns) {
  const std::uint64_t count = received_ + duplicates_;
  min_ns_ = count == 1 ? rtt_ns : std::min(min_ns_, rtt_ns);
  max_ns_ = count == 1 ? rtt_ns : std::max(max_ns_, rtt_ns);
  const double value = static_cast<double>(rtt_ns);
  const double step = value - mean_ns_;
  mean_ns_ += step / static_cast<double>(count);
  squares_ += step * (value - mean_ns_);
}

double Statistics::rtt_mdev_ns() const {
  const std::uint64_t count = received_ + duplicates_;
  return count == 0 ? 0 : std::sqrt(squares_ / static_cast<double>(count));
}

double Statistics::loss_percent() const {
  if (sent_ == 0) {
    return 0;
  }
  const std::uint64_t lost = sent_ - std::min(sent_, received_);
  return static_cast<double>(lost) * 100.0 / static_cast<double>(sent_);
}

std::string Statistics::packets_line(std::chrono::milliseconds elapsed) const {
  std::string line = fmt::format("{} packets transmitted, {} received", sent_, received_);
  if (duplicates_ != 0) {
    line += fmt::format(", +{} duplicates", duplicates_);
  }
  if (corrupted_ != 0) {
    line += fmt::format(", +{} corrupted", corrupted_);
  }
  if (errors_ != 0) {
    line += fmt::format(", +{} errors", errors_);
  }
  if (sent_ != 0) {
    line += fmt::format(", {:g}% packet loss, time {}ms", loss_percent(), elapsed.count());
  }
  return line;
}

std::string Statistics::rtt_line() const {
  if (received_ + duplicates_ == 0) {
    return {};
  }
  const auto ms = [](auto ns) { return static_cast<double>(ns) / 1e6; };
  return fmt::format("rtt min/avg/max/mdev = {:.3f}/{:.3f}/{:.3f}/{:.3f} ms", ms(min_ns_),
                     ms(mean_ns_), ms(max_ns_), ms(rtt_mdev_ns()));
}

int Statistics::exit_status(std::uint64_t wanted) const {
  return received_ == 0 || received_ < wanted ? 1 : 0;
}

}  // namespace tracepkt::ping
