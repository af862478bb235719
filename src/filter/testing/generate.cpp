#include "filter/testing/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace tracepkt::filter::testing {
namespace {

std::uint32_t below(Random& random, std::uint32_t bound) { return random() % bound; }

template <typename T, std::size_t N>
const T& pick(Random& random, const std::array<T, N>& from) {
  return from[random() % N];
}

constexpr std::array<std::uint16_t, 6> kPorts = {22, 53, 80, 443, 4789, 8080};
constexpr std::array<std::uint8_t, 10> kProtocols = {6, 6, 6, 17, 17, 1, 58, 47, 132, 50};
constexpr std::array<std::string_view, 4> kHosts4 = {"10.0.0.1", "10.0.0.2", "192.168.1.5",
                                                     "172.17.0.2"};
constexpr std::array<std::string_view, 3> kHosts6 = {"fd00::1", "fd00::2", "fe80::5"};
constexpr std::array<std::string_view, 3> kMacs = {"02:00:00:00:00:01", "02:00:00:00:00:02",
                                                   "ff:ff:ff:ff:ff:ff"};
constexpr std::array<std::string_view, 3> kDirections = {"", "src ", "dst "};

std::string arithmetic(Random& random, int depth) {
  static constexpr std::array<std::string_view, 7> kBases = {"ether", "ip",   "ip6", "tcp",
                                                             "udp",   "icmp", "arp"};
  static constexpr std::array<std::string_view, 10> kOperators = {"+", "-", "*", "/",  "%",
                                                                  "&", "|", "^", "<<", ">>"};
  switch (below(random, depth > 0 ? 6 : 3)) {
    case 0:
      return fmt::format("{}", below(random, 4) != 0 ? below(random, 64) : random());
    case 1:
    case 2: {
      const auto size = 1U << below(random, 3);
      const auto base = pick(random, kBases);
      const auto offset = below(random, 8) == 0 ? below(random, 200) : below(random, 24);
      return size == 1 ? fmt::format("{}[{}]", base, offset)
                       : fmt::format("{}[{}:{}]", base, offset, size);
    }
    case 3:
      return fmt::format("{}[{}]", pick(random, kBases), arithmetic(random, depth - 1));
    case 4:
      return below(random, 3) == 0 ? "len" : fmt::format("-{}", arithmetic(random, depth - 1));
    default:
      return fmt::format("({} {} {})", arithmetic(random, depth - 1), pick(random, kOperators),
                         arithmetic(random, depth - 1));
  }
}

std::string primitive(Random& random) {
  static constexpr std::array<std::string_view, 16> kWords = {
      "tcp",           "udp",  "icmp", "icmp6",     "ip",        "ip6",
      "arp",           "sctp", "esp",  "multicast", "broadcast", "ip multicast",
      "ip6 multicast", "vlan", "mpls", "pppoes"};
  static constexpr std::array<std::string_view, 6> kRelations = {"=", "!=", "<", ">", "<=", ">="};
  const auto direction = pick(random, kDirections);
  switch (below(random, 14)) {
    case 0:
    case 1:
      return fmt::format("{}host {}", direction, pick(random, kHosts4));
    case 2:
      return fmt::format("{}host {}", direction, pick(random, kHosts6));
    case 3:
      return below(random, 2) == 0
                 ? fmt::format("{}net 10.0.0.0/{}", direction, 8 + 8 * below(random, 3))
                 : fmt::format("{}net fd00::/{}", direction, 8 + below(random, 121));
    case 4:
    case 5:
      return fmt::format("{}port {}", direction, pick(random, kPorts));
    case 6:
      return fmt::format("{} {}portrange {}-{}", below(random, 2) == 0 ? "tcp" : "udp", direction,
                         below(random, 60), 60 + below(random, 9000));
    case 7:
      return fmt::format("ether {}host {}", direction, pick(random, kMacs));
    case 8:
      return fmt::format("{} proto {}", below(random, 2) == 0 ? "ip" : "ip6",
                         pick(random, kProtocols));
    case 9:
      return fmt::format("{} {}", below(random, 2) == 0 ? "less" : "greater", below(random, 150));
    case 10:
    case 11:
      return fmt::format("{} {} {}", arithmetic(random, 3), pick(random, kRelations),
                         arithmetic(random, 2));
    case 12:
      return below(random, 2) == 0
                 ? "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0"
                 : "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)";
    default:
      return std::string(pick(random, kWords));
  }
}

std::string expression(Random& random, int depth) {
  switch (depth > 0 ? below(random, 6) : 0) {
    case 1:
    case 2:
      return fmt::format("({} and {})", expression(random, depth - 1),
                         expression(random, depth - 1));
    case 3:
    case 4:
      return fmt::format("({} or {})", expression(random, depth - 1),
                         expression(random, depth - 1));
    case 5:
      return fmt::format("not ({})", expression(random, depth - 1));
    default:
      return primitive(random);
  }
}

// Appends network-order fields to a packet.
struct Writer {
  std::vector<std::uint8_t> bytes;
  void u8(std::uint32_t value) { bytes.push_back(static_cast<std::uint8_t>(value)); }
  void u16(std::uint32_t value) {
    u8(value >> 8);
    u8(value);
  }
  void u32(std::uint32_t value) {
    u16(value >> 16);
    u16(value);
  }
  void noise(Random& random, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      u8(random());
    }
  }
};

