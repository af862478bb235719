// Events -> hops, one after the other.
#pragma once

#include <cstdint>
#include <vector>

#include "journey/journey.h"

namespace tracepkt::journey {

// Fills in which process has the socket open, where that is not known yet.
void name_owner(decode::Socket& socket, Names& names);

// The hops made so far, asked from the newest on.
class HopList {
 public:
  // Both must outlive it.
  HopList(std::vector<Hop>& hops, Names& names) : hops_(hops), names_(names) {}

  const Hop* last_crossing() const;
  void add(const decode::Event& event);
  // A VLAN, macvlan or ipvlan interface takes a packet over from the one below it without any hook:
  // the packet itself remembers the interface that it came in by last.
  void infer_arrival(const decode::Event& event);
  // What a generic XDP program sends back (XDP_TX) leaves without any hook: the interface that had
  // sent it receives it again.
  void infer_return(const decode::Event& event);

 private:
  bool came_in_by(std::uint32_t netns, std::uint32_t ifindex) const;
  bool came_back_from(const decode::Event& event) const;
  bool is_duplicate(const decode::Event& event) const;
  bool is_looped(const decode::Event& event) const;
  // By which it came there.
  decode::Device device_of(const decode::Event& event, std::uint32_t netns) const;

  std::vector<Hop>& hops_;
  Names& names_;
};

// Firewalls tell each rule that matches, and then what the chain came to, of which a hop is made.
class ChainWalks {
 public:
  // All must outlive it.
  ChainWalks(HopList& list, std::vector<Hop>& hops, Names& names)
      : list_(list), hops_(hops), names_(names) {}

  void add(const decode::Event& event);

 private:
  void end_walk(const decode::Event& event);

  HopList& list_;
  std::vector<Hop>& hops_;
  Names& names_;
  std::vector<Rule> rules_;  // of the chain that it is in
  bool by_policy_ = false;
};

}  // namespace tracepkt::journey
