#include "sinks/picture_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "explain/advice_words.h"
#include "explain/words.h"

namespace tracepkt::sinks {
namespace {

using journey::Hop;
using journey::Journey;
using journey::OutcomeKind;

void add(std::vector<Line>& lines, const std::string& words, std::string_view kind,
         std::size_t width) {
  if (words.empty()) {
    return;
  }
  for (std::string& line : wrapped(words, width)) {
    lines.push_back({.text = std::move(line), .kind = kind});
  }
}

}  // namespace

bool is_last(const Way& way, const Station& station) { return &station == &way.stations.back(); }

std::string_view end_kind(const Journey& journey) {
  const bool freed = journey.outcome.kind == OutcomeKind::kDropped && !explain::is_fault(journey);
  return freed ? "freed" : journey::outcome_name(journey.outcome.kind);
}

std::string title_of(const Journey& journey) {
  return fmt::format("{}: {} after {}", explain::packet_words(journey.packet),
                     explain::outcome_words(journey),
                     explain::duration_words(journey.duration_ns()));
}

std::vector<Line> lines_of(const Way& way, const Station& station, std::size_t width) {
  const Journey& journey = *way.journey;
  std::vector<Line> lines;
  for (const Hop& hop : station.hops) {
    const Hop* before = &hop == journey.hops.data() ? nullptr : &hop - 1;
    const std::uint64_t since = before == nullptr ? hop.time_ns : before->time_ns;
    const std::string time =
        before == nullptr
            ? ""
            : "+" + explain::duration_words(hop.time_ns - std::min(since, hop.time_ns));
    const bool is_bad =
        hop.stage == STAGE_drop && (!hop.drop || explain::is_fault(*hop.drop, journey.packet));
    lines.push_back({.text = is_bad ? "DROPPED" : std::string(decode::stage_name(hop.stage)),
                     .kind = is_bad ? "drop-word" : "stage",
                     .time = time});
    // The address is in the title, unless it is another one by now.
    const bool is_same = hop.stage == STAGE_in && hop.packet &&
                         hop.packet->addresses_text() == journey.packet.addresses_text();
    if (!is_same) {
      add(lines, explain::hop_words(hop, before), is_bad ? "reason" : "said", width);
    }
  }
  if (is_last(way, station)) {
    const journey::Outcome& outcome = journey.outcome;
    add(lines, explain::rule_text(journey), "reason", width);
    if (outcome.drop && !outcome.drop->reason.empty() && !outcome.drop->function.empty()) {
      add(lines, "in " + printable(outcome.drop->function), "said", width);
    } else if (outcome.kind != OutcomeKind::kDropped && outcome.kind != OutcomeKind::kDelivered) {
      add(lines, explain::outcome_words(journey),
          outcome.kind == OutcomeKind::kLost ? "reason" : "said", width);
    }
  }
  return lines;
}

std::vector<std::string> notes_of(const Journey& journey) {
  std::vector<std::string> notes;
  if (std::string cause = explain::cause_words(journey); !cause.empty()) {
    notes.push_back(std::move(cause));
  }
  if (std::string rule = explain::rule_text(journey); !rule.empty()) {
    notes.push_back("The rule: " + std::move(rule));
  }
  if (const auto advice = explain::advice_words(journey)) {
    if (!journey.outcome.chain) {  // which has said it
      notes.push_back(advice->cause);
    }
    notes.push_back("Check it: " + advice->check);
    notes.push_back("Mend it: " + advice->mend);
  }
  return notes;
}

}  // namespace tracepkt::sinks
