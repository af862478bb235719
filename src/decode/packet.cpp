#include "decode/packet.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <string_view>
#include <utility>

namespace tracepkt::decode {
namespace {

constexpr std::uint16_t kEtherIp = 0x0800;
constexpr std::uint16_t kEtherArp = 0x0806;
constexpr std::uint16_t kEtherIpv6 = 0x86dd;
constexpr std::size_t kIpv6HeaderBytes = 40;
constexpr int kMaxExtensions = 8;
constexpr std::uint8_t kNeighbourSolicitation = 135;
constexpr std::uint8_t kNeighbourAdvertisement = 136;

using Bytes = std::span<const std::uint8_t>;

std::uint16_t be16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::uint32_t be32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(be16(bytes, at)) << 16 | be16(bytes, at + 2);
}

Address address(std::uint8_t family, Bytes bytes) {
  Address out{.family = family};
  std::ranges::copy(bytes, out.bytes.begin());
  return out;
}

// What an IP header says of itself, and the bytes behind it.
struct IpHeader {
  Address src;
  Address dst;
  std::uint8_t protocol = 0;
  std::uint8_t ttl = 0;
  std::uint16_t id = 0;
  bool first_fragment = false;
  bool later_fragment = false;
  bool options = false;
  Bytes payload;
};

std::optional<IpHeader> parse_ipv4(Bytes bytes) {
  const std::size_t header = bytes.size() < 20 ? 0 : (bytes[0] & 0xfu) * 4u;
  if (header < 20 || bytes[0] >> 4 != 4) {
    return std::nullopt;
  }
  const std::uint16_t fragment = be16(bytes, 6);
  return IpHeader{.src = address(4, bytes.subspan(12, 4)),
                  .dst = address(4, bytes.subspan(16, 4)),
                  .protocol = bytes[9],
                  .ttl = bytes[8],
                  .id = be16(bytes, 4),
                  .first_fragment = (fragment & 0x3fff) == 0x2000,
                  .later_fragment = (fragment & 0x1fff) != 0,
                  .options = header > 20,
                  .payload = header <= bytes.size() ? bytes.subspan(header) : Bytes{}};
}

std::optional<IpHeader> parse_ipv6(Bytes bytes) {
  if (bytes.size() < kIpv6HeaderBytes || bytes[0] >> 4 != 6) {
    return std::nullopt;
  }
  IpHeader ip{.src = address(6, bytes.subspan(8, 16)),
              .dst = address(6, bytes.subspan(24, 16)),
              .protocol = bytes[6],
              .ttl = bytes[7],
              .payload = bytes.subspan(kIpv6HeaderBytes)};
  for (int i = 0; i < kMaxExtensions; ++i) {
    const bool fragment = ip.protocol == IPPROTO_FRAGMENT;
    if (!fragment && ip.protocol != IPPROTO_HOPOPTS && ip.protocol != IPPROTO_ROUTING &&
        ip.protocol != IPPROTO_DSTOPTS) {
      break;
    }
    if (ip.payload.size() < 8) {
      ip.payload = {};
      break;
    }
    if (fragment) {
      ip.first_fragment = (be16(ip.payload, 2) & 0xfff9) == 1;
      ip.later_fragment = (be16(ip.payload, 2) & 0xfff8) != 0;
    }
    const std::size_t size = fragment ? 8u : 8u + ip.payload[1] * 8u;
    ip.protocol = ip.payload[0];
    ip.payload = size <= ip.payload.size() ? ip.payload.subspan(size) : Bytes{};
    if (ip.later_fragment) {
      break;
    }
  }
  return ip;
}

std::optional<IpHeader> parse_ip(Bytes bytes) {
  if (bytes.empty()) {
    return std::nullopt;
  }
  return bytes[0] >> 4 == 4 ? parse_ipv4(bytes) : parse_ipv6(bytes);
}

std::optional<Icmp> parse_icmp(Bytes bytes) {
  if (bytes.size() < 8) {
    return std::nullopt;
  }
  return Icmp{.type = bytes[0], .code = bytes[1], .id = be16(bytes, 4), .seq = be16(bytes, 6)};
}

// `bytes` may hold only the beginning of the segment, which has that length.
void measure_tcp(Bytes bytes, std::uint32_t segment, Packet& packet) {
  constexpr std::uint32_t kLeast = 20;
  const bool says = bytes.size() > 12;
  const std::uint32_t header = says ? (bytes[12] >> 4) * 4u : kLeast;
  packet.tcp_cut = segment < std::max(header, kLeast);
  if (says && header >= kLeast && !packet.tcp_cut) {
    packet.tcp_data = segment - header;
  }
}

EchoKind kind_of(std::uint8_t protocol, std::uint8_t type) {
  if (protocol == IPPROTO_ICMP) {
    const bool error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    return type == 8   ? EchoKind::kRequest
           : type == 0 ? EchoKind::kReply
           : error     ? EchoKind::kError
                       : EchoKind::kNone;
  }
  if (protocol == IPPROTO_ICMPV6) {
    const bool error = type >= 1 && type <= 4;
    return type == 128   ? EchoKind::kRequest
           : type == 129 ? EchoKind::kReply
           : error       ? EchoKind::kError
                         : EchoKind::kNone;
  }
  return EchoKind::kNone;
}

void parse_quoted(Bytes bytes, Packet& packet) {
  const auto ip = parse_ip(bytes);
  if (!ip || ip->later_fragment) {
    return;
  }
  const auto icmp = parse_icmp(ip->payload);
  if (icmp && kind_of(ip->protocol, icmp->type) == EchoKind::kRequest) {
    packet.quoted_echo = QuotedEcho{.icmp = *icmp, .src = ip->src, .dst = ip->dst};
  }
}

Boxed<Arp> parse_arp(Bytes bytes) {
  // Of Ethernet (or what looks like it) and IPv4.
  if (bytes.size() < 28 || be16(bytes, 2) != kEtherIp || bytes[4] != 6 || bytes[5] != 4) {
    return {};
  }
  Arp arp{.op = be16(bytes, 6),
          .sender = address(4, bytes.subspan(14, 4)),
          .target = address(4, bytes.subspan(24, 4))};
  std::ranges::copy(bytes.subspan(8, 6), arp.sender_mac.begin());
  return arp;
}

}  // namespace

