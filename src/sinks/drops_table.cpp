#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <string>
#include <vector>

#include "base/text.h"
#include "explain/advice_words.h"
#include "explain/words.h"
#include "sinks/drops_view.h"
#include "sinks/summary_words.h"

namespace tracepkt::sinks {
namespace {

using journey::DropGroup;

constexpr std::size_t kCountWidth = 9;
constexpr std::size_t kRateWidth = 8;
constexpr std::size_t kNameWidth = 14;

enum class Detail { kCheck, kMend };  // up to this

std::string rate_text(double rate) { return fmt::format("{:.{}f}", rate, rate < 10 ? 1 : 0); }

std::string device_text(const decode::Device& device) {
  return device.index == 0 ? "-" : printable(device.name.view());
}

std::string netns_text(const journey::Netns& netns) {
  return netns.inode == 0 ? "-" : printable(netns.label());
}

std::string reason_text(const DropGroup& group) {
  const auto& drop = group.sample.outcome.drop;
  return !drop || drop->reason.empty() ? "no reason given" : printable(drop->reason);
}

std::string function_text(const DropGroup& group) {
  const auto& drop = group.sample.outcome.drop;
  return !drop || drop->function.empty() ? "" : "in " + printable(drop->function);
}

std::string process_text(const DropGroup& group) {
  return group.process
             ? fmt::format("of {} ({})", printable(group.process->name), group.process->pid)
             : "";
}

std::string kinds_text(std::size_t kinds) {
  return fmt::format("{} {}", kinds, kinds == 1 ? "kind" : "kinds");
}

// "in tcp_v4_rcv+0x7e, of curl (4711), such as tcp ..."
std::string where_text(const DropGroup& group) {
  std::string text;
  for (const std::string& part : {function_text(group), process_text(group),
                                  "such as " + explain::packet_words(group.sample.packet)}) {
    text += (text.empty() || part.empty() ? "" : ", ") + part;
  }
  return text;
}

// The whole story as lines; only a command may be wider than the output.
class DropsTable {
 public:
  explicit DropsTable(const Output& out) : out_(out) {}

  std::vector<std::string> heading() const {
    return {"", out_.dim(row("COUNT", "/S", "NAMESPACE", "INTERFACE", "REASON"))};
  }

  std::vector<std::string> group(const DropGroup& group, double rate, Detail detail) const {
    const journey::Outcome& outcome = group.sample.outcome;
    const std::string line =
        row(std::to_string(group.count), rate_text(rate), netns_text(outcome.netns),
            device_text(outcome.device), reason_text(group));
    std::vector<std::string> lines = {explain::is_fault(group.sample) ? out_.bold(line)
                                                                      : out_.plain(line)};
    add(lines, where_text(group));
    if (const auto advice = explain::advice_words(group.sample)) {
      add(lines, advice->cause);
      add_check(lines, *advice, detail);
      if (detail == Detail::kMend) {
        add(lines, "Mend it: " + advice->mend);
      }
    }
    return lines;
  }

 private:
  std::string row(const std::string& count, const std::string& rate, const std::string& netns,
                  const std::string& device, const std::string& reason) const {
    const std::string left =
        fmt::format("{}  {}  {}  {}  ", pad_left(count, kCountWidth), pad_left(rate, kRateWidth),
                    pad_right(shortened(netns, kNameWidth), kNameWidth),
                    pad_right(shortened(device, kNameWidth), kNameWidth));
    return left + shortened(reason, out_.width() - display_width(left));
  }

  void add(std::vector<std::string>& lines, const std::string& words) const {
    std::string indent(4, ' ');
    for (const std::string& line : wrapped(words, out_.width() - 6)) {
      lines.push_back(indent + line);
      indent = std::string(6, ' ');
    }
  }

  // A command stays in one piece, however long: broken up, a shell would run its pieces. Only on a
  // screen, from which it will be gone in a second, every line counts.
  void add_check(std::vector<std::string>& lines, const explain::AdviceWords& advice,
                 Detail detail) const {
    const std::string intro = advice.enter_first ? "Check it, in that namespace:" : "Check it:";
    const std::string line = "    " + intro + " " + advice.check;
    if (display_width(line) <= out_.width() || detail == Detail::kCheck) {
      lines.push_back(shortened(line, out_.width()));
    } else {
      lines.push_back("    " + intro);
      lines.push_back("      " + advice.check);
    }
  }

