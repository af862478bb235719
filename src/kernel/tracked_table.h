// The kernel side's table of the packets that are followed, as the user side sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "wire/tracked.h"

struct bpf_object;

namespace tracepkt::kernel {

class TrackedTable {
 public:
  // Memory of its own, or shared with the kernel side, which outlives the table's use.
  TrackedTable(std::span<tracked_set> sets, std::span<const tracked> packets, std::int64_t& count)
      : sets_(sets), packets_(packets), count_(&count) {}

  // The table of a loaded object; none where the kernel does not let us see it.
  static std::optional<TrackedTable> map(const bpf_object* object);

  // Removes what was seen last longer ago than `age_ns`, while the kernel side goes on. What it is
  // about to change stays until the next time. `now_ns`: CLOCK_MONOTONIC.
  void forget(std::uint64_t now_ns, std::uint64_t age_ns);

 private:
  std::span<tracked_set> sets_;
  std::span<const tracked> packets_;
  std::int64_t* count_;  // of the entries
  std::shared_ptr<void> mapped_;
};

}  // namespace tracepkt::kernel
