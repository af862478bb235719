#include "sinks/lanes.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "sinks/place.h"

namespace tracepkt::sinks {
namespace {

using journey::Hop;
using journey::Journey;

std::size_t number_of(std::vector<NetnsBox>& namespaces, const Hop& hop) {
  const std::string label = printable(hop.netns.label());
  const auto it = std::ranges::find_if(namespaces, [&](const NetnsBox& box) {
    return box.inode == hop.netns.inode && box.label == label;
  });
  if (it == namespaces.end()) {
    namespaces.push_back({.inode = hop.netns.inode, .label = label});
    return namespaces.size() - 1;
  }
  return static_cast<std::size_t>(it - namespaces.begin());
}

std::size_t number_of(std::vector<std::string>& interfaces, std::string&& name) {
  const auto it = std::ranges::find(interfaces, name);
  const auto number = static_cast<std::size_t>(it - interfaces.begin());
  if (it == interfaces.end()) {
    interfaces.push_back(std::move(name));
  }
  return number;
}

Way way_of(const Journey& journey, std::vector<NetnsBox>& namespaces) {
  Way way{.journey = &journey};
  const std::span<const Hop> hops = journey.hops;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    Station station{.hops = hops.subspan(i, 1), .at_interface = is_at_interface(hops[i])};
    station.row.netns = number_of(namespaces, hops[i]);
    if (station.at_interface) {
      station.row.line =
          2 * number_of(namespaces[station.row.netns].interfaces, device_label(hops[i])) + 1;
    }
    Station* last = way.stations.empty() ? nullptr : &way.stations.back();
    if (last != nullptr && last->at_interface && station.at_interface && last->row == station.row) {
      last->hops = hops.subspan(i - last->hops.size(), last->hops.size() + 1);
    } else {
      way.stations.push_back(station);
    }
  }
  return way;
}

// From here (step -1: back; 1: forth) to the first station in another namespace: is that above?
std::optional<bool> is_above(const std::vector<Station>& stations, std::size_t index, int step) {
  // Before the first comes the greatest number there is.
  for (std::size_t i = index + step; i < stations.size(); i += step) {
    if (stations[i].row.netns != stations[index].row.netns) {
      return stations[i].row.netns < stations[index].row.netns;
    }
  }
  return std::nullopt;
}

struct Lean {
  std::size_t slot = 0;  // counted from the interface that it leans on
  bool from_top = true;
};

// Gives the stations [begin, end), which stand one behind the other inside a namespace, their gap.
void place_run(std::vector<Station>& stations, std::size_t begin, std::size_t end, bool down,
               std::vector<Lean>& leans) {
  const auto same = [&](std::size_t i) -> const Station* {
    return i < stations.size() && stations[i].row.netns == stations[begin].row.netns ? &stations[i]
                                                                                     : nullptr;
  };
  const Station* before = same(begin - 1);
  const Station* after = same(end);
  bool goes_down = down;
  std::size_t gap = 0;
  if (before != nullptr) {
    if (after != nullptr && after->interface() != before->interface()) {
      goes_down = after->interface() > before->interface();
    } else {
      goes_down = is_above(stations, begin - 1, -1).value_or(down);
    }
    gap = before->interface() + (goes_down ? 1 : 0);
  } else if (after != nullptr) {
    goes_down = !is_above(stations, end, 1).value_or(!down);
    gap = after->interface() + (goes_down ? 0 : 1);
  }
  const bool leans_on_after = before == nullptr && after != nullptr;
  for (std::size_t i = begin; i < end; ++i) {
    stations[i].row.line = 2 * gap;
    leans[i] = {.slot = leans_on_after ? end - 1 - i : i - begin,
                .from_top = leans_on_after != goes_down};
  }
}

std::vector<Lean> place_inside(Way& way) {
  std::vector<Lean> leans(way.stations.size());
  const bool down = way.journey->direction != journey::Direction::kReply;
  for (std::size_t begin = 0; begin < way.stations.size();) {
    std::size_t end = begin;
    while (end < way.stations.size() && !way.stations[end].at_interface &&
           way.stations[end].row.netns == way.stations[begin].row.netns) {
      ++end;
    }
    if (end == begin) {
      ++begin;
      continue;
    }
    place_run(way.stations, begin, end, down, leans);
    begin = end;
  }
  return leans;
}

// The size of each gap, and of every station in one its slot counted from the top.
void count_slots(Lanes& lanes, const std::vector<std::vector<Lean>>& leans) {
  for (NetnsBox& box : lanes.namespaces) {
    box.gaps.assign(box.interfaces.size() + 1, 0);
  }
  const auto for_inside = [&](auto&& what) {
    for (std::size_t way = 0; way < lanes.ways.size(); ++way) {
      for (std::size_t i = 0; i < lanes.ways[way].stations.size(); ++i) {
        Station& station = lanes.ways[way].stations[i];
        if (!station.at_interface) {
          what(station, leans[way][i],
               lanes.namespaces[station.row.netns].gaps[station.row.line / 2]);
        }
      }
    }
  };
  for_inside(
      [](Station&, const Lean& lean, std::size_t& gap) { gap = std::max(gap, lean.slot + 1); });
  for_inside([](Station& station, const Lean& lean, const std::size_t& gap) {
    station.row.slot = lean.from_top ? lean.slot : gap - 1 - lean.slot;
  });
}

// No packet gets from inside one namespace into another without an interface, and none goes on
// after its end: there another copy of it is told of.
bool is_another_branch(const Station& before, const Station& station) {
  const stage_id last = before.hops.back().stage;
  return last == STAGE_deliver || last == STAGE_drop ||
         (!before.at_interface && before.row.netns != station.row.netns);
}

void assign_lanes(Lanes& lanes) {
  for (Way& way : lanes.ways) {
    std::size_t lane = lanes.count;
    std::strong_ordering direction = std::strong_ordering::equal;
    for (std::size_t i = 0; i < way.stations.size(); ++i) {
      Station& station = way.stations[i];
      if (i > 0) {
        const Station& before = way.stations[i - 1];
        const std::strong_ordering move = station.row <=> before.row;
        station.joined = !is_another_branch(before, station);
        if (!station.joined) {
          ++lane;
          direction = std::strong_ordering::equal;
        } else if (move != 0) {
          lane += direction != 0 && move != direction ? 1 : 0;
          direction = move;
        }
      }
      station.lane = lane;
    }
    lanes.count = lane + 1;
  }
}

}  // namespace

Lanes lay_out(std::span<const Journey> journeys) {
  Lanes lanes;
  std::vector<std::vector<Lean>> leans;
  for (const Journey& journey : journeys) {
    lanes.ways.push_back(way_of(journey, lanes.namespaces));
    leans.push_back(place_inside(lanes.ways.back()));
  }
  count_slots(lanes, leans);
  assign_lanes(lanes);
  return lanes;
}

}  // namespace tracepkt::sinks
