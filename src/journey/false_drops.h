// What the kernel frees as if it were dropped, though it is not: looked up by the names of the
// reason and of the function, so only where the packet speaks for it, and, where that is not
// enough, its way so far.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "journey/journey.h"

namespace tracepkt::journey {

class FalseDrops {
 public:
  // Both must outlive it; `hops` are those made so far: none where only drops are looked at.
  FalseDrops(const std::vector<Hop>& hops, Names& names) : hops_(hops), names_(names) {}

  // The packet was taken, and this is only its end.
  bool is_end(const decode::Event& event);
  // A socket did not want its copy of an ICMP message, while another one holds the packet.
  bool is_refusal(const decode::Event& event);

 private:
  bool came_in() const;
  bool is_end_of_segment(const decode::Event& event);
  bool is_purge(const decode::Event& event);  // a socket was closed, with the packet in a queue
  std::string reason(const decode::Event& event);
  bool without_reason(const decode::Event& event);
  bool is_in(const decode::Event& event, std::initializer_list<std::string_view> functions);

  const std::vector<Hop>& hops_;
  Names& names_;
};

}  // namespace tracepkt::journey
