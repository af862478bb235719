// The lanes of lanes.h in pixels: an SVG file of its own.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "sinks/embedded.h"
#include "sinks/lanes.h"
#include "sinks/picture.h"
#include "sinks/picture_style.h"
#include "sinks/picture_words.h"

namespace tracepkt::sinks {
namespace {

constexpr int kTextWidth = 7;  // of a character; a little more than it takes
constexpr int kLineHeight = 15;
constexpr int kHeadWidth = 8;
constexpr int kHeadHeight = 18;
constexpr int kBoxHead = 30;
constexpr int kBoxGap = 26;
constexpr int kEdge = 8;
constexpr int kLeft = 146;  // where the lanes begin, right of the interfaces' names
constexpr int kLongestName = 15;
constexpr int kLongestNetns = 60;

std::string_view class_of(const Way& way) {
  return way.journey->direction == journey::Direction::kReply ? "back" : "there";
}

struct Placed {
  const Station* station = nullptr;
  std::vector<Line> lines;
  int x = 0;
  int y = 0;  // of its row's top
  int middle() const { return y + 12; }
};

class Drawing {
 public:
  explicit Drawing(std::span<const journey::Journey> journeys);
  std::string text();

 private:
  int tall(const Row& row) const;
  void place_rows();
  void draw_box(std::size_t number);
  void draw_way(std::size_t number);
  void draw_edge(const Placed& from, const Placed& to);
  void draw_node(const Way& way, const Placed& placed);
  void draw_label(const Way& way, const Placed& placed);
  void draw_notes();
  template <typename... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...);
  }

  Lanes lanes_;
  std::vector<std::vector<Placed>> placed_;  // by way
  struct Box {
    int y = 0;
    int height = 0;
    std::vector<std::pair<int, int>> interfaces;  // y, height
  };
  std::vector<Box> boxes_;
  std::vector<std::pair<std::string, std::string_view>> head_;  // lines, and whose they are
  int top_ = 0;                                                 // below them
  int lane_width_ = 0;
  int width_ = 0;
  int height_ = 0;
  std::string out_;
};

Drawing::Drawing(std::span<const journey::Journey> journeys) : lanes_(lay_out(journeys)) {
  const auto count = static_cast<int>(std::max<std::size_t>(lanes_.count, 1));
  lane_width_ = count == 1 ? 440 : 280;
  width_ = kLeft + lane_width_ * count + 2 * kEdge;
  for (const Way& way : lanes_.ways) {
    std::vector<Placed>& placed = placed_.emplace_back();
    for (const Station& station : way.stations) {
      placed.push_back({.station = &station,
                        .lines = lines_of(way, station, (lane_width_ - 44) / kTextWidth),
                        .x = kLeft + static_cast<int>(station.lane) * lane_width_ + 18});
    }
  }
  for (const Way& way : lanes_.ways) {
    for (std::string& line : wrapped(title_of(*way.journey), (width_ - 20) / kHeadWidth)) {
      head_.emplace_back(std::move(line), class_of(way));
    }
  }
  top_ = static_cast<int>(head_.size()) * kHeadHeight + 8;
  place_rows();
}

int Drawing::tall(const Row& row) const {
  std::size_t most = 1;
  for (const std::vector<Placed>& way : placed_) {
    for (const Placed& placed : way) {
      if (placed.station->row == row) {
        most = std::max(most, placed.lines.size());
      }
    }
  }
  return static_cast<int>(most) * kLineHeight + 12;
}

void Drawing::place_rows() {
  const auto set_y = [this](const Row& row, int y) {
    for (std::vector<Placed>& way : placed_) {
      for (Placed& placed : way) {
        if (placed.station->row == row) {
          placed.y = y;
        }
      }
    }
  };
  int y = top_ + 30;
  for (std::size_t number = 0; number < lanes_.namespaces.size(); ++number) {
    const NetnsBox& netns = lanes_.namespaces[number];
    Box& box = boxes_.emplace_back(Box{.y = y});
    y += kBoxHead;
    for (std::size_t gap = 0; gap < netns.gaps.size(); ++gap) {
      for (std::size_t slot = 0; slot < netns.gaps[gap]; ++slot) {
        const Row row{.netns = number, .line = 2 * gap, .slot = slot};
        set_y(row, y);
        y += tall(row);
      }
      if (gap < netns.interfaces.size()) {
        const Row row{.netns = number, .line = 2 * gap + 1};
        const int height = tall(row) + 2;
        set_y(row, y + 3);
        box.interfaces.emplace_back(y + 3, height);
        y += height + 8;
      }
    }
    box.height = y + kEdge - box.y;
    y += kEdge + kBoxGap;
  }
  height_ = y - kBoxGap + 6;
}

