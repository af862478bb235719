#include "ring/ring.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <utility>

namespace tracepkt::ring {

int Ring::on_sample(void* context, void* data, std::size_t size) {
  auto& self = *static_cast<Context*>(context);
  self.handler({static_cast<const std::byte*>(data), size});
  // A failure ends libbpf's loop, behind this record.
  return ++self.count >= kMaxBatch ? -EAGAIN : 0;
}

void Ring::Close::operator()(ring_buffer* ring) const { ring_buffer__free(ring); }

Result<Ring> Ring::open(int map_fd, Handler handler) {
  Ring ring;
  ring.context_ = std::make_unique<Context>(Context{.handler = std::move(handler)});
  ring.ring_.reset(ring_buffer__new(map_fd, on_sample, ring.context_.get(), nullptr));
  if (!ring.ring_) {
    return errno_failure(errno, "cannot map the ring buffer");
  }
  return ring;
}

std::size_t Ring::read() {
  context_->count = 0;
  ring_buffer__consume(ring_.get());
  return context_->count;
}

}  // namespace tracepkt::ring
