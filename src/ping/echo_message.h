// Builds ICMP and ICMPv6 echo requests and reads what comes back: pure functions of bytes that
// anyone may have sent. A message is ours only if its id and its cookie are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ping/address.h"

namespace tracepkt::ping {

constexpr std::size_t kEchoHeaderBytes = 8;
constexpr std::size_t kCookieBytes = 8;

// What tells our echo requests from everybody else's. The cookie begins the payload, as much of it
// as fits there (`cookie_bytes`). `id` is in host order, and never 0.
struct Identity {
  int family = AF_UNSPEC;
  std::uint16_t id = 0;
  std::array<std::uint8_t, kCookieBytes> cookie{};
  std::size_t cookie_bytes = 0;
};

// An echo request: header, cookie, then bytes that hold their own offset in the payload (mod 256).
// The ICMPv6 checksum is left 0: it covers addresses that only the kernel knows, which fills it in.
std::vector<std::uint8_t> build_echo_request(const Identity& identity, std::uint16_t seq,
                                             std::size_t payload_bytes);

enum class HeardKind {
  kReply,
  kError,   // the echo request did not arrive
  kNotice,  // a redirect or source quench: the echo request went on, and a reply may follow
};

// Of an ICMP or ICMPv6 error: kError or kNotice.
HeardKind error_kind(int family, std::uint8_t type);

// A message that answers one of our echo requests.
struct Heard {
  HeardKind kind = HeardKind::kReply;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t seq = 0;
  std::uint32_t info = 0;        // the MTU of "too big", the pointer of "parameter problem", the
                                 // gateway of "redirect" (host order); otherwise 0
  std::size_t cookie_bytes = 0;  // how much of the cookie was there to compare
  Address destination = {};      // where the quoted echo request went; AF_UNSPEC for a reply
  std::size_t bytes = 0;         // length of the ICMP message
  int ttl = -1;             // of the packet that brought it; -1 where it was not among the bytes
  bool checksum_ok = true;  // only parse_ipv4_packet checks; elsewhere the kernel has
};

// A packet as a raw IPv4 socket gets it, IP header included. nullopt: not ours.
std::optional<Heard> parse_ipv4_packet(std::span<const std::uint8_t> packet,
                                       const Identity& identity);

// A message without an IP header: what raw ICMPv6 sockets and ping sockets get. nullopt: not ours.
std::optional<Heard> parse_message(std::span<const std::uint8_t> message, const Identity& identity);

// An echo request of ours quoted without its IP header, perhaps cut: what the error queue of a ping
// socket holds. Only seq and cookie_bytes of the result are set. nullopt: not ours.
std::optional<Heard> parse_quoted_request(std::span<const std::uint8_t> message,
                                          const Identity& identity);

// The Internet checksum (RFC 1071), in host order. 0 over a message that holds a right one.
std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes);

}  // namespace tracepkt::ping
