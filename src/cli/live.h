// A live session: kernel side, ring, decoder, journeys and sink, put together. ping and trace
// differ in what they ask for and in when they end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "cli/recorder.h"
#include "cli/signals.h"
#include "journey/builder.h"
#include "kernel/tracer.h"
#include "sinks/sink.h"

namespace tracepkt::cli {

class Live {
 public:
  // Gets every journey that has ended, to show it or to keep it.
  using OnJourney = std::function<void(journey::Journey&&)>;
  // Gets every event, where the events themselves are asked for: there are no journeys then.
  using OnEvent = std::function<void(decode::Event&&)>;

  // From its return on, packets are followed.
  static Result<std::unique_ptr<Live>> start(const CommonOptions& options,
                                             const kernel::TraceRequest& request,
                                             OnJourney on_journey,
                                             journey::BuilderOptions builder_options = {});
  static Result<std::unique_ptr<Live>> start(const CommonOptions& options,
                                             const kernel::TraceRequest& request, OnEvent on_event);
  ~Live();

  sinks::Sink& sink();
  sinks::Output& out();
  sinks::Output& err();
  journey::Builder& builder();
  journey::Names& names();
  const sinks::Clock& clock() const;

  // Takes in what the kernel has for us now.
  void read();
  // Nothing had come, at the last read().
  bool is_quiet() const;

  // How long to do something else before the next read(). Not 0 as long as the ring has room: who
  // takes each record as it comes slows down the CPU that writes them.
  int pause_ms() const;

  // Ends the journeys of echo messages with this sequence number now.
  void finish_echo(std::uint16_t seq);

  // -w, for what only a command knows; else null.
  Recorder* recorder();

  // Nothing can be shown, or written with -w, any more: finish() says why.
  bool is_over() const;

  // More comes from the kernel than can be shown: what is not shown is counted.
  bool is_behind() const;
  void skip_journey();

  // Detaches, takes in the rest, ends what is under way.
  void stop();

  // The counts so far; of journeys, those that were handed to count().
  sinks::Summary summary() const;
  void count(const journey::Journey& journey);

  // After stop(): ends the capture file and shows the summary. Fails if something did not get
  // written.
  Status finish(const sinks::Summary& summary, Signals& signals);
  // The first half of it.
  Status end_capture(const sinks::Summary& summary);

 private:
  struct State;
  static Result<std::unique_ptr<Live>> start(const CommonOptions& options,
                                             const kernel::TraceRequest& request,
                                             OnJourney on_journey, OnEvent on_event,
                                             const journey::BuilderOptions& builder_options);
  explicit Live(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tracepkt::cli
