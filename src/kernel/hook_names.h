// The catalogue of hooks, in words, for `tracepkt probes` and `tracepkt doctor`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wire/record.h"

namespace tracepkt::kernel {

struct HookName {
  std::string kind = "tp_btf";  // or "fentry", "kprobe"
  std::string name;
  std::optional<stage_id> stage;  // of the hops that it tells, if it tells any
  bool needed = false;            // without it a ping cannot be followed
  std::string says;
  bool of_kernel = false;  // fentry: a function that is in no module

  std::string probe() const { return kind + ':' + name; }
};
std::vector<HookName> hook_names();

}  // namespace tracepkt::kernel