void Drawing::draw_box(std::size_t number) {
  const NetnsBox& netns = lanes_.namespaces[number];
  const Box& box = boxes_[number];
  put("<rect class=\"box\" x=\"1\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"10\"/>\n", box.y,
      width_ - 2, box.height);
  put("<text class=\"box-name\" x=\"14\" y=\"{}\">{}</text>\n", box.y + 21,
      xml_text(shortened(netns.label, kLongestNetns)));
  for (std::size_t i = 0; i < box.interfaces.size(); ++i) {
    const auto [y, height] = box.interfaces[i];
    put("<rect class=\"interface\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n",
        kEdge + 1, y, width_ - 2 * kEdge - 2, height);
    put("<text class=\"interface-name\" x=\"{}\" y=\"{}\">{}</text>\n", kEdge + 9, y + 17,
        xml_text(shortened(netns.interfaces[i], kLongestName)));
  }
}

void Drawing::draw_edge(const Placed& from, const Placed& to) {
  const int y1 = from.middle();
  const int y2 = to.middle();
  if (from.x == to.x) {
    const double middle = (y1 + y2) / 2.0;
    const double d = y2 > y1 ? 2.5 : -2.5;
    put("<path class=\"line\" d=\"M{} {}V{}\"/>", from.x, y1, y2);
    if (std::abs(y2 - y1) < 30) {  // no room for an arrow
      put("\n");
      return;
    }
    put("<path class=\"arrow\" d=\"M{} {}L{} {}L{} {}\"/>\n", from.x - 5, middle - d, from.x,
        middle + d, from.x + 5, middle - d);
    return;
  }
  const int beyond = y1 + (y2 > y1 ? -34 : 34);
  put("<path class=\"line\" d=\"M{} {}C{} {} {} {} {} {}\"/>\n", from.x, y1, from.x, beyond, to.x,
      beyond, to.x, y2);
}

void Drawing::draw_node(const Way& way, const Placed& placed) {
  const Station& station = *placed.station;
  const int x = placed.x;
  const int y = placed.middle();
  const stage_id stage = station.hops.front().stage;
  if (is_last(way, station)) {
    const std::string_view kind = end_kind(*way.journey);
    const std::string_view sign = kind == "delivered"  ? "✓"
                                  : kind == "dropped"  ? "✕"
                                  : kind == "left"     ? "→"
                                  : kind == "consumed" ? "●"
                                  : kind == "freed"    ? "○"
                                                       : "?";
    put("<g class=\"end {}\">", kind);
    if (kind == "dropped") {
      constexpr int r = 14;
      constexpr int k = 6;
      put("<polygon points=\"{},{} {},{} {},{} {},{} {},{} {},{} {},{} {},{}\"/>", x - k, y - r,
          x + k, y - r, x + r, y - k, x + r, y + k, x + k, y + r, x - k, y + r, x - r, y + k, x - r,
          y - k);
    } else {
      put("<circle cx=\"{}\" cy=\"{}\" r=\"11\"/>", x, y);
    }
    put("<text class=\"sign\" x=\"{}\" y=\"{}\">{}</text></g>\n", x, y + 5, sign);
  } else if (station.at_interface || stage == STAGE_in || stage == STAGE_deliver) {
    put("<circle class=\"node{}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>\n", station.joined ? "" : " begin",
        x, y, station.joined ? 6 : 8);
  } else if (stage == STAGE_drop) {
    put("<circle class=\"node lost-copy\" cx=\"{}\" cy=\"{}\" r=\"8\"/>\n", x, y);
  } else {
    put("<path class=\"node decision\" d=\"M{} {}l9 9l-9 9l-9 -9z\"/>\n", x, y - 9);
  }
}

