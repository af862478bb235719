// One JSON object a line, as docs/json.md describes them.
#pragma once

#include "sinks/sink.h"

namespace tracepkt::sinks {

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
