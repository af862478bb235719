#include "sinks/summary_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>
#include <vector>

#include "base/text.h"

namespace tracepkt::sinks {
namespace {

std::string ping_words(const PingStatistics& ping) {
  std::string words =
      fmt::format("--- {} ping statistics ---\n{}\n", printable(ping.host), ping.packets_line);
  return ping.rtt_line.empty() ? words : words + ping.rtt_line + '\n';
}

std::string journeys_words(const Summary& summary) {
  const std::pair<std::uint64_t, const char*> kinds[] = {
      {summary.delivered, "delivered"}, {summary.dropped - summary.freed, "dropped"},
      {summary.freed, "freed"},         {summary.left, "handed to an interface"},
      {summary.consumed, "consumed"},   {summary.lost_sight, "lost sight of"}};
  std::vector<std::string> parts;
  for (const auto& [count, name] : kinds) {
    if (count > 0) {
      parts.push_back(fmt::format("{} {}", count, name));
    }
  }
  return fmt::format("{} {}{}{}", summary.journeys, summary.journeys == 1 ? "packet" : "packets",
                     parts.empty() ? "" : ": ", fmt::join(parts, ", "));
}

}  // namespace

std::string summary_words(const Summary& summary) {
  std::string words;
  if (summary.ping) {
    words += ping_words(*summary.ping);
  }
  return words + "traced " + journeys_words(summary) + loss_words(summary);
}

std::string loss_words(const Summary& summary) {
  const std::uint64_t lost = summary.lost_events();
  std::string words = fmt::format("; {} events, {}\n", summary.events,
                                  lost != 0                       ? fmt::format("{} LOST", lost)
                                  : summary.damage.tells_losses() ? "none lost"
                                                                  : "what was lost is not known");
  for (const LossCount& loss : summary.losses) {
    if (loss.count > 0) {
      words += fmt::format("  lost {} {} ({})\n", loss.count, loss.says, loss.name);
    }
  }
  if (summary.not_shown > 0) {
    words += fmt::format(
        "  {} packets were traced but not shown, because the output was too slow for them\n",
        summary.not_shown);
  }
  if (summary.shorter > 0) {
    words += fmt::format("  not shown: {} that took less time than these\n", summary.shorter);
  }
  for (const ProbeCount::Unavailable& probe : summary.probes.unavailable) {
    words += fmt::format("  not seen: {} ({})\n", probe.name, probe.why);
  }
  if (summary.damage.places > 0) {
    words += fmt::format(
        "  damaged: {} bytes of the file, at {}, could not be read\n", summary.damage.bytes,
        summary.damage.places == 1 ? std::string("one place")
                                   : fmt::format("{} places", summary.damage.places));
  }
  if (!summary.damage.has_end) {
    words += "  the end of the file is missing, and with it what tracing lost\n";
  }
  if (!summary.damage.read_to_end) {
    words += "  the file was not read to its end, where it says what tracing lost\n";
  }
  return words;
}

}  // namespace tracepkt::sinks
