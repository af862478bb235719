// Draws the first of the journeys that it gets, with what answered it or what it answers.
#pragma once

#include <vector>

#include "sinks/sink.h"

namespace tracepkt::sinks {

class PictureSink : public Sink {
 public:
  PictureSink(Format format, Output& out, Output& err, bool every_stage)
      : format_(format), out_(out), err_(err), every_stage_(every_stage) {}
  void journey(const journey::Journey& journey) override;
  void exchange(const PingExchange& exchange) override;
  // Draws; that there were others is said on `err`.
  void summary(const Summary& summary) override;

 private:
  Format format_;
  Output& out_;
  Output& err_;
  bool every_stage_;
  std::vector<journey::Journey> drawn_;
  std::uint64_t others_ = 0;
};

}  // namespace tracepkt::sinks
