// The lines of the first tracepkt, byte for byte, so that old scripts and articles still hold.
#pragma once

#include "sinks/sink.h"

namespace tracepkt::sinks {

class ClassicSink : public Sink {
 public:
  ClassicSink(Output& out, Output& err) : out_(out), err_(err) {}
  void journey(const journey::Journey& journey) override;
  void exchange(const PingExchange& exchange) override;
  void summary(const Summary& summary) override;

 private:
  void header();

  Output& out_;
  Output& err_;
  bool header_done_ = false;
};

}  // namespace tracepkt::sinks
