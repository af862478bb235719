#include "sinks/report.h"

#include <fmt/format.h>

#include <utility>

#include "base/json_writer.h"
#include "base/text.h"
#include "sinks/embedded.h"
#include "sinks/json.h"

namespace tracepkt::sinks {
namespace {

constexpr std::string_view kPlaceOfData = "@DATA@";
// The browser reads a block as a whole when one of its journeys is looked at.
constexpr std::size_t kBlockJourneys = 2000;
constexpr std::size_t kBlockBytes = 4 << 20;

std::string data_element(std::string_view attributes, std::string_view json) {
  return fmt::format("<script type=\"application/json\" {}>{}</script>\n", attributes,
                     embedded_json(json));
}

}  // namespace

ReportSink::ReportSink(Output& out, const Clock& clock, ReportInfo info)
    : out_(out), clock_(clock), info_(std::move(info)) {
  out_.write(report_page().substr(0, report_page().find(kPlaceOfData)));
}

void ReportSink::write_info(std::uint64_t base_ns) {
  base_ns_ = base_ns;
  const std::int64_t wall_ns = static_cast<std::int64_t>(base_ns) + clock_.wall_minus_monotonic_ns;
  JsonWriter json;
  json.begin_object().field("version", TRACEPKT_VERSION).field("file", printable(info_.file));
  json.field("selection", printable(info_.selection));
  json.field("base_ns", std::to_string(wall_ns));  // more digits than a number has in JavaScript
  json.key("outcomes").begin_array();
  using journey::OutcomeKind;
  for (const OutcomeKind kind : {OutcomeKind::kDelivered, OutcomeKind::kDropped, OutcomeKind::kLeft,
                                 OutcomeKind::kConsumed, OutcomeKind::kLost}) {
    json.value(journey::outcome_name(kind));
  }
  json.end_array().end_object();
  out_.write(data_element("id=\"info\"", json.text()));
  block_.emplace(base_ns_);
}

void ReportSink::write_block() {
  const std::string number = fmt::format("data-block=\"{}\"", blocks_);
  out_.write(data_element("class=\"index\" " + number, block_->index()));
  out_.write(data_element("class=\"details\" " + number, block_->details()));
  ++blocks_;
  block_.emplace(base_ns_);
}

void ReportSink::journey(const journey::Journey& journey) {
  if (!block_) {
    write_info(journey.begin_ns());
  }
  block_->add(journey);
  if (block_->journeys() == kBlockJourneys || block_->bytes() > kBlockBytes) {
    write_block();
  }
}

void ReportSink::exchange(const PingExchange& exchange) {
  for (const journey::Journey& one : exchange.journeys) {
    journey(one);
  }
}

void ReportSink::summary(const Summary& summary) {
  if (!block_) {
    write_info(0);
  } else if (block_->journeys() > 0) {
    write_block();
  }
  out_.write(data_element("id=\"summary\"", summary_json(summary)));
  out_.write(report_page().substr(report_page().find(kPlaceOfData) + kPlaceOfData.size()));
}

}  // namespace tracepkt::sinks
