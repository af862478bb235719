// A graph in the language of Graphviz.
#include <fmt/format.h>

#include <string>

#include "base/text.h"
#include "sinks/graph.h"
#include "sinks/picture.h"

namespace tracepkt::sinks {
namespace {

std::string_view style_of(const std::string& kind) {
  if (kind == "interface") {
    return "shape=box style=\"filled,bold\" fillcolor=white";
  }
  if (kind == "inside") {
    return "shape=box style=\"filled,rounded\" fillcolor=\"#f4f6f9\"";
  }
  if (kind == "dropped") {
    return "shape=octagon style=filled fillcolor=\"#c01f2a\" fontcolor=white";
  }
  if (kind == "delivered") {
    return "shape=ellipse style=filled fillcolor=\"#1a7a36\" fontcolor=white";
  }
  return "shape=ellipse style=filled fillcolor=\"#566175\" fontcolor=white";
}

std::string text_of(const std::vector<std::string>& lines, std::string_view separator) {
  std::string text;
  for (const std::string& line : lines) {
    text += (text.empty() ? "" : std::string(separator)) + dot_text(line);
  }
  return text;
}

}  // namespace

// Of a string in quotes: Graphviz knows escapes (\N is the node's name) and entities (&lt;).
std::string dot_text(std::string_view raw) {
  std::string out;
  for (const char c : printable(raw)) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c == '&' ? "&amp;" : std::string(1, c);
  }
  return out;
}

std::string dot_picture(std::span<const journey::Journey> journeys) {
  const Graph graph = graph_of(journeys);
  std::string out = "digraph tracepkt {\n";
  out += fmt::format("  label=\"{}\\l{}{}\"\n", text_of(graph.titles, "\\l"),
                     text_of(graph.notes, "\\l"), graph.notes.empty() ? "" : "\\l");
  out += "  labeljust=l\n  fontname=sans\n  node [fontname=sans fontsize=11]\n";
  out += "  edge [fontname=sans fontsize=10]\n";
  for (std::size_t netns = 0; netns < graph.namespaces.size(); ++netns) {
    out += fmt::format("  subgraph cluster{} {{\n    label=\"{}\"\n    bgcolor=\"#eef1f5\"\n",
                       netns, dot_text(graph.namespaces[netns]));
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (graph.nodes[i].netns == netns) {
        out += fmt::format("    n{} [label=\"{}\" {}]\n", i, text_of(graph.nodes[i].lines, "\\n"),
                           style_of(graph.nodes[i].kind));
      }
    }
    out += "  }\n";
  }
  for (const Graph::Edge& edge : graph.edges) {
    out += fmt::format("  n{} -> n{} [label=\"{}\" color=\"{}\"{}]\n", edge.from, edge.to,
                       dot_text(edge.text), edge.back ? "#8434b8" : "#1d5fc2",
                       edge.back ? " style=dashed" : "");
  }
  return out + "}\n";
}

}  // namespace tracepkt::sinks
