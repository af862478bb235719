// Where everything stands in the picture of some journeys, as numbers of rows and lanes; no
// pixels yet. The same in a report's page is page/lanes.js; lanes.golden.json holds both together.
//
// Namespaces are boxes, one below the other; in each its interfaces are rows, and what happens in
// there before, between and behind them stands in the gaps. A way runs through the rows in a lane:
// downwards, or, coming back, upwards. Where it turns round it goes on in the next lane.
#pragma once

#include <compare>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "journey/journey.h"

namespace tracepkt::sinks {

struct Row {
  std::size_t netns = 0;
  std::size_t line = 0;  // 2n + 1: interface n; 2n: the gap before it
  std::size_t slot = 0;  // in a gap, from its top

  auto operator<=>(const Row&) const = default;
};

// Hops that stand at the same place: one after the other on one interface, or one inside.
struct Station {
  std::span<const journey::Hop> hops;
  bool at_interface = false;
  Row row;
  std::size_t lane = 0;
  bool joined = false;  // to the station before it in its way

  std::size_t interface() const { return row.line / 2; }
};

struct Way {
  const journey::Journey* journey = nullptr;
  std::vector<Station> stations;
};

struct NetnsBox {
  std::uint32_t inode = 0;
  std::string label;                    // to show
  std::vector<std::string> interfaces;  // to show
  std::vector<std::size_t> gaps;        // the slots before, between and behind them
};

struct Lanes {
  std::vector<NetnsBox> namespaces;  // in order of first sight
  std::vector<Way> ways;
  std::size_t count = 0;
};

// `journeys`, in order of time, must outlive what comes back.
Lanes lay_out(std::span<const journey::Journey> journeys);

}  // namespace tracepkt::sinks
