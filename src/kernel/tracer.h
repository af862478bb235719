// Tracer loads the kernel side, attaches it to what this kernel offers, and takes it down again:
// nothing is pinned, so nothing stays when the process ends, however it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "filter/filter.h"
#include "wire/record.h"

struct bpf_object;

namespace tracepkt::kernel {

struct TraceRequest {
  // What to match on first sight: the filter, or one sender's echo messages.
  match_mode mode = MATCH_FILTER;
  filter::Filter filter;
  echo_identity echo = {};
  std::size_t ring_bytes = 8u << 20;
  // What the routing tables answered, too.
  bool routes = false;
  // The chains of firewalls, where this kernel lets programs attach to them; and their rules, too.
  bool chains = false;
  bool rules = false;
  // The verdicts of XDP and tc programs, too, where there are any.
  bool programs = false;
  // Whose socket a packet comes from, and what TCP makes of it, too.
  bool sockets = false;
  // How long a packet was in the queue of an interface, and that its driver refused it, too.
  bool queues = false;
  // The kernel functions that a packet is given to, too: those whose name this matches; empty: all.
  std::optional<std::string> functions;
  // Drops, and nothing else of any packet.
  bool drops_only = false;
  // Only packets of the command that is marked with it (see mark_as_command()); 0: of everybody.
  std::uint64_t command_token = 0;
};

// Of bare IP packets that the request can be about; none where its filter is of link layers alone.
protocol_sets protocols_of(const TraceRequest& request);

struct Probe {
  std::string name;  // "tp_btf:net_dev_queue"
  bool attached = false;
  std::string why;  // why not
};

struct Loss {
  std::string name;  // as in wire/losses.def, or "program_busy"
  std::string says;
  std::uint64_t count = 0;
};

class Tracer {
 public:
  // Programs run from the return on. Fails where none of this can be had, saying what is missing;
  // a tracepoint that this kernel lacks only shows in probes(). Functions are asked for by name:
  // without them it fails.
  static Result<Tracer> start(const TraceRequest& request);

  Tracer(Tracer&&) noexcept;
  Tracer& operator=(Tracer&&) noexcept;
  ~Tracer();

  // The ring's maps, for ring::open(); owned by the tracer.
  int ring_fd() const;
  int ring_state_fd() const;

  // Detaches: no event comes after this, those in the ring can still be read.
  void stop();

  const std::vector<Probe>& probes() const;

  // Every cause, also those that counted nothing. Right after stop(), too.
  std::vector<Loss> losses() const;

  // Attaches to XDP and tc programs that were attached to interfaces since. Cheap while no programs
  // are loaded.
  void look_for_programs();

  // Forgets packets in the kernel's table whose end no hook saw, as TrackedTable::forget() does.
  void forget_packets(std::uint64_t now_ns, std::uint64_t age_ns);

 private:
  struct State;
  explicit Tracer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// From now on this process and those that it starts are the command that has this token. For a
// child between fork() and exec(): only system calls, no memory. Without a tracer, nothing happens.
void mark_as_command(std::uint64_t token);

}  // namespace tracepkt::kernel
