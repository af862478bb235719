// The reading end of a BPF_MAP_TYPE_RINGBUF.
#pragma once

#include <vector>

#include "base/mapping.h"
#include "ring/ring.h"

namespace tracepkt::ring {

// Not libbpf's ring_buffer, because that gives back the room of each record by itself: the position
// that it writes for that is read for each record by the CPU that writes them, and the two CPUs
// pass it back and forth. Here the room of many records is given back at once.
class KernelRing final : public Ring {
 public:
  static Result<KernelRing> open(int map_fd, Handler handler);

  std::size_t read() override;
  std::size_t waiting() const override;
  std::size_t size() const override { return size_; }
  std::size_t room_of(std::size_t bytes) const override;

 private:
  KernelRing(Mapping consumed, Mapping produced, std::size_t size, Handler handler);
  // The bytes from `at` on, which may go on at the beginning.
  std::span<const std::byte> whole(const std::byte* records, std::size_t at, std::size_t bytes);

  Handler handler_;
  std::size_t size_;  // bytes, a power of two
  // Shared with the kernel, each in a page of its own; the records follow the second.
  Mapping consumed_pages_;
  Mapping produced_pages_;
  unsigned long* consumed_;
  const unsigned long* produced_;
  unsigned long position_;      // of the next record; *consumed_ follows it
  std::vector<std::byte> cut_;  // the last record that was in two pieces
};

}  // namespace tracepkt::ring
