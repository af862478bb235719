// Fuzzes what reads packets from the network. The first byte chooses the parser, the family and how
// much cookie there is; a wrong answer, not only a crash, is a finding.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "ping/echo_message.h"

using namespace tracepkt::ping;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const Identity identity{.family = (data[0] & 1) != 0 ? AF_INET6 : AF_INET,
                          .id = 0x1234,
                          .cookie = {'c', 'o', 'o', 'k', 'i', 'e', '!', '!'},
                          .cookie_bytes = std::min<std::size_t>(data[0] >> 4, kCookieBytes)};
  const std::span input(data + 1, size - 1);
  const auto heard = (data[0] & 2) != 0   ? parse_quoted_request(input, identity)
                     : (data[0] & 4) != 0 ? parse_ipv4_packet(input, identity)
                                          : parse_message(input, identity);
  if (!heard) {
    return 0;
  }
  // What was taken for ours holds the id, the seq and the compared part of the cookie in a row.
  std::array<std::uint8_t, 4 + kCookieBytes> mark{0x12, 0x34,
                                                  static_cast<std::uint8_t>(heard->seq >> 8),
                                                  static_cast<std::uint8_t>(heard->seq & 0xff)};
  std::copy(identity.cookie.begin(), identity.cookie.end(), mark.begin() + 4);
  const std::span expected = std::span(mark).first(4 + heard->cookie_bytes);
  if (heard->cookie_bytes > identity.cookie_bytes ||
      std::search(input.begin(), input.end(), expected.begin(), expected.end()) == input.end() ||
      heard->bytes > input.size()) {
    std::abort();
  }
  return 0;
}
