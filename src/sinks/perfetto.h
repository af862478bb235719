// Trace-event JSON, which the Perfetto UI and chrome://tracing open: a process for each namespace,
// a thread for each interface in it, a slice for each hop, and arrows along the way of a packet.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/json_writer.h"
#include "sinks/sink.h"

namespace tracepkt::sinks {

class PerfettoSink : public Sink {
 public:
  PerfettoSink(Output& out, Output& err, const Clock& clock)
      : out_(out), err_(err), clock_(clock) {}
  void journey(const journey::Journey& journey) override;
  void exchange(const PingExchange& exchange) override;
  void summary(const Summary& summary) override;

 private:
  // Slices of one thread must not overlap, and packets do: a second one at the same time is shown
  // in a second lane below the first.
  struct Lane {
    std::uint64_t thread = 0;
    std::uint64_t end_ns = 0;  // of what is in it
  };
  struct Track {
    std::uint64_t process = 0;
    std::vector<Lane> lanes;
  };
  struct Place {
    std::uint64_t process = 0;
    std::uint64_t thread = 0;
    bool is_free = true;  // for all of the time that was asked for
  };
  using NetnsKey = std::pair<std::uint32_t, std::string>;             // inode, label
  using TrackKey = std::tuple<NetnsKey, std::uint32_t, std::string>;  // index, name

  void begin();
  void write(const JsonWriter& event);
  void announce(const char* what, std::uint64_t process, std::uint64_t thread,
                const std::string& name);
  Place place_for(const journey::Hop& hop, std::uint64_t end_ns);
  Track& track_of(const journey::Hop& hop);
  void slice(const journey::Journey& journey, std::size_t index);

  Output& out_;
  Output& err_;
  Clock clock_;
  bool has_begun_ = false;
  bool has_events_ = false;
  std::uint64_t next_id_ = 1;  // of a process or a thread
  std::map<NetnsKey, std::uint64_t> processes_;
  std::map<TrackKey, Track> tracks_;
};

}  // namespace tracepkt::sinks
