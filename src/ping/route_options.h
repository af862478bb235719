// What the user asked about the way out of a ping: -I and -m, and the source address they lead to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "ping/address.h"

namespace tracepkt::ping {

// What -I means, sorted out.
struct Via {
  std::string device;
  std::optional<Address> source;
};

// Reads -I, for the namespace the caller is in. A link-local target that does not say its interface
// gets it from here.
Result<Via> read_via(const std::string& via, Address& target);

// What decides the route of a socket's packets: device, mark (SO_MARK), source.
Status apply_route_options(int fd, const Via& via, std::optional<std::uint32_t> mark);

// Port 0.
Status bind_to(int fd, const Address& address);

// The address that packets to `target` leave with; nullopt where nothing routes there. Fails for a
// broadcast address. Sends nothing.
Result<std::optional<Address>> find_source(const Address& target, const Via& via,
                                           std::optional<std::uint32_t> mark);

}  // namespace tracepkt::ping
