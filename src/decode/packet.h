// The headers of a packet, parsed from the bytes that a record carries. The bytes come from the
// network: whatever they say, parsing stays inside them.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/boxed.h"

namespace tracepkt::decode {

struct Address {
  std::uint8_t family = 0;  // 4 or 6; 0: none
  std::array<std::uint8_t, 16> bytes = {};

  std::string text() const;
  void append_text(std::string& out) const;
  bool is_multicast() const;
  auto operator<=>(const Address&) const = default;
};

std::size_t hash_of(const Address& address);

// An ICMP or ICMPv6 message; id and seq are those of an echo message.
struct Icmp {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t id = 0;
  std::uint16_t seq = 0;

  bool operator==(const Icmp&) const = default;
};

// An echo request, as an ICMP error quotes it.
struct QuotedEcho {
  Icmp icmp;
  Address src;
  Address dst;
};

// An ARP message about IPv4 addresses.
struct Arp {
  std::uint16_t op = 0;  // 1: request, 2: reply
  std::array<std::uint8_t, 6> sender_mac = {};
  Address sender;
  Address target;

  bool operator==(const Arp&) const = default;
};

enum class EchoKind : std::uint8_t { kNone, kRequest, kReply, kError };

struct Packet {
  std::uint16_t ethertype = 0;
  std::uint8_t protocol = 0;  // IPPROTO_*, behind IPv6's extension headers
  std::uint8_t ttl = 0;       // hop limit in IPv6
  std::uint32_t len = 0;      // bytes from the network header on
  std::uint32_t mark = 0;
  bool has_ports = false;
  bool first_fragment = false;  // more fragments follow
  bool later_fragment = false;  // no transport header in it
  bool ip_options = false;      // IPv4's
  std::uint16_t sport = 0;
  std::uint16_t dport = 0;
  // What tells a packet from others of its flow; 0 where it has none.
  std::uint16_t ip_id = 0;
  std::uint32_t tcp_seq = 0;
  std::uint32_t tcp_ack = 0;
  std::uint8_t tcp_flags = 0;
  bool tcp_cut = false;                   // shorter than TCP's header is, or says that it is
  std::optional<std::uint32_t> tcp_data;  // bytes behind TCP's header, where that is whole
  Address src;
  Address dst;
  std::optional<Icmp> icmp;
  Boxed<QuotedEcho> quoted_echo;  // of an ICMP error about an echo request
  Boxed<Arp> arp;
  Address nd_target;  // of a neighbour solicitation or advertisement (ICMPv6)

  bool is_ip() const { return src.family != 0; }
  EchoKind echo_kind() const;
  // "icmp", "icmp6", "udp", ..., "arp", or the ethertype in hex.
  std::string protocol_name() const;
  // "SYN ACK"; empty for what is no TCP.
  std::string tcp_flags_text() const;
  // "10.0.0.1:53 -> 10.0.0.2:4711", without ports where there are none; empty for what is no IP.
  std::string addresses_text() const;
  void append_addresses(std::string& out) const;
};

// Parses `bytes`, the packet from its network header on; `len` is its whole length, of which
// `bytes` may hold only the beginning. What does not parse stays empty.
Packet parse_packet(std::uint16_t ethertype, std::uint32_t len,
                    std::span<const std::uint8_t> bytes);

}  // namespace tracepkt::decode
