// The ring buffer's reading end: raw records, in the order in which the kernel wrote them.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"

namespace tracepkt::ring {

// Not libbpf's ring_buffer, because that gives back the room of each record by itself: the position
// that it writes for that is read for each record by the CPU that writes them, and the two CPUs
// pass it back and forth. Here the room of many records is given back at once.
class Ring {
 public:
  // The bytes of a record are valid during the call only.
  using Handler = std::function<void(std::span<const std::byte>)>;

  // `map_fd` is a BPF_MAP_TYPE_RINGBUF; it need not stay open.
  static Result<Ring> open(int map_fd, Handler handler);

  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&& other) noexcept;
  ~Ring();

  // Hands the records that are in the buffer to the handler, kMaxBatch at most: a kernel that
  // writes faster than they can be taken must not keep its reader from everything else. Never
  // blocks, and nothing tells when there are records: to be woken for them would cost the kernel
  // side more than to write them. Returns how many there were.
  std::size_t read();

  // Bytes that wait to be read, those of the record that the handler has in hand included.
  std::size_t waiting() const;

  static constexpr std::size_t kMaxBatch = 32768;

 private:
  Ring() = default;
  // The bytes from `at` on, which may go on at the beginning.
  std::span<const std::byte> whole(const std::byte* records, std::size_t at, std::size_t bytes);

  Handler handler_;
  std::size_t size_ = 0;  // bytes, a power of two
  // Shared with the kernel, each in a page of its own; the records follow the second.
  unsigned long* consumed_ = nullptr;
  const unsigned long* produced_ = nullptr;
  unsigned long position_ = 0;  // of the next record; *consumed_ follows it
  std::vector<std::byte> cut_;  // the last record that was in two pieces
};

}  // namespace tracepkt::ring
