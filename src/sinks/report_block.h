// Some journeys as they are in a report: JSON in which what many of them share is written once.
// docs/report.md describes it; page/data.js reads it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "journey/journey.h"

namespace tracepkt::sinks {

// JSON in the form in which it may stand in a script element: nothing in it ends one.
std::string embedded_json(std::string_view json);

class ReportBlock {
 public:
  // Times are told from `base_ns` on (CLOCK_MONOTONIC).
  explicit ReportBlock(std::uint64_t base_ns) : base_ns_(base_ns) {}

  void add(const journey::Journey& journey);

  std::size_t journeys() const { return count_; }
  // What it takes, about.
  std::size_t bytes() const;

  // What the list of journeys needs, and the rest.
  std::string index() const;
  std::string details() const;

 private:
  // Values that are written once, by their number.
  class Shared {
   public:
    std::size_t number(const std::string& json);
    std::string array() const { return '[' + all_ + ']'; }
    std::size_t bytes() const { return 2 * all_.size(); }

   private:
    std::unordered_map<std::string, std::size_t> numbers_;
    std::string all_;
  };

  std::uint64_t base_ns_;
  std::size_t count_ = 0;
  Shared texts_;
  Shared ways_;
  Shared hops_;
  Shared packets_;
  Shared outcomes_;
  std::string index_;
  std::string details_;
};

}  // namespace tracepkt::sinks
