// -vv: programs at the kernel functions that take a packet, by the best kind of kprobe that the
// kernel has. They tell of packets that a Tracer follows, into its ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

struct bpf_object;

namespace tracepkt::kernel {

class FunctionTracer {
 public:
  // At functions whose name `glob` matches, or, where it is empty, at all, or all that can be had.
  // `followed`: the object that follows packets, loaded.
  static Result<FunctionTracer> start(bpf_object* followed, const std::string& glob);

  FunctionTracer(FunctionTracer&&) noexcept;
  FunctionTracer& operator=(FunctionTracer&&) noexcept;
  ~FunctionTracer();

  // Takes all off.
  void stop();

  // "kprobe.multi", "kprobe"
  const std::string& kind() const;
  std::size_t count() const;  // functions
  // All that take a packet, or a choice?
  bool is_choice() const;

  // Calls that the kernel did not tell of, being told of another on that CPU. Also after stop().
  std::uint64_t missed() const;

 private:
  struct State;
  explicit FunctionTracer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tracepkt::kernel
