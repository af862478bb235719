// A graph in Mermaid's language.
#include <fmt/format.h>

#include <string>

#include "base/text.h"
#include "sinks/graph.h"
#include "sinks/picture.h"

namespace tracepkt::sinks {
namespace {

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += (text.empty() ? "" : "<br>") + mermaid_text(line);
  }
  return text;
}

}  // namespace

// Quotes, entities, markdown, directives (%%{...}%%): whatever Mermaid reads a meaning into is
// written by its number. Letters stay, also those of other scripts.
std::string mermaid_text(std::string_view raw) {
  std::string out;
  for (const char c : printable(raw)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || std::string_view(" .,:/()+-_'").contains(c);
    out += is_plain ? std::string(1, c) : fmt::format("#{};", byte);
  }
  return out;
}

std::string mermaid_picture(std::span<const journey::Journey> journeys) {
  const Graph graph = graph_of(journeys);
  std::string out = "flowchart TB\n";
  for (std::size_t netns = 0; netns < graph.namespaces.size(); ++netns) {
    out += fmt::format("  subgraph ns{}[\"{}\"]\n", netns, mermaid_text(graph.namespaces[netns]));
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Graph::Node& node = graph.nodes[i];
      if (node.netns != netns) {
        continue;
      }
      const std::string text = text_of(node.lines);
      const std::string shape = node.kind == "interface" ? fmt::format("[\"{}\"]", text)
                                : node.kind == "inside"  ? fmt::format("([\"{}\"])", text)
                                : node.kind == "dropped" ? fmt::format("{{{{\"{}\"}}}}", text)
                                                         : fmt::format("((\"{}\"))", text);
      out += fmt::format("    n{}{}:::{}\n", i, shape, node.kind);
    }
    out += "  end\n";
  }
  for (const Graph::Edge& edge : graph.edges) {
    const std::string_view arrow = edge.back ? "-.->" : "-->";
    const std::string text =
        edge.text.empty() ? "" : fmt::format("|\"{}\"|", mermaid_text(edge.text));
    out += fmt::format("  n{} {}{} n{}\n", edge.from, arrow, text, edge.to);
  }
  return out +
         "  classDef interface stroke-width:2px\n"
         "  classDef inside stroke-dasharray:4\n"
         "  classDef dropped fill:#c01f2a,color:#fff,stroke:#7c0d15\n"
         "  classDef delivered fill:#1a7a36,color:#fff,stroke:#0d4d20\n"
         "  classDef lost fill:#8a5a00,color:#fff\n"
         "  classDef left fill:#1d5fc2,color:#fff\n"
         "  classDef consumed fill:#566175,color:#fff\n"
         "  classDef freed fill:#566175,color:#fff\n";
}

}  // namespace tracepkt::sinks