  const Output& out_;
};

// What is counted and not shown.
std::string left_out(const DropsReport& report) {
  std::string words;
  if (report.harmless > 0) {
    words += fmt::format(
        "  not counted: {} freed as if dropped, though nothing was wrong (-v shows them)\n",
        report.harmless);
  }
  if (report.others > 0) {
    words += fmt::format("  {} of kinds too many to be told apart\n", report.others);
  }
  return words;
}

void write_last_lines(Output& out, const DropsReport& report, const Summary& summary) {
  out.write(fmt::format("{} {} in {:.1f} s, of {}{}", report.drops,
                        report.drops == 1 ? "drop" : "drops", report.elapsed_s,
                        kinds_text(report.groups.size()), loss_words(summary)));
  out.write(left_out(report));
}

void write_all(Output& out, const DropsReport& report, const Summary& summary) {
  const DropsTable table(out);
  if (!report.groups.empty()) {
    for (const std::string& line : table.heading()) {
      out.write(line + "\n");
    }
  }
  const char* between = "";
  for (const DropGroup* group : report.groups) {
    const double rate =
        report.elapsed_s > 0 ? static_cast<double>(group->count) / report.elapsed_s : 0;
    out.write(between);
    between = "\n";
    for (const std::string& line : table.group(*group, rate, Detail::kMend)) {
      out.write(line + "\n");
    }
  }
  out.write("\n");
  write_last_lines(out, report, summary);
}

class DropsScreen : public DropsView {
 public:
  explicit DropsScreen(Output& out) : out_(out) {}

  void interval(const DropsReport& report) override {
    out_.measure();
    std::vector<std::string> lines = {out_.bold(fmt::format(
        "drops: {} in {:.0f} s, {} a second now, {}; Ctrl-C ends", report.drops, report.elapsed_s,
        rate_text(report.interval_s > 0 ? static_cast<double>(report.fresh) / report.interval_s
                                        : 0),
        kinds_text(report.groups.size())))};
    const DropsTable table(out_);
    if (report.groups.empty()) {
      lines.emplace_back("  nothing was dropped so far");
    } else {
      std::ranges::move(table.heading(), std::back_inserter(lines));
    }
    // The last line stays free: the cursor is there.
    const std::size_t room = std::max<std::size_t>(out_.height(), 4) - 2;
    std::size_t shown = 0;
    for (const DropGroup* group : report.groups) {
      const double rate =
          report.interval_s > 0 ? static_cast<double>(group->fresh()) / report.interval_s : 0;
      auto block = table.group(*group, rate, Detail::kCheck);
      if (lines.size() + block.size() > room) {
        break;
      }
      std::ranges::move(block, std::back_inserter(lines));
      ++shown;
    }
    if (shown < report.groups.size()) {
      lines.push_back(fmt::format("  and {} more", kinds_text(report.groups.size() - shown)));
    }
    show(lines);
  }

  void end(const DropsReport& report, const Summary& summary) override {
    out_.write(began_ ? "\x1b[H\x1b[J" : "");
    write_all(out_, report, summary);
  }

 private:
  void show(const std::vector<std::string>& lines) {
    out_.write(began_ ? "\x1b[H" : "\x1b[2J\x1b[H");
    began_ = true;
    for (const std::string& line : lines) {
      out_.write(line + "\x1b[K\n");
    }
    out_.write("\x1b[J");
  }

  Output& out_;
  bool began_ = false;
};

class DropsLines : public DropsView {
 public:
  DropsLines(Output& out, const Clock& clock) : out_(out), clock_(clock) {}

  void interval(const DropsReport& report) override {
    for (const DropGroup* group : report.groups) {
      if (group->fresh() == 0) {
        continue;
      }
      const journey::Outcome& outcome = group->sample.outcome;
      out_.write(fmt::format("{} {} {} {} {} {}\n", time_text(group->last_ns),
                             pad_left(fmt::format("{}x", group->fresh()), 7),
                             netns_text(outcome.netns), device_text(outcome.device),
                             reason_text(*group), where_text(*group)));
    }
  }

  void end(const DropsReport& report, const Summary& summary) override {
    interval(report);
    write_all(out_, report, summary);
  }

 private:
  std::string time_text(std::uint64_t monotonic_ns) const {
    const auto seconds = static_cast<std::time_t>(clock_.wall_ns(monotonic_ns) / 1'000'000'000);
    std::tm local = {};
    localtime_r(&seconds, &local);
    return fmt::format("{:%H:%M:%S}", local);
  }

  Output& out_;
  Clock clock_;
};

class DropsLastLines : public DropsView {
 public:
  explicit DropsLastLines(Output& out) : out_(out) {}

  void interval(const DropsReport&) override {}
  void end(const DropsReport& report, const Summary& summary) override {
    write_last_lines(out_, report, summary);
  }

 private:
  Output& out_;
};

}  // namespace

std::unique_ptr<DropsView> make_drops_screen(Output& out) {
  return std::make_unique<DropsScreen>(out);
}

std::unique_ptr<DropsView> make_drops_last_lines(Output& out) {
  return std::make_unique<DropsLastLines>(out);
}

std::unique_ptr<DropsView> make_drops_lines(Output& out, const Clock& clock) {
  return std::make_unique<DropsLines>(out, clock);
}

}  // namespace tracepkt::sinks
