#include "ring/ring.h"

#include <utility>

#include "ring/kernel_ring.h"
#include "ring/slot_ring.h"

namespace tracepkt::ring {
namespace {

template <typename Kind>
Result<std::unique_ptr<Ring>> own(Result<Kind> ring) {
  if (!ring) {
    return std::unexpected(ring.error());
  }
  return std::make_unique<Kind>(*std::move(ring));
}

}  // namespace

Result<std::unique_ptr<Ring>> open(int records_fd, int state_fd, Ring::Handler handler) {
  return state_fd < 0 ? own(KernelRing::open(records_fd, std::move(handler)))
                      : own(SlotRing::open(records_fd, state_fd, std::move(handler)));
}

}  // namespace tracepkt::ring
