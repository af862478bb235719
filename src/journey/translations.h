// What NAT changes of packets that come to a local process (a REDIRECT, a DNAT to this host), so
// that what changes back of their answers is known, which leave the process before any hook.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "decode/event.h"
#include "journey/journey.h"

namespace tracepkt::journey {

class Translations {
 public:
  static constexpr std::size_t kMax = 4096;

  explicit Translations(std::size_t max = kMax) : max_(max) {}

  // The events so far of a packet, the last one new: where that tells that NAT has changed it, or
  // that it ended without that.
  void learn(const std::vector<decode::Event>& events);
  // What its sender in that namespace made, of which NAT made `packet`. Nothing: the same, or it is
  // not known.
  std::optional<decode::Packet> before(const decode::Packet& packet, std::uint32_t netns) const;

 private:
  struct End {
    decode::Address address;
    std::uint16_t port = 0;

    auto operator<=>(const End&) const = default;
  };
  // As the other side knows both ends: namespace, protocol, here, there.
  using Key = std::tuple<std::uint32_t, std::uint8_t, End, End>;
  struct Ends {
    End local;
    End remote;
  };

  std::size_t max_;
  std::map<Key, Ends> known_;
  std::deque<Key> order_;  // the oldest first
};

}  // namespace tracepkt::journey
