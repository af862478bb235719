#include "explain/advice_words.h"
#include "sinks/drops_view.h"
#include "sinks/json_parts.h"

namespace tracepkt::sinks {
namespace {

using journey::DropGroup;

class DropsJson : public DropsView {
 public:
  DropsJson(Output& out, const Clock& clock) : out_(out), clock_(clock) {}

  void interval(const DropsReport& report) override {
    for (const DropGroup* group : report.groups) {
      if (group->fresh() != 0) {
        write_group(*group, report.interval_s);
      }
    }
  }

  void end(const DropsReport& report, const Summary& summary) override {
    interval(report);
    JsonWriter json;
    json.begin_object().field("type", "summary").field("drops", report.drops);
    json.field("harmless", report.harmless).field("others", report.others);
    json.field("duration_ns", static_cast<std::uint64_t>(report.elapsed_s * 1e9));
    json.field("events", summary.events);
    write_losses(json, summary);
    json.field("kernel", summary.kernel);
    write_probes(json, summary.probes);
    write_reading(json, summary.damage);
    json.end_object();
    out_.write(json.text() + "\n");
  }

 private:
  void write_group(const DropGroup& group, double interval_s) {
    const journey::Outcome& outcome = group.sample.outcome;
    JsonWriter json;
    json.begin_object().field("type", "drops").field("id", group.id);
    json.field("count", group.count).field("bytes", group.bytes).field("fresh", group.fresh());
    json.field("rate", interval_s > 0 ? static_cast<double>(group.fresh()) / interval_s : 0.0);
    json.field("first_ns", clock_.wall_ns(group.sample.begin_ns()));
    json.field("last_ns", clock_.wall_ns(group.last_ns));
    write_netns(json.key("netns"), outcome.netns);
    write_device(json.key("dev"), outcome.device);
    if (group.process) {
      json.key("process").begin_object().field("pid", group.process->pid);
      json.field("name", group.process->name).end_object();
    }
    if (outcome.drop) {
      write_drop(json, *outcome.drop);
    }
    if (const auto advice = explain::advice_words(group.sample)) {
      write_advice(json.key("advice"), *advice);
    }
    write_packet(json.key("sample"), group.sample.packet);
    json.end_object();
    out_.write(json.text() + "\n");
  }

  Output& out_;
  Clock clock_;
};

}  // namespace

std::unique_ptr<DropsView> make_drops_json(Output& out, const Clock& clock) {
  return std::make_unique<DropsJson>(out, clock);
}

}  // namespace tracepkt::sinks
