#include "ring/kernel_ring.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace tracepkt::ring {
namespace {

// Room is given back after so many bytes of records, or a part of a small ring.
constexpr std::size_t kGiveBackBytes = 16 << 10;

template <typename T>
T load_acquire(const T* from) {
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

}  // namespace

KernelRing::KernelRing(Mapping consumed, Mapping produced, std::size_t size, Handler handler)
    : handler_(std::move(handler)),
      size_(size),
      consumed_pages_(std::move(consumed)),
      produced_pages_(std::move(produced)),
      consumed_(static_cast<unsigned long*>(consumed_pages_.start())),
      produced_(static_cast<const unsigned long*>(produced_pages_.start())),
      position_(load_acquire(consumed_)) {}

Result<KernelRing> KernelRing::open(int map_fd, Handler handler) {
  bpf_map_info info = {};
  __u32 info_size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_fd, &info, &info_size) != 0) {
    return errno_failure(errno, "cannot tell the ring buffer's size");
  }
  const std::size_t size = info.max_entries;
  const std::size_t page = Mapping::page_size();
  Mapping consumed(map_fd, page, PROT_READ | PROT_WRITE);
  // The kernel would map the records a second time behind the first, so that none is cut at the
  // end. All of that counts as our memory, so that the one that is cut is put together instead.
  Mapping produced(map_fd, page + size, PROT_READ, page);
  if (!consumed.valid() || !produced.valid()) {
    return errno_failure(errno, "cannot map the ring buffer");
  }
  return KernelRing(std::move(consumed), std::move(produced), size, std::move(handler));
}

std::span<const std::byte> KernelRing::whole(const std::byte* records, std::size_t at,
                                             std::size_t bytes) {
  const std::size_t first = std::min(bytes, size_ - at);
  if (first == bytes) {
    return {records + at, bytes};
  }
  cut_.assign(records + at, records + at + first);
  cut_.insert(cut_.end(), records, records + (bytes - first));
  return cut_;
}

std::size_t KernelRing::read() {
  const auto* const records = reinterpret_cast<const std::byte*>(produced_) + Mapping::page_size();
  const auto give_back = [&] { __atomic_store_n(consumed_, position_, __ATOMIC_RELEASE); };
  const std::size_t give_back_bytes = std::min(kGiveBackBytes, size_ / 8);
  std::size_t count = 0;
  unsigned long given_back = position_;
  unsigned long end = load_acquire(produced_);
  while (count < kMaxBatch) {
    if (position_ == end) {
      end = load_acquire(produced_);
    }
    if (position_ == end) {
      break;
    }
    const std::size_t at = position_ & (size_ - 1);
    const std::uint32_t length = load_acquire(reinterpret_cast<const std::uint32_t*>(records + at));
    if ((length & BPF_RINGBUF_BUSY_BIT) != 0) {
      break;  // a CPU is still writing it
    }
    const std::uint32_t bytes = length & ~BPF_RINGBUF_DISCARD_BIT;
    if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) {
      handler_(whole(records, (at + BPF_RINGBUF_HDR_SZ) & (size_ - 1), bytes));
      ++count;
    }
    position_ += room_of(bytes);
    if (position_ - given_back >= give_back_bytes) {
      give_back();
      given_back = position_;
    }
  }
  if (position_ != given_back) {
    give_back();
  }
  return count;
}

std::size_t KernelRing::room_of(std::size_t bytes) const {
  return (bytes + BPF_RINGBUF_HDR_SZ + 7u) & ~std::size_t{7};
}

std::size_t KernelRing::waiting() const { return load_acquire(produced_) - position_; }

}  // namespace tracepkt::ring
