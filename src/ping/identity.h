// Makes the Identity of one ping: random, so that no two pings share it.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "ping/echo_message.h"

namespace tracepkt::ping {

// The largest echo payload an IP packet holds: 65507 in IPv4, 65527 in IPv6.
std::size_t max_payload(int family);

// Fails where `payload_bytes` is more than max_payload(family), or the kernel gives no random
// bytes.
Result<Identity> random_identity(int family, std::size_t payload_bytes);

}  // namespace tracepkt::ping
