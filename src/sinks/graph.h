// The picture as nodes and edges, for languages whose program places them: an interface is one
// node however often it is crossed, everything else a node each time.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "journey/journey.h"

namespace tracepkt::sinks {

struct Graph {
  struct Node {
    std::size_t netns = 0;
    std::string kind;                // "interface", "inside", or of an end: "dropped", ...
    std::vector<std::string> lines;  // to show
  };
  struct Edge {
    std::size_t from = 0;
    std::size_t to = 0;
    std::string text;  // its number, and the time that it took
    bool back = false;
  };
  std::vector<std::string> namespaces;  // to show
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  std::vector<std::string> titles;  // of the journeys
  std::vector<std::string> notes;
};

Graph graph_of(std::span<const journey::Journey> journeys);

}  // namespace tracepkt::sinks
