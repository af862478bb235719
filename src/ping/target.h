// Turns what the user typed as HOST into the one address that is pinged.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "ping/address.h"

namespace tracepkt::ping {

enum class Family { kAny, kIpv4, kIpv6 };  // kAny unless -4 or -6 was given

struct Target {
  std::string name = {};  // as typed
  Address address = {};
};

// `text` as an address written in full, fe80::1%eth0 included. nullopt: it is none. Fails where the
// interface behind the % is not in the caller's namespace.
Result<std::optional<Address>> read_literal(const std::string& text);

// Looks `host` up in the network namespace the caller is in; may block for as long as the resolver
// takes. Of several addresses it is the one that the system prefers (getaddrinfo's first).
Result<Target> resolve(const std::string& host, Family family);

}  // namespace tracepkt::ping
