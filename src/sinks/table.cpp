#include "sinks/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/text.h"
#include "explain/words.h"
#include "sinks/place.h"
#include "sinks/summary_words.h"

namespace tracepkt::sinks {
namespace {

using journey::Hop;
using journey::Journey;

constexpr std::size_t kStageWidth = 8;  // one more has room before the next column
constexpr std::size_t kTimeWidth = 10;
// Names are bytes that may take four columns each, a namespace's may be 255 of them: the table
// shows this much.
constexpr std::size_t kLongestNetns = 28;
constexpr std::size_t kLongestDevice = 24;
constexpr std::size_t kBetweenColumns = 2;
constexpr std::size_t kContinued = 4;  // the indent of what continues a line

std::string device_text(const decode::Device& device) {
  if (device.index == 0) {
    return "-";
  }
  return device.name.view().empty() ? fmt::format("ifindex {}", device.index)
                                    : printable(device.name.view());
}

bool ended_well(const Journey& journey) {
  return !explain::is_fault(journey) && journey.outcome.kind != journey::OutcomeKind::kLost;
}

// Was the request cut into fragments, here or by a router? The rows are those of the first.
bool is_cut(const PingExchange& exchange) {
  return std::ranges::any_of(exchange.journeys, [](const Journey& one) {
    return std::ranges::any_of(one.hops, [](const Hop& hop) {
      return hop.packet && hop.packet->first_fragment &&
             hop.packet->echo_kind() == decode::EchoKind::kRequest;
    });
  });
}

}  // namespace

bool TableSink::is_shown(const Hop& hop) const {
  if (hop.stage == STAGE_function) {
    return detail_ == Detail::kFunctions;
  }
  return detail_ != Detail::kNews || is_news(hop);
}

TableSink::Columns TableSink::columns_for(std::span<const Journey> journeys) const {
  Columns columns{.netns = 12, .device = 12};
  for (const Journey& journey : journeys) {
    for_each_hop(journey, [&](const Hop& hop) {
      if (is_shown(hop)) {
        columns.netns = std::max(columns.netns, display_width(printable(hop.netns.label())));
        columns.device = std::max(columns.device, display_width(device_text(hop.device)));
      }
    });
  }
  columns.device = std::min(columns.device, kLongestDevice);
  const std::size_t others = columns.device + kStageWidth + kTimeWidth + 4 * kBetweenColumns;
  columns.netns = std::min({columns.netns, kLongestNetns, out_.width() - others});
  return columns;
}

void TableSink::headline(const std::string& what, const std::string& result, bool good) {
  const std::vector<std::string> lines = wrapped(what, out_.width() - kContinued);
  std::size_t used = 0;
  for (const std::string& line : lines) {
    const std::string indent(&line == &lines.front() ? 0 : kContinued, ' ');
    out_.write((&line == &lines.front() ? "" : "\n") + indent + out_.bold(line));
    used = indent.size() + display_width(line);
  }
  // Where both do not fit into a line, the result has lines of its own, at the right edge too.
  if (used + kBetweenColumns + display_width(result) > out_.width()) {
    out_.write("\n");
    used = 0;
  }
  for (const std::string& line : wrapped(result, out_.width() - used)) {
    const std::size_t gap = out_.width() - used - display_width(line);
    out_.write(std::string(gap, ' ') + (good ? out_.green(line) : out_.red(line)) + "\n");
    used = 0;
  }
}

void TableSink::paragraph(const std::string& words, Style style, std::size_t indent) {
  const std::size_t continued = indent + 2;
  for (const std::string& line : wrapped(words, out_.width() - continued)) {
    out_.write(std::string(indent, ' ') + (out_.*style)(line) + "\n");
    indent = continued;
  }
}

void TableSink::column_names(const Columns& columns) {
  const std::string names = "  " + pad_right("NAMESPACE", columns.netns) + "  " +
                            pad_right("INTERFACE", columns.device) + "  " +
                            pad_right("STAGE", kStageWidth);
  const std::size_t gap = out_.width() > names.size() + 2 ? out_.width() - names.size() - 2 : 2;
  out_.write(out_.dim(names + std::string(gap, ' ') + "us") + "\n");
}

void TableSink::rows(const Journey& journey, const Columns& columns, std::uint64_t since_ns) {
  const Hop* before = nullptr;
  std::size_t told = 0;
  for_each_hop(journey, [&](const Hop& hop) {
    const Hop* const lasting = hop.stage == STAGE_function ? before : &journey.hops[told++];
    if (!is_shown(hop)) {
      return;
    }
    const std::string netns = shortened(printable(hop.netns.label()), columns.netns);
    const std::string device = shortened(device_text(hop.device), columns.device);
    const std::string left =
        "  " + pad_right(netns, columns.netns) + "  " + pad_right(device, columns.device) + "  " +
        pad_right(decode::stage_name(hop.stage), kStageWidth + kBetweenColumns);
    const std::string words = explain::hop_words(hop, before);
    const double us = static_cast<double>(hop.time_ns - std::min(hop.time_ns, since_ns)) / 1000;
    const std::string time = fmt::format("{:.1f}", us);
    const std::size_t used = display_width(left) + display_width(words);
    // Words too long for the row go on below it, so that the times stay in their column.
    const bool fits = used + kTimeWidth <= out_.width();
    const std::size_t gap = fits ? out_.width() - used : out_.width() - display_width(left);
    const bool is_bad =
        hop.stage == STAGE_drop && (!hop.drop || explain::is_fault(*hop.drop, journey.packet));
    const Style style = is_bad ? &Output::red : &Output::plain;
    out_.write(left + (fits ? (out_.*style)(words) : "") + pad_left(time, gap) + "\n");
    if (!fits) {
      paragraph(words, style, 6);
    }
    since_ns = hop.time_ns;
    before = lasting;
  });
  if (journey.more_functions != 0 && detail_ == Detail::kFunctions) {
    paragraph(
        fmt::format("{} more calls of kernel functions were not kept.", journey.more_functions),
        &Output::plain);
  }
}

void TableSink::cause(const Journey& journey) {
  const Style style = ended_well(journey) ? &Output::plain : &Output::red;
  std::string words = explain::cause_words(journey);
  const std::string rule = explain::rule_text(journey);
  if (!rule.empty()) {
    words.back() = ':';
  }
  if (!words.empty()) {
    paragraph(words, style);
  }
  if (!rule.empty()) {
    paragraph(rule, style, 6);
  }
  if (const auto advised = explain::advice_words(journey)) {
    // That it was a firewall, and which, is said already.
    advice(*advised, journey.outcome.chain.has_value());
  }
}

void TableSink::advice(const explain::AdviceWords& words, bool cause_is_told) {
  if (!cause_is_told) {
    paragraph(words.cause, &Output::plain);
  }
  const std::string intro = words.enter_first ? "  Check it, in that namespace:" : "  Check it:";
  // A command stays in one piece, however long: broken up, a shell would run its pieces.
  const bool fits = display_width(intro) + 1 + display_width(words.check) <= out_.width();
  out_.write(intro + (fits ? " " : "\n" + std::string(kContinued, ' ')) + words.check + "\n");
  paragraph("Mend it: " + words.mend, &Output::plain);
}

void TableSink::journey(const Journey& journey) {
  const Columns columns = columns_for({&journey, 1});
  headline(explain::packet_words(journey.packet),
           fmt::format("{} after {}", explain::outcome_words(journey),
                       explain::duration_words(journey.duration_ns())),
           ended_well(journey));
  column_names(columns);
  rows(journey, columns, journey.begin_ns());
  cause(journey);
  out_.write("\n");
}

void TableSink::exchange(const PingExchange& exchange) {
  const std::string address =
      exchange.host == exchange.target ? "" : fmt::format(" ({})", exchange.target);
  const std::string what =
      fmt::format("ping {}{}, {} bytes{}, seq {}", printable(exchange.host), address,
                  exchange.payload_bytes, is_cut(exchange) ? " in fragments" : "", exchange.seq);
  std::string result = "NOT ANSWERED";
  if (exchange.rtt_ns) {
    result = fmt::format("answered in {}, ttl {}", explain::duration_words(*exchange.rtt_ns),
                         exchange.ttl);
  } else if (!exchange.journeys.empty()) {
    // What became of the request; a reply that got lost on its way back has the last word.
    const auto reply = std::ranges::find_if(exchange.journeys, [](const Journey& one) {
      return one.direction == journey::Direction::kReply &&
             one.packet.echo_kind() == decode::EchoKind::kReply;
    });
    const Journey& told = reply != exchange.journeys.end() ? *reply : exchange.journeys.front();
    result += (reply != exchange.journeys.end() ? ": reply " : ": ") + explain::outcome_words(told);
  }
  headline(what, result, exchange.rtt_ns.has_value());
  if (exchange.journeys.empty()) {
    if (exchange.rtt_ns) {
      paragraph("It was answered, but tracepkt could not follow it.", &Output::plain);
    } else if (exchange.trouble.empty()) {
      paragraph(
          "It was not seen to leave: it may be waiting for its neighbour's link address, which "
          "`ip neigh` shows, or IPsec encrypts it before any interface is given it (`ip xfrm "
          "policy`), or its route puts it into MPLS or SRv6 (`encap` in `ip route get`).",
          &Output::plain);
    }
  } else {
    if (exchange.rtt_ns && std::ranges::all_of(exchange.journeys, [](const Journey& one) {
          return one.direction == journey::Direction::kReply;
        })) {
      paragraph(
          "The request was not seen: IPsec may have encrypted it before any interface was given it "
          "(`ip xfrm policy`), or its route have put it into MPLS or SRv6 (`encap` in `ip route "
          "get`).",
          &Output::plain);
    }
    const Columns columns = columns_for(exchange.journeys);
    column_names(columns);
    std::uint64_t since_ns = exchange.journeys.front().begin_ns();
    for (const Journey& one : exchange.journeys) {
      if (one.direction == journey::Direction::kReply) {
        const bool error = one.packet.echo_kind() == decode::EchoKind::kError;
        paragraph("<- " + (error ? explain::packet_words(one.packet) : "reply"), &Output::cyan);
      }
      rows(one, columns, since_ns);
      cause(one);
      if (!one.hops.empty()) {
        // The answer sets out while the request is still being cleared away.
        since_ns = std::max(since_ns, one.hops.back().time_ns);
      }
    }
  }
  if (!exchange.trouble.empty()) {
    paragraph(exchange.trouble, &Output::red);
  }
  if (const auto advised = silence_words(exchange)) {
    advice(*advised);
  }
  out_.write("\n");
}

void TableSink::summary(const Summary& summary) { out_.write(summary_words(summary)); }

}  // namespace tracepkt::sinks
