// One JSON object a line, as docs/json.md describes them.
#pragma once

#include <string>

#include "base/json_writer.h"
#include "sinks/sink.h"

namespace tracepkt::sinks {

// Parts of these lines that a report holds too. Fields of the object that is open: what a hop says
// beside where, when and which packet; what became of a journey.
void write_decision(JsonWriter& json, const journey::Hop& hop);
void write_outcome_fields(JsonWriter& json, const journey::Journey& journey);
// Without a newline.
std::string summary_json(const Summary& summary);

class JsonSink : public Sink {
 public:
  JsonSink(Output& out, const Clock& clock) : out_(out), clock_(clock) {}
  void journey(const journey::Journey& journey) override;
  void exchange(const PingExchange& exchange) override;
  void summary(const Summary& summary) override;

 private:
  Output& out_;
  Clock clock_;
};

}  // namespace tracepkt::sinks