void write_mac(Writer& out, Random& random) {
  const auto which = below(random, 4);
  for (int i = 0; i < 5; ++i) {
    out.u8(which == 2 ? 0xff : i == 0 ? 2 : 0);
  }
  out.u8(which == 2 ? 0xff : which + 1);
}

void write_ip4(Writer& out, Random& random) {
  static constexpr std::array<std::uint32_t, 6> kAddresses = {0x0a000001, 0x0a000002, 0xc0a80105,
                                                              0xac110002, 0xe0000001, 0xffffffff};
  out.u32(pick(random, kAddresses));
}

void write_ip6(Writer& out, Random& random) {
  const auto which = below(random, 4);
  out.u16(which == 2 ? 0xfe80 : which == 3 ? 0xff02 : 0xfd00);
  out.bytes.insert(out.bytes.end(), 13, 0);
  out.u8(which == 2 ? 5 : which + 1);
}

void write_transport(Writer& out, Random& random, std::uint32_t protocol) {
  if (protocol == 6 || protocol == 17 || protocol == 132) {
    out.u16(below(random, 5) != 0 ? pick(random, kPorts) : random());
    out.u16(below(random, 5) != 0 ? pick(random, kPorts) : random());
  }
  if (protocol == 6) {
    out.u32(random());
    out.u32(random());
    out.u8((5 + below(random, 3)) << 4);
    out.u8(below(random, 64));
    out.u32(random());
    out.u16(0);
  } else if (protocol == 1 || protocol == 58) {
    out.u8(below(random, 2) * 8);
    out.u8(below(random, 2));
  }
  out.noise(random, below(random, 4) == 0 ? below(random, 200) : below(random, 30));
}

}  // namespace

std::string random_expression(Random& random) {
  return expression(random, static_cast<int>(below(random, 5)));
}

Packet random_packet(Random& random) {
  Writer out;
  Packet packet;
  if (below(random, 30) == 0) {
    out.noise(random, below(random, 200));
    packet.bytes = std::move(out.bytes);
    return packet;
  }
  write_mac(out, random);
  write_mac(out, random);
  for (auto tags = below(random, 6); tags > 3; --tags) {
    out.u16(0x8100);
    out.u16(below(random, 10));
  }
  const auto family = below(random, 10);
  const auto protocol = pick(random, kProtocols);
  if (family == 0) {
    out.u16(0x0806);
    out.u32(0x00010800);
    out.u32(0x06040001 + below(random, 2));
    write_mac(out, random);
    write_ip4(out, random);
    write_mac(out, random);
    write_ip4(out, random);
  } else if (family == 1) {
    out.u16(below(random, 2) == 0 ? random() : 0x8847);
    out.noise(random, below(random, 64));
  } else if (family < 7) {
    out.u16(0x0800);
    packet.l3 = static_cast<std::uint32_t>(out.bytes.size());
    const auto options = below(random, 4) == 0 ? below(random, 11) : 0;
    out.u8(0x40 | (5 + options));
    out.u8(0);
    out.u16(below(random, 1500));
    out.u16(random());
    out.u16(below(random, 5) == 0 ? random() & 0x3fff : 0x4000);
    out.u8(64);
    out.u8(protocol);
    out.u16(random());
    write_ip4(out, random);
    write_ip4(out, random);
    out.noise(random, options * 4);
    write_transport(out, random, protocol);
  } else {
    out.u16(0x86dd);
    packet.l3 = static_cast<std::uint32_t>(out.bytes.size());
    out.u32(0x60000000);
    out.u16(below(random, 1500));
    const auto extension = below(random, 5);  // hop-by-hop, fragment, or none
    out.u8(extension == 0 ? 0 : extension == 1 ? 44 : protocol);
    out.u8(64);
    write_ip6(out, random);
    write_ip6(out, random);
    if (extension < 2) {
      out.u8(protocol);
      out.u8(0);
      out.u16(extension == 1 ? random() & 0xfff9 : 0x0104);
      out.u32(0);
    }
    write_transport(out, random, protocol);
  }
  if (below(random, 5) == 0) {
    out.bytes.resize(below(random, static_cast<std::uint32_t>(out.bytes.size()) + 1));
    if (packet.l3 > out.bytes.size()) {
      packet.l3 = 0;
    }
  }
  packet.bytes = std::move(out.bytes);
  return packet;
}

}  // namespace tracepkt::filter::testing
