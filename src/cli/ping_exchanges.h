// Of a ping, which packets belong to which echo request: kept until that is to be shown. Live and
// from a file the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "capture/contents.h"
#include "journey/journey.h"
#include "sinks/sink.h"

namespace tracepkt::cli {

class PingExchanges {
 public:
  // An echo request with this sequence number, of which the packet has 16 bits, is on its way.
  void expect(std::uint64_t seq);

  // Gives a journey back that belongs to none that is expected.
  std::optional<journey::Journey> keep(journey::Journey&& journey);

  // Of those with this sequence number, in the order in which they ended.
  std::span<const journey::Journey> journeys(std::uint64_t seq) const;

  // The same in the order to show them. The request is not expected any more.
  std::vector<journey::Journey> take(std::uint64_t seq);

  // All that were never taken.
  std::vector<journey::Journey> take_rest();

 private:
  struct Kept {
    unsigned expected = 0;  // so many requests, when numbers are used again
    std::vector<journey::Journey> journeys;
  };
  std::map<std::uint16_t, Kept> kept_;  // by the number in the packet
  std::size_t journeys_ = 0;            // in it
};

// As sinks want it; `journeys` must outlive it.
sinks::PingExchange shown_exchange(const capture::Exchange& exchange,
                                   std::span<const journey::Journey> journeys);

}  // namespace tracepkt::cli
