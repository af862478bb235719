#include "ping/echo_message.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>

#include <algorithm>

namespace tracepkt::ping {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kIpv6HeaderBytes = 40;
// RFC 8200 names seven kinds of extension header and lets each occur once, one of them twice.
constexpr int kMaxExtensionHeaders = 8;

std::uint16_t read16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::uint32_t read32(Bytes bytes, std::size_t at) {
  return std::uint32_t{read16(bytes, at)} << 16 | read16(bytes, at + 2);
}

// The sequence number and cookie of an echo message of ours with the given type.
std::optional<Heard> parse_echo(Bytes message, std::uint8_t type, const Identity& identity) {
  if (message.size() < kEchoHeaderBytes || message[0] != type || message[1] != 0 ||
      read16(message, 4) != identity.id) {
    return std::nullopt;
  }
  const Bytes payload = message.subspan(kEchoHeaderBytes);
  Heard heard{.type = type, .seq = read16(message, 6)};
  heard.cookie_bytes = std::min({payload.size(), identity.cookie_bytes, kCookieBytes});
  if (!std::ranges::equal(payload.first(heard.cookie_bytes),
                          Bytes{identity.cookie}.first(heard.cookie_bytes))) {
    return std::nullopt;
  }
  return heard;
}

std::optional<Heard> parse_quoted_ipv4(Bytes packet, const Identity& identity) {
  if (packet.size() < kIpv4HeaderBytes || packet[0] >> 4 != 4) {
    return std::nullopt;
  }
  const std::size_t header_bytes = static_cast<std::size_t>(packet[0] & 0x0f) * 4;
  const bool later_fragment = (read16(packet, 6) & 0x1fff) != 0;
  if (header_bytes < kIpv4HeaderBytes || header_bytes > packet.size() || later_fragment ||
      packet[9] != IPPROTO_ICMP) {
    return std::nullopt;
  }
  auto heard = parse_quoted_request(packet.subspan(header_bytes), identity);
  if (heard) {
    heard->destination = make_address(AF_INET, packet.subspan(16, 4));
  }
  return heard;
}

// Where the ICMPv6 message begins in an IPv6 packet, behind its extension headers.
std::optional<std::size_t> find_icmpv6(Bytes packet) {
  std::uint8_t next = packet[6];
  std::size_t at = kIpv6HeaderBytes;
  for (int headers = 0; headers <= kMaxExtensionHeaders; ++headers) {
    if (next == IPPROTO_ICMPV6) {
      return at;
    }
    if (packet.size() < at + 8) {
      return std::nullopt;
    }
    std::size_t header_bytes = (packet[at + 1] + std::size_t{1}) * 8;
    switch (next) {
      case IPPROTO_HOPOPTS:
      case IPPROTO_ROUTING:
      case IPPROTO_DSTOPTS:
        break;
      case IPPROTO_FRAGMENT:
        if ((read16(packet, at + 2) & 0xfff8) != 0) {
          return std::nullopt;  // a later fragment: no ICMPv6 header in it
        }
        header_bytes = 8;
        break;
      case IPPROTO_AH:
        header_bytes = (packet[at + 1] + std::size_t{2}) * 4;
        break;
      default:
        return std::nullopt;
    }
    next = packet[at];
    at += header_bytes;
    if (at > packet.size()) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Heard> parse_quoted_ipv6(Bytes packet, const Identity& identity) {
  if (packet.size() < kIpv6HeaderBytes || packet[0] >> 4 != 6) {
    return std::nullopt;
  }
  const auto at = find_icmpv6(packet);
  if (!at) {
    return std::nullopt;
  }
  auto heard = parse_quoted_request(packet.subspan(*at), identity);
  if (heard) {
    heard->destination = make_address(AF_INET6, packet.subspan(24, 16));
  }
  return heard;
}

std::optional<Heard> parse_ipv4_message(Bytes message, const Identity& identity) {
  std::uint32_t info = 0;
  switch (message[0]) {
    case ICMP_ECHOREPLY:
      return parse_echo(message, ICMP_ECHOREPLY, identity);
    case ICMP_DEST_UNREACH:
      info = message[1] == ICMP_FRAG_NEEDED ? read16(message, 6) : 0;
      break;
    case ICMP_TIME_EXCEEDED:
    case ICMP_SOURCE_QUENCH:
      break;
    case ICMP_PARAMETERPROB:
      info = message[4];
      break;
    case ICMP_REDIRECT:
      info = read32(message, 4);
      break;
    default:
      return std::nullopt;
  }
  auto heard = parse_quoted_ipv4(message.subspan(kEchoHeaderBytes), identity);
  if (heard) {
    heard->kind = error_kind(AF_INET, message[0]);
    heard->info = info;
  }
  return heard;
}

std::optional<Heard> parse_ipv6_message(Bytes message, const Identity& identity) {
  std::uint32_t info = 0;
  switch (message[0]) {
    case ICMP6_ECHO_REPLY:
      return parse_echo(message, ICMP6_ECHO_REPLY, identity);
    case ICMP6_PACKET_TOO_BIG:
    case ICMP6_PARAM_PROB:
      info = read32(message, 4);
      break;
    case ICMP6_DST_UNREACH:
    case ICMP6_TIME_EXCEEDED:
      break;
    default:
      return std::nullopt;
  }
  auto heard = parse_quoted_ipv6(message.subspan(kEchoHeaderBytes), identity);
  if (heard) {
    heard->kind = error_kind(AF_INET6, message[0]);
    heard->info = info;
  }
  return heard;
}

}  // namespace

HeardKind error_kind(int family, std::uint8_t type) {
  const bool notice = family == AF_INET && (type == ICMP_REDIRECT || type == ICMP_SOURCE_QUENCH);
  return notice ? HeardKind::kNotice : HeardKind::kError;
}

std::uint16_t internet_checksum(Bytes bytes) {
  std::uint32_t sum = 0;  // 65535 bytes of 0xff add up to less than 2^32
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    sum += read16(bytes, at);
  }
  if (bytes.size() % 2 != 0) {
    sum += std::uint32_t{bytes.back()} << 8;
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

std::vector<std::uint8_t> build_echo_request(const Identity& identity, std::uint16_t seq,
                                             std::size_t payload_bytes) {
  std::vector<std::uint8_t> message(kEchoHeaderBytes + payload_bytes);
  const auto write16 = [&](std::size_t at, std::uint16_t value) {
    message[at] = static_cast<std::uint8_t>(value >> 8);
    message[at + 1] = static_cast<std::uint8_t>(value & 0xff);
  };
  message[0] = identity.family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
  write16(4, identity.id);
  write16(6, seq);
  const std::span payload = std::span(message).subspan(kEchoHeaderBytes);
  const std::size_t cookie_bytes = std::min(identity.cookie_bytes, payload_bytes);
  std::copy_n(identity.cookie.begin(), cookie_bytes, payload.begin());
  for (std::size_t at = cookie_bytes; at < payload_bytes; ++at) {
    payload[at] = static_cast<std::uint8_t>(at & 0xff);
  }
  if (identity.family == AF_INET) {
    write16(2, internet_checksum(message));
  }
  return message;
}

std::optional<Heard> parse_quoted_request(Bytes message, const Identity& identity) {
  return parse_echo(message, identity.family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST, identity);
}

std::optional<Heard> parse_message(Bytes message, const Identity& identity) {
  if (message.size() < kEchoHeaderBytes) {
    return std::nullopt;
  }
  auto heard = identity.family == AF_INET ? parse_ipv4_message(message, identity)
                                          : parse_ipv6_message(message, identity);
  if (heard) {
    heard->type = message[0];
    heard->code = message[1];
    heard->bytes = message.size();
  }
  return heard;
}

std::optional<Heard> parse_ipv4_packet(Bytes packet, const Identity& identity) {
  if (identity.family != AF_INET || packet.size() < kIpv4HeaderBytes || packet[0] >> 4 != 4) {
    return std::nullopt;
  }
  const std::size_t header_bytes = static_cast<std::size_t>(packet[0] & 0x0f) * 4;
  const std::size_t total_bytes = read16(packet, 2);
  if (header_bytes < kIpv4HeaderBytes || total_bytes < header_bytes ||
      total_bytes > packet.size() || packet[9] != IPPROTO_ICMP) {
    return std::nullopt;
  }
  const Bytes message = packet.subspan(header_bytes, total_bytes - header_bytes);
  auto heard = parse_message(message, identity);
  if (heard) {
    heard->ttl = packet[8];
    heard->checksum_ok = internet_checksum(message) == 0;
  }
  return heard;
}

}  // namespace tracepkt::ping
