// The layout of pictures is written twice, here in C++ and for the report's page in JavaScript
// (page/lanes.js). One set of journeys, lanes.golden.json, says what both must make of them: this
// test holds the one to it, tests/browser/lanes.py the other. With TRACEPKT_UPDATE in the
// environment the layouts in there are written anew.
#include "sinks/lanes.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sinks/place.h"
#include "sinks/testing.h"

namespace tracepkt::sinks {
namespace {

using nlohmann::ordered_json;

stage_id stage_of(const std::string& name) {
  for (int id = 1; id < 256; ++id) {
    if (decode::stage_name(static_cast<stage_id>(id)) == name) {
      return static_cast<stage_id>(id);
    }
  }
  ADD_FAILURE() << "no stage " << name;
  return STAGE_tx;
}

journey::Direction direction_of(const std::string& name) {
  return name == "reply"     ? journey::Direction::kReply
         : name == "request" ? journey::Direction::kRequest
                             : journey::Direction::kOriginal;
}

journey::Journey journey_of(const ordered_json& said) {
  journey::Journey journey{.direction = direction_of(said.at("direction"))};
  for (const ordered_json& one : said.at("hops")) {
    const std::string device = one.at("dev").is_null() ? "" : one.at("dev");
    journey.hops.push_back(
        testing::hop(journey.hops.size(), one.at("ns"), device, stage_of(one.at("stage"))));
    journey.hops.back().netns.inode = one.at("inode");
    // What the page is told is what is known here.
    EXPECT_EQ(one.at("at"), is_at_interface(journey.hops.back()) ? "interface" : "inside") << one;
  }
  return journey;
}

// "~1.2.0/3": not joined to the station before; namespace 1, line 2, slot 0 of the gap; lane 3.
std::string place_of(const Station& station) {
  return (station.joined ? "" : "~") + std::to_string(station.row.netns) + '.' +
         std::to_string(station.row.line) +
         (station.at_interface ? "" : '.' + std::to_string(station.row.slot)) + '/' +
         std::to_string(station.lane);
}

ordered_json layout_of(const std::vector<journey::Journey>& journeys) {
  const Lanes lanes = lay_out(journeys);
  ordered_json layout = {{"namespaces", ordered_json::array()},
                         {"ways", ordered_json::array()},
                         {"lanes", lanes.count}};
  for (const NetnsBox& box : lanes.namespaces) {
    layout["namespaces"].push_back({box.label, box.interfaces, box.gaps});
  }
  for (const Way& way : lanes.ways) {
    std::string places;
    for (const Station& station : way.stations) {
      places += (places.empty() ? "" : " ") + place_of(station);
    }
    layout["ways"].push_back(places);
  }
  return layout;
}

TEST(Lanes, AreAsInTheReportsPage) {
  std::ifstream file(TRACEPKT_LANES_GOLDEN);
  ordered_json cases = ordered_json::parse(file);
  ASSERT_GE(cases.size(), 50u);
  std::string updated;
  for (ordered_json& one : cases) {
    std::vector<journey::Journey> journeys;
    for (const ordered_json& said : one.at("journeys")) {
      journeys.push_back(journey_of(said));
    }
    const ordered_json layout = layout_of(journeys);
    if (std::getenv("TRACEPKT_UPDATE") == nullptr) {
      EXPECT_EQ(layout.dump(), one.at("layout").dump()) << one.at("name");
    }
    one["layout"] = layout;
    updated += (updated.empty() ? "[\n" : ",\n") + one.dump();
  }
  if (std::getenv("TRACEPKT_UPDATE") != nullptr) {
    std::ofstream(TRACEPKT_LANES_GOLDEN) << updated << "\n]\n";
  }
}

}  // namespace
}  // namespace tracepkt::sinks
