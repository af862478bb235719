// Sockets that were seen sending, by the place that they send from: what comes there is theirs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <tuple>
#include <vector>

#include "decode/event.h"
#include "journey/journey.h"

namespace tracepkt::journey {

class Senders {
 public:
  static constexpr std::size_t kMaxPlaces = 4096;

  explicit Senders(std::size_t max_places = kMaxPlaces) : max_places_(max_places) {}

  // The events so far of a packet whose sender was told.
  void learn(const std::vector<decode::Event>& events, Names& names);
  // Null: nobody was seen sending from there.
  const decode::Socket* find(const SocketPlace& place) const;

 private:
  using Key = std::tuple<std::uint32_t, std::uint8_t, decode::Address, std::uint16_t>;

  std::size_t max_places_;
  std::map<Key, decode::Socket> sockets_;
  std::deque<Key> order_;  // the oldest first
};

}  // namespace tracepkt::journey
