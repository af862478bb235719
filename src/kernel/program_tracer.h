// Programs at the BPF programs of interfaces (XDP's and tc's), which tell their verdicts on packets
// that a Tracer follows, into its ring.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/device_programs.h"
#include "kernel/tracer.h"

struct bpf_object;

namespace tracepkt::kernel {

class ProgramTracer {
 public:
  // `followed`: the object that follows packets, loaded; it must outlive this.
  explicit ProgramTracer(bpf_object* followed);
  ProgramTracer(ProgramTracer&&) noexcept;
  ProgramTracer& operator=(ProgramTracer&&) noexcept;
  ~ProgramTracer();

  // Attaches to these, where it is not yet, and lets go of all others.
  void attach(const AttachedPrograms& programs);

  // Takes all off.
  void stop();

  // What it is attached to, and what it is not, and why: a line each. Empty: there are none.
  std::vector<Probe> probes() const;

  // How often one was not run because it was running already. Also after stop().
  std::uint64_t missed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tracepkt::kernel