void Drawing::draw_label(const Way& way, const Placed& placed) {
  const int x = placed.x + 22;
  int y = placed.middle() + 4;
  if (is_last(way, *placed.station) && end_kind(*way.journey) == "dropped") {
    std::size_t longest = 0;
    for (const Line& line : placed.lines) {
      longest = std::max(longest, display_width(line.text) + display_width(line.time) + 1);
    }
    put("<rect class=\"drop-box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\"/>\n", x - 6,
        y - 14, static_cast<int>(longest) * kTextWidth + 16,
        static_cast<int>(placed.lines.size()) * kLineHeight + 8);
  }
  put("<g class=\"label\">");
  for (const Line& line : placed.lines) {
    put("<text class=\"{}\" x=\"{}\" y=\"{}\">{}", line.kind, x, y, xml_text(line.text));
    if (!line.time.empty()) {
      put("<tspan class=\"time\" dx=\"7\">{}</tspan>", xml_text(line.time));
    }
    put("</text>");
    y += kLineHeight;
  }
  put("</g>\n");
}

void Drawing::draw_way(std::size_t number) {
  const Way& way = lanes_.ways[number];
  put("<g class=\"{}\">\n", class_of(way));
  const std::vector<Placed>& placed = placed_[number];
  for (std::size_t i = 1; i < placed.size(); ++i) {
    if (placed[i].station->joined) {
      draw_edge(placed[i - 1], placed[i]);
    }
  }
  for (const Placed& one : placed) {
    draw_node(way, one);
    draw_label(way, one);
  }
  if (!placed.empty()) {
    put("<text class=\"lane-name\" x=\"{}\" y=\"{}\">{}</text>\n", placed.front().x - 8, top_ + 16,
        class_of(way) == "back" ? "↑ back" : "↓ there");
  }
  put("</g>\n");
}

void Drawing::draw_notes() {
  int y = height_ + 12;
  for (const Way& way : lanes_.ways) {
    for (const std::string& note : notes_of(*way.journey)) {
      bool first = true;
      for (const std::string& line : wrapped(note, (width_ - 30) / kTextWidth)) {
        put("<text class=\"note\" x=\"{}\" y=\"{}\">{}</text>\n", first ? 6 : 20, y,
            xml_text(line));
        first = false;
        y += 16;
      }
    }
  }
  height_ = y > height_ + 12 ? y : height_;
}

std::string Drawing::text() {
  int y = 18;
  for (const auto& [line, kind] : head_) {
    put("<text class=\"lane-name {}\" x=\"6\" y=\"{}\">{}</text>\n", kind, y, xml_text(line));
    y += kHeadHeight;
  }
  for (std::size_t i = 0; i < boxes_.size(); ++i) {
    draw_box(i);
  }
  for (std::size_t i = lanes_.ways.size(); i > 0; --i) {
    draw_way(i - 1);
  }
  draw_notes();
  std::string title;
  for (const Way& way : lanes_.ways) {
    title += (title.empty() ? "" : "; ") + title_of(*way.journey);
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"picture\" role=\"img\" width=\"{}\" "
      "height=\"{}\" viewBox=\"0 0 {} {}\">\n<title>{}</title>\n<style>\n{}</style>\n"
      "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n{}</svg>\n",
      width_, height_, width_, height_, xml_text(title), plain_style(picture_style()), out_);
}

}  // namespace

std::string xml_text(std::string_view raw) {
  std::string out;
  const std::string text = printable(raw);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view here = std::string_view(text).substr(i, 3);
    if (text[i] == '<') {
      out += "&lt;";
    } else if (text[i] == '>') {
      out += "&gt;";
    } else if (text[i] == '&') {
      out += "&amp;";
    } else if (text[i] == '"') {
      out += "&quot;";
    } else if (here == "\xef\xbf\xbe" || here == "\xef\xbf\xbf") {
      out += "\xef\xbf\xbd";  // U+FFFE and U+FFFF are valid UTF-8 and no characters of XML
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string svg_picture(std::span<const journey::Journey> journeys) {
  return Drawing(journeys).text();
}

}  // namespace tracepkt::sinks
