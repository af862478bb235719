// Statistics counts what a ping sent and heard, and sums it up in the words ping users know.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tracepkt::ping {

class Statistics {
 public:
  // For every echo request, also one that the kernel refused to send: it counts as lost.
  void add_sent() { ++sent_; }
  void add_reply(std::int64_t rtt_ns);
  // A second reply to the same request. Its round trip counts, it is no reply received.
  void add_duplicate(std::int64_t rtt_ns);
  void add_error() { ++errors_; }
  void add_corrupted() { ++corrupted_; }

  std::uint64_t sent() const { return sent_; }
  std::uint64_t received() const { return received_; }
  std::uint64_t duplicates() const { return duplicates_; }
  std::uint64_t errors() const { return errors_; }
  std::uint64_t corrupted() const { return corrupted_; }
  double loss_percent() const;  // 0 where nothing was sent

  // All 0 until a reply came. mdev is the standard deviation.
  std::int64_t rtt_min_ns() const { return min_ns_; }
  std::int64_t rtt_max_ns() const { return max_ns_; }
  double rtt_avg_ns() const { return mean_ns_; }
  double rtt_mdev_ns() const;

  // "3 packets transmitted, 2 received, +1 errors, 33.3333% packet loss, time 2003ms"
  std::string packets_line(std::chrono::milliseconds elapsed) const;
  // "rtt min/avg/max/mdev = 0.031/0.040/0.052/0.009 ms"; empty where no reply came.
  std::string rtt_line() const;

  // ping's: 0 if a reply came, else 1. `wanted`: with a count and a deadline, the count; fewer
  // replies than that are 1 as well.
  int exit_status(std::uint64_t wanted = 0) const;

 private:
  void add_rtt(std::int64_t rtt_ns);

  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t corrupted_ = 0;
  std::int64_t min_ns_ = 0;
  std::int64_t max_ns_ = 0;
  // Welford's running mean and sum of squared deviations: no overflow, no cancellation.
  double mean_ns_ = 0;
  double squares_ = 0;
};

}  // namespace tracepkt::ping
