// Packets for the tests of this folder, put together without the code under test.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "ping/echo_message.h"

namespace tracepkt::ping {

using Bytes = std::vector<std::uint8_t>;

inline constexpr Identity kOurs4{.family = AF_INET,
                                 .id = 0x1234,
                                 .cookie = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7},
                                 .cookie_bytes = 8};
inline constexpr Identity kOurs6{
    .family = AF_INET6, .id = kOurs4.id, .cookie = kOurs4.cookie, .cookie_bytes = 8};

using Ip = std::array<std::uint8_t, 4>;
inline constexpr Ip kHere4 = {10, 0, 1, 1};
inline constexpr Ip kRouter4 = {10, 0, 1, 254};
inline constexpr Ip kThere4 = {10, 0, 2, 2};

// Fills in the ICMP checksum, by adding up in 64 bits and folding at the end.
inline Bytes with_checksum(Bytes message) {
  message[2] = message[3] = 0;
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < message.size(); ++at) {
    sum += std::uint64_t{message[at]} << (at % 2 == 0 ? 8 : 0);
  }
  sum %= 0xffff;  // one's complement addition is addition modulo 2^16 - 1
  message[2] = static_cast<std::uint8_t>((0xffff - sum) >> 8);
  message[3] = static_cast<std::uint8_t>((0xffff - sum) & 0xff);
  return message;
}

inline Bytes reply(const Identity& identity, std::uint16_t seq, std::size_t payload_bytes) {
  Bytes message{static_cast<std::uint8_t>(identity.family == AF_INET ? 0 : 129),
                0,
                0,
                0,
                static_cast<std::uint8_t>(identity.id >> 8),
                static_cast<std::uint8_t>(identity.id & 0xff),
                static_cast<std::uint8_t>(seq >> 8),
                static_cast<std::uint8_t>(seq & 0xff)};
  message.insert(message.end(), identity.cookie.begin(),
                 identity.cookie.begin() + std::min(payload_bytes, identity.cookie_bytes));
  message.resize(8 + payload_bytes, 0x55);
  return with_checksum(message);
}

inline Bytes icmp_error(std::uint8_t type, std::uint8_t code, std::uint32_t rest,
                        std::span<const std::uint8_t> quoted) {
  Bytes message{type, code, 0, 0};
  for (int shift : {24, 16, 8, 0}) {
    message.push_back(static_cast<std::uint8_t>(rest >> shift & 0xff));
  }
  message.insert(message.end(), quoted.begin(), quoted.end());
  return with_checksum(message);
}

inline Bytes ipv4(const Bytes& body, Ip from = kRouter4, Ip to = kHere4,
                  std::size_t header_bytes = 20) {
  Bytes packet(header_bytes);
  const std::size_t total = header_bytes + body.size();
  packet[0] = static_cast<std::uint8_t>(0x40 | header_bytes / 4);
  packet[2] = static_cast<std::uint8_t>(total >> 8);
  packet[3] = static_cast<std::uint8_t>(total & 0xff);
  packet[8] = 61;
  packet[9] = 1;
  std::copy(from.begin(), from.end(), packet.begin() + 12);
  std::copy(to.begin(), to.end(), packet.begin() + 16);
  packet.insert(packet.end(), body.begin(), body.end());
  return packet;
}

// From 2001:db8::1 to 2001:db8::2.
inline Bytes ipv6(const Bytes& body, std::uint8_t next_header = 58) {
  Bytes packet(40);
  packet[0] = 0x60;
  packet[4] = static_cast<std::uint8_t>(body.size() >> 8);
  packet[5] = static_cast<std::uint8_t>(body.size() & 0xff);
  packet[6] = next_header;
  packet[7] = 61;
  for (std::size_t at : {std::size_t{8}, std::size_t{24}}) {
    packet[at] = 0x20;
    packet[at + 1] = 0x01;
    packet[at + 2] = 0x0d;
    packet[at + 3] = 0xb8;
    packet[at + 15] = at == 8 ? 1 : 2;
  }
  packet.insert(packet.end(), body.begin(), body.end());
  return packet;
}

}  // namespace tracepkt::ping
