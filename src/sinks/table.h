// For people: a block per packet or per ping, a headline and a row per hop, fit for 80 columns.
#pragma once

#include "explain/advice_words.h"
#include "sinks/sink.h"

namespace tracepkt::sinks {

class TableSink : public Sink {
 public:
  TableSink(Output& out, Detail detail) : out_(out), detail_(detail) {}
  void journey(const journey::Journey& journey) override;
  void exchange(const PingExchange& exchange) override;
  void summary(const Summary& summary) override;

 private:
  struct Columns {
    std::size_t netns = 0;
    std::size_t device = 0;
  };

  using Style = std::string (Output::*)(std::string_view) const;

  void headline(const std::string& what, const std::string& result, bool good);
  void column_names(const Columns& columns);
  void rows(const journey::Journey& journey, const Columns& columns, std::uint64_t since_ns);
  void cause(const journey::Journey& journey);
  void advice(const explain::AdviceWords& words, bool cause_is_told = false);
  // One or more lines, indented; those that continue the first one a little more.
  void paragraph(const std::string& words, Style style, std::size_t indent = 2);
  bool is_shown(const journey::Hop& hop) const;
  Columns columns_for(std::span<const journey::Journey> journeys) const;

  Output& out_;
  Detail detail_;
};

}  // namespace tracepkt::sinks
