// One HTML file that shows the journeys in a browser, and needs nothing beside it. It is written
// as the journeys come, so that memory does not grow with their number.
#pragma once

#include <optional>
#include <string>

#include "sinks/report_block.h"
#include "sinks/sink.h"

namespace tracepkt::sinks {

// What a report tells of where it comes from.
struct ReportInfo {
  std::string file;
  std::string selection;  // what was asked for of it; empty: all
};

class ReportSink : public Sink {
 public:
  ReportSink(Output& out, const Clock& clock, ReportInfo info);
  void journey(const journey::Journey& journey) override;
  void exchange(const PingExchange& exchange) override;
  void summary(const Summary& summary) override;

 private:
  void write_info(std::uint64_t base_ns);
  void write_block();

  Output& out_;
  Clock clock_;
  ReportInfo info_;
  std::optional<ReportBlock> block_;
  std::uint64_t base_ns_ = 0;  // first sight of the first journey
  std::size_t blocks_ = 0;
};

}  // namespace tracepkt::sinks