std::size_t hash_of(const Address& address) {
  return std::hash<std::string_view>()(
      std::string_view(reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()));
}

bool Address::is_multicast() const {
  return family == 4 ? bytes[0] >> 4 == 0xe : family == 6 && bytes[0] == 0xff;
}

std::string Address::text() const {
  std::string text;
  append_text(text);
  return text;
}

void Address::append_text(std::string& out) const {
  if (family == 4) {
    // inet_ntop takes a detour by printf.
    std::array<char, INET_ADDRSTRLEN> text;
    char* end = text.data();
    for (std::size_t i = 0; i < 4; ++i) {
      if (i > 0) {
        *end++ = '.';
      }
      end = std::to_chars(end, text.data() + text.size(), bytes[i]).ptr;
    }
    out.append(text.data(), end);
  } else if (family == 6) {
    std::array<char, INET6_ADDRSTRLEN> text = {};
    if (inet_ntop(AF_INET6, bytes.data(), text.data(), text.size()) != nullptr) {
      out += text.data();
    }
  }
}

EchoKind Packet::echo_kind() const {
  return icmp ? kind_of(protocol, icmp->type) : EchoKind::kNone;
}

std::string Packet::protocol_name() const {
  if (!is_ip()) {
    return ethertype == kEtherArp ? "arp" : fmt::format("ethertype 0x{:04x}", ethertype);
  }
  switch (protocol) {
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_ICMPV6:
      return "icmp6";
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_UDPLITE:
      return "udplite";
    case IPPROTO_IGMP:
      return "igmp";
    case IPPROTO_SCTP:
      return "sctp";
    case IPPROTO_GRE:
      return "gre";
    case IPPROTO_ESP:
      return "esp";
    case IPPROTO_AH:
      return "ah";
    case IPPROTO_IPIP:
      return "ipip";
    case IPPROTO_IPV6:
      return "ipv6";
    default:
      return fmt::format("ip protocol {}", protocol);
  }
}

