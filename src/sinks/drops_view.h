// How `tracepkt drops` is shown: a screen that refreshes, lines, or JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "journey/drop_groups.h"
#include "sinks/output.h"
#include "sinks/sink.h"

namespace tracepkt::sinks {

struct DropsReport {
  std::span<const journey::DropGroup* const> groups;  // what is to be shown, the most first
  std::uint64_t drops = 0;                            // all that were counted, `others` among them
  std::uint64_t fresh = 0;                            // of these, in the interval that ends now
  std::uint64_t others = 0;    // of these, those of kinds too many to be told apart
  std::uint64_t harmless = 0;  // beside these: no fault, and asked to be left out
  double interval_s = 0;       // how long that interval was
  double elapsed_s = 0;
};

class DropsView {
 public:
  virtual ~DropsView() = default;
  // The caller flushes the output, here and there.
  virtual void interval(const DropsReport& report) = 0;
  // All of it.
  virtual void end(const DropsReport& report, const Summary& summary) = 0;
};

// A screen where `out` is a terminal and the format is the table. `out` must outlive the view.
std::unique_ptr<DropsView> make_drops_screen(Output& out);
std::unique_ptr<DropsView> make_drops_lines(Output& out, const Clock& clock);
// The sum alone, in words.
std::unique_ptr<DropsView> make_drops_last_lines(Output& out);
std::unique_ptr<DropsView> make_drops_json(Output& out, const Clock& clock);

}  // namespace tracepkt::sinks
