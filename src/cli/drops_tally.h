// What `tracepkt drops` counts and shows, live and from a file the same.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "decode/event.h"
#include "journey/drop_groups.h"
#include "sinks/drops_view.h"
#include "sinks/sink.h"

namespace tracepkt::cli {

class DropsTally {
 public:
  // Times are CLOCK_MONOTONIC. `names` must outlive it. It ends after `count` drops.
  DropsTally(const DropsOptions& options, std::optional<std::uint64_t> count, journey::Names& names,
             journey::DropGroups::OwnerOf owner_of, std::unique_ptr<sinks::DropsView> view);

  void begin(std::uint64_t now_ns) { begin_ns_ = interval_ns_ = now_ns; }
  void add(const decode::Event& event);
  bool wants_more() const { return !count_ || drops_ < *count_; }
  std::uint64_t interval_ns() const { return interval_ns_; }  // when this one began
  void show_interval(std::uint64_t now_ns);
  void end(std::uint64_t now_ns, const sinks::Summary& summary);

 private:
  bool is_shown(const journey::DropGroup& group) const;
  sinks::DropsReport report(std::uint64_t now_ns);

  const DropsOptions& options_;
  std::optional<std::uint64_t> count_;
  journey::DropGroups groups_;
  std::unique_ptr<sinks::DropsView> view_;
  std::vector<const journey::DropGroup*> shown_;
  std::uint64_t drops_ = 0;  // of those that are shown
  std::uint64_t begin_ns_ = 0;
  std::uint64_t interval_ns_ = 0;
  std::uint64_t drops_before_ = 0;  // when this interval began
};

// Where nobody says otherwise, seconds from one line of a kind to the next.
constexpr double kDropsIntervalS = 1;

// tracepkt drops -r
Status replay_drops(const DropsOptions& options);

}  // namespace tracepkt::cli
