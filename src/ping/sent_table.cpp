#include "ping/sent_table.h"

namespace tracepkt::ping {

void SentTable::add(std::uint64_t seq, std::int64_t sent_ns) {
  const std::size_t at = seq & 0xffff;
  if (slots_.size() <= at) {
    slots_.resize(at + 1);
  }
  slots_[at] = Sent{.seq = seq, .sent_ns = sent_ns, .in_use = true};
}

Sent* SentTable::find(std::uint16_t wire_seq) {
  return wire_seq < slots_.size() && slots_[wire_seq].in_use ? &slots_[wire_seq] : nullptr;
}

}  // namespace tracepkt::ping
