// Of what a capture file holds, what is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "cli/options.h"
#include "decode/event.h"
#include "filter/filter.h"
#include "journey/journey.h"
#include "sinks/sink.h"

namespace tracepkt::cli {

class Choice {
 public:
  // `options` must outlive it.
  Choice(const ReadOptions& options, std::optional<journey::OutcomeKind> outcome,
         std::optional<filter::Filter> filter)
      : options_(options), outcome_(outcome), filter_(std::move(filter)) {}

  // By this clock the events tell their time; the first event begins the capture.
  void set_clock(const sinks::Clock& clock) { clock_ = clock; }

  // Every event, with its record, goes by here.
  void see(const decode::Event& event, std::span<const std::byte> record);

  // False: everything is asked for.
  bool chooses() const {
    return filter_ || outcome_ || !options_.netns.empty() || !options_.device.empty() ||
           options_.since || options_.until;
  }

  bool wants(const journey::Journey& journey);
  // The same of an event alone.
  bool wants(const decode::Event& event, std::span<const std::byte> record,
             const journey::Netns& netns) const;

 private:
  bool passes_filter(std::uint64_t packet_id);
  bool is_in_time(std::uint64_t monotonic_ns) const;
  bool is_place(const journey::Netns& netns, const decode::Device& device) const;

  // The filter is asked about a journey's first packet, whose bytes the journey does not have: they
  // are kept here until it ends. Of packets that became part of another's journey, nobody says when
  // they are not needed any more: the oldest go first.
  static constexpr std::size_t kMaxKept = 65536;

  const ReadOptions& options_;
  std::optional<journey::OutcomeKind> outcome_;
  std::optional<filter::Filter> filter_;
  sinks::Clock clock_;
  bool has_begun_ = false;
  std::int64_t since_ns_ = INT64_MIN;  // wall clock
  std::int64_t until_ns_ = INT64_MAX;
  std::unordered_map<std::uint64_t, std::vector<std::byte>> records_;  // by packet
  std::deque<std::uint64_t> order_;
};

}  // namespace tracepkt::cli
