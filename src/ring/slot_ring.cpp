#include "ring/slot_ring.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tracepkt::ring {
namespace {

// Room is given back after so many records, or a part of a small ring: where that is written, the
// CPU that writes records reads and writes.
constexpr std::uint64_t kGiveBackSlots = 64;

// A quarter of a megabyte. A reader who keeps up needs no more of the ring, and that much stays in
// the processor's cache: to write where nobody was for a while waits for memory.
constexpr std::uint64_t kNearSlots = (256 << 10) / RING_SLOT_BYTES;

__u64 load(const __u64& number) { return __atomic_load_n(&number, __ATOMIC_ACQUIRE); }

// False: it was not `before`, which tells now what it was.
bool exchange(__u64& number, __u64& before, __u64 after) {
  return __atomic_compare_exchange_n(&number, &before, after, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
}

}  // namespace

SlotRing::SlotRing(ring_state& state, const ring_slot* slots, Handler handler)
    : handler_(std::move(handler)),
      state_(&state),
      slots_(slots),
      position_((ring_produced(state.ends) - ring_in_use(state.ends)) & RING_POSITION_MASK),
      end_(position_) {}

Result<SlotRing> SlotRing::open(int slots_fd, int state_fd, Handler handler) {
  Mapping state_pages(state_fd, Mapping::page_size(), PROT_READ | PROT_WRITE);
  if (!state_pages.valid()) {
    return errno_failure(errno, "cannot map the state of the ring buffer");
  }
  auto& state = *static_cast<ring_state*>(state_pages.start());
  Mapping slots_pages(slots_fd, state.slots * sizeof(ring_slot), PROT_READ);
  if (!slots_pages.valid()) {
    return errno_failure(errno, "cannot map the ring buffer");
  }
  SlotRing ring(state, static_cast<const ring_slot*>(slots_pages.start()), std::move(handler));
  ring.state_pages_ = std::move(state_pages);
  ring.slots_pages_ = std::move(slots_pages);
  return ring;
}

void SlotRing::give_back() {
  __u64 ends = load(state_->ends);
  while (!exchange(state_->ends, ends, ring_ends(ring_produced(ends), position_))) {
  }
}

// Where all is read, the next record is the first of a lap: as if the rest of this one had been
// written and read.
void SlotRing::begin_anew() {
  __u64 ends = load(state_->ends);
  const std::uint64_t next =
      (((position_ >> state_->slots_log2) + 1) << state_->slots_log2) & RING_POSITION_MASK;
  if (ring_produced(ends) == position_ && exchange(state_->ends, ends, ring_ends(next, next))) {
    position_ = end_ = next;
  }
}

std::size_t SlotRing::read() {
  const std::uint64_t slots = state_->slots;
  const std::uint64_t give_back_slots = std::min(kGiveBackSlots, slots / 8);
  std::size_t count = 0;
  while (count < kMaxBatch) {
    if (position_ == end_) {
      end_ = ring_produced(load(state_->ends));
    }
    if (position_ == end_) {
      break;
    }
    const ring_slot& slot = slots_[position_ & (slots - 1)];
    const std::uint32_t mark = __atomic_load_n(&slot.mark, __ATOMIC_ACQUIRE);
    if (ring_is_of_lap(mark, position_ >> state_->slots_log2) == 0) {
      break;  // a CPU is still writing it
    }
    if (const std::size_t bytes = ring_mark_bytes(mark); bytes != 0) {
      handler_(
          {reinterpret_cast<const std::byte*>(slot.record), std::min(bytes, sizeof(slot.record))});
      ++count;
    }
    position_ = (position_ + 1) & RING_POSITION_MASK;
    if (position_ % give_back_slots == 0) {
      give_back();
    }
  }
  give_back();
  if ((position_ & (slots - 1)) >= std::min(kNearSlots, slots / 2)) {
    begin_anew();
  }
  return count;
}

std::size_t SlotRing::waiting() const {
  return ((ring_produced(load(state_->ends)) - position_) & RING_POSITION_MASK) * sizeof(ring_slot);
}

std::size_t SlotRing::size() const { return state_->slots * sizeof(ring_slot); }

std::size_t SlotRing::room_of(std::size_t /*bytes*/) const { return sizeof(ring_slot); }

}  // namespace tracepkt::ring
