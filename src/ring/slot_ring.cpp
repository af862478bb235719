#include "ring/slot_ring.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tracepkt::ring {
namespace {

// Room is given back after so many records, or a part of a small ring: where that is written, the
// CPU that writes records reads.
constexpr std::uint64_t kGiveBackSlots = 64;

}  // namespace

SlotRing::SlotRing(ring_ends& ends, const ring_slot* slots, Handler handler)
    : handler_(std::move(handler)), ends_(&ends), slots_(slots), position_(ends.consumed) {}

Result<SlotRing> SlotRing::open(int slots_fd, int ends_fd, Handler handler) {
  Mapping ends_pages(ends_fd, Mapping::page_size(), PROT_READ | PROT_WRITE);
  if (!ends_pages.valid()) {
    return errno_failure(errno, "cannot map the ring buffer's ends");
  }
  auto& ends = *static_cast<ring_ends*>(ends_pages.start());
  Mapping slots_pages(slots_fd, ends.slots * sizeof(ring_slot), PROT_READ);
  if (!slots_pages.valid()) {
    return errno_failure(errno, "cannot map the ring buffer");
  }
  SlotRing ring(ends, static_cast<const ring_slot*>(slots_pages.start()), std::move(handler));
  ring.ends_pages_ = std::move(ends_pages);
  ring.slots_pages_ = std::move(slots_pages);
  return ring;
}

void SlotRing::give_back() { __atomic_store_n(&ends_->consumed, position_, __ATOMIC_RELEASE); }

std::size_t SlotRing::read() {
  const std::uint32_t slots = ends_->slots;
  const std::uint64_t give_back_slots = std::min<std::uint64_t>(kGiveBackSlots, slots / 8);
  std::size_t count = 0;
  while (count < kMaxBatch) {
    const ring_slot& slot = slots_[position_ & (slots - 1)];
    const auto lap = static_cast<std::uint16_t>((position_ >> ends_->slots_log2) + 1);
    if (__atomic_load_n(&slot.lap, __ATOMIC_ACQUIRE) != lap) {
      break;  // nothing more, or a CPU is still writing it
    }
    if (slot.size != 0) {
      const std::size_t size = std::min<std::size_t>(slot.size, sizeof(slot.record));
      handler_({reinterpret_cast<const std::byte*>(slot.record), size});
      ++count;
    }
    ++position_;
    if (position_ % give_back_slots == 0) {
      give_back();
    }
  }
  give_back();
  return count;
}

std::size_t SlotRing::waiting() const {
  return (__atomic_load_n(&ends_->produced, __ATOMIC_ACQUIRE) - position_) * sizeof(ring_slot);
}

}  // namespace tracepkt::ring
