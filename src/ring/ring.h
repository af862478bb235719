// The ring buffer's reading end: raw records, in the order in which the kernel side wrote them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "base/result.h"

namespace tracepkt::ring {

class Ring {
 public:
  // The bytes of a record are valid during the call only.
  using Handler = std::function<void(std::span<const std::byte>)>;

  virtual ~Ring() = default;

  // Hands the records that are in the buffer to the handler, kMaxBatch at most: a kernel that
  // writes faster than they can be taken must not keep its reader from everything else. Never
  // blocks, and nothing tells when there are records: to be woken for them would cost the kernel
  // side more than to write them. Returns how many there were.
  virtual std::size_t read() = 0;

  // Bytes that wait to be read, those of the record that the handler has in hand included.
  virtual std::size_t waiting() const = 0;

  // Of the buffer, in bytes: all of it, and what a record of so many bytes takes of it.
  virtual std::size_t size() const = 0;
  virtual std::size_t room_of(std::size_t bytes) const = 0;

  static constexpr std::size_t kMaxBatch = 32768;

 protected:
  Ring() = default;
  Ring(const Ring&) = default;
  Ring(Ring&&) = default;
  Ring& operator=(const Ring&) = default;
  Ring& operator=(Ring&&) = default;
};

// The maps of a loaded object (bpf/ring.bpf.h), which need not stay open. `state_fd`: -1 where
// `records_fd` is the kernel's own ring buffer.
Result<std::unique_ptr<Ring>> open(int records_fd, int state_fd, Ring::Handler handler);

}  // namespace tracepkt::ring
