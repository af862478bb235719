// The ring buffer's reading end: raw records, in the order in which the kernel wrote them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "base/result.h"

struct ring_buffer;

namespace tracepkt::ring {

class Ring {
 public:
  // The bytes of a record are valid during the call only.
  using Handler = std::function<void(std::span<const std::byte>)>;

  // `map_fd` is a BPF_MAP_TYPE_RINGBUF; it must stay open while the Ring lives.
  static Result<Ring> open(int map_fd, Handler handler);

  // Hands the records that are in the buffer to the handler, kMaxBatch at most: a kernel that
  // writes faster than they can be taken must not keep its reader from everything else. Never
  // blocks, and nothing tells when there are records: to be woken for them would cost the kernel
  // side more than to write them. Returns how many there were.
  std::size_t read();

  static constexpr std::size_t kMaxBatch = 32768;

 private:
  struct Close {
    void operator()(ring_buffer* ring) const;
  };
  Ring() = default;

  struct Context {
    Handler handler;
    std::size_t count = 0;
  };
  static int on_sample(void* context, void* data, std::size_t size);

  std::unique_ptr<Context> context_;
  std::unique_ptr<ring_buffer, Close> ring_;
};

}  // namespace tracepkt::ring
