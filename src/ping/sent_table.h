// SentTable remembers which echo requests are out and when they left, to find the one that an
// answer's 16 bits of sequence number mean.
#pragma once

#include <cstdint>
#include <vector>

namespace tracepkt::ping {

struct Sent {
  std::uint64_t seq = 0;
  std::int64_t sent_ns = 0;  // CLOCK_MONOTONIC
  bool in_use = false;
  bool replied = false;
  bool failed = false;  // an ICMP error came
};

// Holds the last 65536 requests at most: a later one with the same 16 bits takes an earlier one's
// place, whose answer, were it to come that late, would be taken for the later one's.
class SentTable {
 public:
  void add(std::uint64_t seq, std::int64_t sent_ns);

  // nullptr where no such request was sent. Valid until the next add().
  Sent* find(std::uint16_t wire_seq);

 private:
  std::vector<Sent> slots_;  // index: the 16 bits; as long as the highest used
};

}  // namespace tracepkt::ping
