// The reading end of the kernel side's own ring (bpf/ring.bpf.h).
#pragma once

#include <cstdint>

#include "base/mapping.h"
#include "ring/ring.h"
#include "wire/ring.h"

namespace tracepkt::ring {

class SlotRing final : public Ring {
 public:
  // Memory of its own, which outlives the ring's use, or shared with the kernel side.
  SlotRing(ring_ends& ends, const ring_slot* slots, Handler handler);
  static Result<SlotRing> open(int slots_fd, int ends_fd, Handler handler);

  std::size_t read() override;
  std::size_t waiting() const override;

 private:
  void give_back();

  Handler handler_;
  Mapping ends_pages_;
  Mapping slots_pages_;
  ring_ends* ends_;
  const ring_slot* slots_;
  std::uint64_t position_;  // of the next record; ends_->consumed follows it
};

}  // namespace tracepkt::ring
