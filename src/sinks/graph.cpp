#include "sinks/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "base/text.h"
#include "sinks/lanes.h"
#include "sinks/picture_words.h"

namespace tracepkt::sinks {
namespace {

constexpr std::size_t kWidth = 40;
constexpr std::size_t kNoteWidth = 90;

// The first line of a hop has the time, which goes to the edge.
std::vector<std::string> texts_of(const std::vector<Line>& lines) {
  std::vector<std::string> texts;
  for (const Line& line : lines) {
    texts.push_back(line.text);
  }
  return texts;
}

}  // namespace

Graph graph_of(std::span<const journey::Journey> journeys) {
  const Lanes lanes = lay_out(journeys);
  Graph graph;
  for (const NetnsBox& box : lanes.namespaces) {
    graph.namespaces.push_back(box.label);
  }
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> interfaces;
  std::size_t number = 0;
  for (const Way& way : lanes.ways) {
    graph.titles.push_back(title_of(*way.journey));
    for (const std::string& note : notes_of(*way.journey)) {
      std::ranges::move(wrapped(note, kNoteWidth), std::back_inserter(graph.notes));
    }
    std::size_t before = 0;
    for (const Station& station : way.stations) {
      const std::vector<Line> lines = lines_of(way, station, kWidth);
      const bool last = is_last(way, station);
      std::size_t node = graph.nodes.size();
      std::string said;
      if (station.at_interface) {
        const auto [it, is_new] =
            interfaces.try_emplace({station.row.netns, station.row.line}, node);
        node = it->second;
        if (is_new) {
          const NetnsBox& box = lanes.namespaces[station.row.netns];
          graph.nodes.push_back({.netns = station.row.netns,
                                 .kind = "interface",
                                 .lines = {box.interfaces[station.interface()]}});
        }
        said = lines.front().text;
        if (last) {  // an end is a node of its own
          graph.nodes.push_back({.netns = station.row.netns,
                                 .kind = std::string(end_kind(*way.journey)),
                                 .lines = {lines.size() > 1 ? lines.back().text : "end"}});
        }
      } else {
        graph.nodes.push_back({.netns = station.row.netns,
                               .kind = last ? std::string(end_kind(*way.journey)) : "inside",
                               .lines = texts_of(lines)});
      }
      const bool back = way.journey->direction == journey::Direction::kReply;
      if (station.joined) {
        graph.edges.push_back({.from = before,
                               .to = node,
                               .text = fmt::format("{}{}{} {}", ++number, said.empty() ? "" : ": ",
                                                   said, lines.front().time),
                               .back = back});
      }
      if (station.at_interface && last) {
        graph.edges.push_back({.from = node, .to = graph.nodes.size() - 1, .back = back});
      }
      before = node;
    }
  }
  return graph;
}

}  // namespace tracepkt::sinks