std::string Packet::tcp_flags_text() const {
  static constexpr std::pair<std::uint8_t, const char*> kFlags[] = {
      {0x02, "SYN"}, {0x01, "FIN"}, {0x04, "RST"}, {0x08, "PSH"}, {0x20, "URG"}, {0x10, "ACK"}};
  std::string text;
  for (const auto& [flag, name] : kFlags) {
    if ((tcp_flags & flag) != 0) {
      text += (text.empty() ? "" : " ") + std::string(name);
    }
  }
  return text;
}

std::string Packet::addresses_text() const {
  std::string text;
  append_addresses(text);
  return text;
}

void Packet::append_addresses(std::string& out) const {
  const auto append = [&](const Address& address, std::uint16_t port) {
    const bool in_brackets = has_ports && address.family == 6;
    out += in_brackets ? "[" : "";
    address.append_text(out);
    out += in_brackets ? "]" : "";
    if (has_ports) {
      std::array<char, 6> text = {':'};
      out.append(text.data(), std::to_chars(text.data() + 1, text.data() + text.size(), port).ptr);
    }
  };
  if (is_ip()) {
    append(src, sport);
    out += " -> ";
    append(dst, dport);
  }
}

Packet parse_packet(std::uint16_t ethertype, std::uint32_t len,
                    std::span<const std::uint8_t> bytes) {
  Packet packet{.ethertype = ethertype, .len = len};
  if (ethertype == kEtherArp) {
    packet.arp = parse_arp(bytes);
  }
  if (ethertype != kEtherIp && ethertype != kEtherIpv6) {
    return packet;
  }
  const auto ip = parse_ip(bytes);
  if (!ip) {
    return packet;
  }
  packet.src = ip->src;
  packet.dst = ip->dst;
  packet.protocol = ip->protocol;
  packet.ttl = ip->ttl;
  packet.ip_id = ip->id;
  packet.first_fragment = ip->first_fragment;
  packet.later_fragment = ip->later_fragment;
  packet.ip_options = ip->options;
  if (ip->later_fragment) {
    return packet;
  }
  const Bytes payload = ip->payload;
  const bool ports = ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP ||
                     ip->protocol == IPPROTO_UDPLITE || ip->protocol == IPPROTO_SCTP;
  if (ports && payload.size() >= 4) {
    packet.has_ports = true;
    packet.sport = be16(payload, 0);
    packet.dport = be16(payload, 2);
    if (ip->protocol == IPPROTO_TCP && payload.size() >= 12) {
      packet.tcp_seq = be32(payload, 4);
      packet.tcp_ack = be32(payload, 8);
      packet.tcp_flags = payload.size() >= 14 ? payload[13] : 0;
    }
    if (ip->protocol == IPPROTO_TCP) {
      const auto before = static_cast<std::uint32_t>(payload.data() - bytes.data());
      measure_tcp(payload, len - std::min(len, before), packet);
    }
  } else if (ip->protocol == IPPROTO_ICMP || ip->protocol == IPPROTO_ICMPV6) {
    packet.icmp = parse_icmp(payload);
    if (packet.icmp && packet.echo_kind() == EchoKind::kError) {
      parse_quoted(payload.subspan(8), packet);
    }
    const bool about_neighbour = packet.icmp && ip->protocol == IPPROTO_ICMPV6 &&
                                 (packet.icmp->type == kNeighbourSolicitation ||
                                  packet.icmp->type == kNeighbourAdvertisement);
    if (about_neighbour && payload.size() >= 24) {
      packet.nd_target = address(6, payload.subspan(8, 16));
    }
  }
  return packet;
}

}  // namespace tracepkt::decode
