#include "ping/identity.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tracepkt::ping {

std::size_t max_payload(int family) {
  constexpr std::size_t kMaxIpBytes = 65535;  // IPv4: with the header; IPv6: without it
  constexpr std::size_t kIpv4HeaderBytes = 20;
  return kMaxIpBytes - kEchoHeaderBytes - (family == AF_INET ? kIpv4HeaderBytes : 0);
}

Result<Identity> random_identity(int family, std::size_t payload_bytes) {
  if (payload_bytes > max_payload(family)) {
    return failure(
        fmt::format("{} bytes are too many for one {} packet", payload_bytes,
                    family == AF_INET ? "IPv4" : "IPv6"),
        fmt::format("the payload of an echo request is 0 to {} bytes", max_payload(family)));
  }
  Identity identity{.family = family, .cookie_bytes = std::min(payload_bytes, kCookieBytes)};
  std::array<std::uint8_t, kCookieBytes + sizeof(identity.id)> random{};
  do {
    // Up to 256 bytes come whole or not at all (getrandom(2)).
    if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
      return errno_failure(errno, "cannot get random bytes");
    }
    std::copy_n(random.begin(), kCookieBytes, identity.cookie.begin());
    std::memcpy(&identity.id, random.data() + kCookieBytes, sizeof(identity.id));
  } while (identity.id == 0);
  return identity;
}

}  // namespace tracepkt::ping
