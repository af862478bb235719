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
  SlotRing(ring_state& state, const ring_slot* slots, Handler handler);
  static Result<SlotRing> open(int slots_fd, int state_fd, Handler handler);

  std::size_t read() override;
  std::size_t waiting() const override;
  std::size_t size() const override;
  std::size_t room_of(std::size_t bytes) const override;

 private:
  void give_back();
  void begin_anew();

  Handler handler_;
  Mapping state_pages_;
  Mapping slots_pages_;
  ring_state* state_;
  const ring_slot* slots_;
  std::uint64_t position_;  // of the next record
  std::uint64_t end_;       // of those that are known to be claimed
};

}  // namespace tracepkt::ring
