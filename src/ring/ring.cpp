#include "ring/ring.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace tracepkt::ring {
namespace {

// Room is given back after so many bytes of records, or a part of a small ring.
constexpr std::size_t kGiveBackBytes = 16 << 10;

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

template <typename T>
T load_acquire(const T* from) {
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

}  // namespace

Result<Ring> Ring::open(int map_fd, Handler handler) {
  Ring ring;
  ring.handler_ = std::move(handler);
  bpf_map_info info = {};
  __u32 info_size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_fd, &info, &info_size) != 0) {
    return errno_failure(errno, "cannot tell the ring buffer's size");
  }
  ring.size_ = info.max_entries;
  void* consumed = mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumed == MAP_FAILED) {
    return errno_failure(errno, "cannot map the ring buffer");
  }
  ring.consumed_ = static_cast<unsigned long*>(consumed);
  // The kernel would map the records a second time behind the first, so that none is cut at the
  // end. All of that counts as our memory, so that the one that is cut is put together instead.
  void* produced = mmap(nullptr, page_size() + ring.size_, PROT_READ, MAP_SHARED, map_fd,
                        static_cast<off_t>(page_size()));
  if (produced == MAP_FAILED) {
    return errno_failure(errno, "cannot map the ring buffer");
  }
  ring.produced_ = static_cast<const unsigned long*>(produced);
  ring.position_ = load_acquire(ring.consumed_);
  return ring;
}

Ring::Ring(Ring&& other) noexcept { *this = std::move(other); }

Ring& Ring::operator=(Ring&& other) noexcept {
  std::swap(handler_, other.handler_);
  std::swap(size_, other.size_);
  std::swap(consumed_, other.consumed_);
  std::swap(produced_, other.produced_);
  std::swap(position_, other.position_);
  std::swap(cut_, other.cut_);
  return *this;
}

Ring::~Ring() {
  if (consumed_ != nullptr) {
    munmap(consumed_, page_size());
  }
  if (produced_ != nullptr) {
    munmap(const_cast<unsigned long*>(produced_), page_size() + size_);
  }
}

std::span<const std::byte> Ring::whole(const std::byte* records, std::size_t at,
                                       std::size_t bytes) {
  const std::size_t first = std::min(bytes, size_ - at);
  if (first == bytes) {
    return {records + at, bytes};
  }
  cut_.assign(records + at, records + at + first);
  cut_.insert(cut_.end(), records, records + (bytes - first));
  return cut_;
}

std::size_t Ring::read() {
  const auto* const records = reinterpret_cast<const std::byte*>(produced_) + page_size();
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
    position_ += (bytes + BPF_RINGBUF_HDR_SZ + 7u) & ~7ul;
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

std::size_t Ring::waiting() const { return load_acquire(produced_) - position_; }

}  // namespace tracepkt::ring
