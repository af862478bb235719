// --rules: what is put in place so that the kernel tells which rules match, and what is said of it.
#pragma once

#include <optional>

#include "base/result.h"
#include "decode/event.h"
#include "kernel/legacy_marks.h"
#include "kernel/nftables.h"
#include "kernel/tracer.h"

namespace tracepkt::cli {

class RuleTracing {
 public:
  // Before the tracer. Fails where no rule can be told.
  static Result<RuleTracing> start(const kernel::TraceRequest& request);

  // After the tracer: marks what legacy iptables is to tell of, and says in one line all that was
  // put in place.
  void announce();

  // A chain may be in a namespace, or of a table, that was not there before.
  void see(const decode::Event& event);
  // Now and then: who logs may have come only now.
  void look_again();

 private:
  explicit RuleTracing(kernel::RuleTracing tracing) : tracing_(std::move(tracing)) {}

  kernel::RuleTracing tracing_;
  std::optional<kernel::LegacyMarks> marks_;  // where rules of legacy iptables can be told
};

}  // namespace tracepkt::cli
