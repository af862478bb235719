#include "decode/packet.h"

#include <gtest/gtest.h>

#include <vector>

namespace tracepkt::decode {
namespace {

using Bytes = std::vector<std::uint8_t>;

// An IPv4 header of 20 bytes, 10.0.0.1 -> 10.0.0.2, and what follows it.
Bytes ipv4(std::uint8_t protocol, std::uint16_t fragment, const Bytes& payload) {
  Bytes bytes = {0x45,
                 0,
                 0,
                 0,
                 0,
                 7,
                 static_cast<std::uint8_t>(fragment >> 8),
                 static_cast<std::uint8_t>(fragment),
                 64,
                 protocol,
                 0,
                 0,
                 10,
                 0,
                 0,
                 1,
                 10,
                 0,
                 0,
                 2};
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

// fd00::1 -> fd00::2
Bytes ipv6(std::uint8_t next, const Bytes& payload) {
  Bytes bytes = {0x60, 0, 0, 0, 0, 0, next, 63};
  for (const std::uint8_t last : {std::uint8_t{1}, std::uint8_t{2}}) {
    Bytes address(16, 0);
    address[0] = 0xfd;
    address[15] = last;
    bytes.insert(bytes.end(), address.begin(), address.end());
  }
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

const Bytes kEchoRequest = {8, 0, 0, 0, 0x12, 0x34, 0, 9};

TEST(ParsePacket, EchoRequest) {
  const Packet packet = parse_packet(0x0800, 84, ipv4(1, 0x4000, kEchoRequest));
  EXPECT_EQ(packet.addresses_text(), "10.0.0.1 -> 10.0.0.2");
  EXPECT_EQ(packet.protocol_name(), "icmp");
  EXPECT_EQ(packet.echo_kind(), EchoKind::kRequest);
  EXPECT_FALSE(packet.ip_options);
  ASSERT_TRUE(packet.icmp);
  EXPECT_EQ(packet.icmp->id, 0x1234);
  EXPECT_EQ(packet.icmp->seq, 9);
  EXPECT_EQ(packet.ttl, 64);
  EXPECT_EQ(packet.len, 84u);
  EXPECT_FALSE(packet.first_fragment);
}

TEST(ParsePacket, HeaderOptionsMoveThePayload) {
  Bytes bytes = ipv4(1, 0, {1, 1, 1, 1});
  bytes[0] = 0x46;
  bytes.insert(bytes.end(), kEchoRequest.begin(), kEchoRequest.end());
  EXPECT_EQ(parse_packet(0x0800, 88, bytes).echo_kind(), EchoKind::kRequest);
  EXPECT_TRUE(parse_packet(0x0800, 88, bytes).ip_options);
}

TEST(ParsePacket, FragmentsAreToldApart) {
  const Packet first = parse_packet(0x0800, 1500, ipv4(1, 0x2000, kEchoRequest));
  EXPECT_TRUE(first.first_fragment);
  EXPECT_EQ(first.echo_kind(), EchoKind::kRequest);
  const Packet later = parse_packet(0x0800, 1500, ipv4(1, 0x00b9, kEchoRequest));
  EXPECT_TRUE(later.later_fragment);
  EXPECT_FALSE(later.icmp);  // what is there is data, not a header
}

TEST(ParsePacket, ErrorAboutAnEchoRequest) {
  Bytes error = {11, 0, 0, 0, 0, 0, 0, 0};
  const Bytes quoted = ipv4(1, 0, kEchoRequest);
  error.insert(error.end(), quoted.begin(), quoted.end());
  const Packet packet = parse_packet(0x0800, 112, ipv4(1, 0, error));
  EXPECT_EQ(packet.echo_kind(), EchoKind::kError);
  ASSERT_TRUE(packet.quoted_echo);
  EXPECT_EQ(packet.quoted_echo->icmp.seq, 9);
  EXPECT_EQ(packet.quoted_echo->dst.text(), "10.0.0.2");
}

TEST(ParsePacket, Ipv6BehindExtensions) {
  Bytes extension = {58, 0, 0, 0, 0, 0, 0, 0};  // hop-by-hop of 8 bytes, then ICMPv6
  extension.insert(extension.end(), {129, 0, 0, 0, 0x12, 0x34, 0, 3});
  const Packet packet = parse_packet(0x86dd, 100, ipv6(0, extension));
  EXPECT_EQ(packet.addresses_text(), "fd00::1 -> fd00::2");
  EXPECT_EQ(packet.echo_kind(), EchoKind::kReply);
  EXPECT_EQ(packet.icmp->seq, 3);
  EXPECT_EQ(packet.ttl, 63);
}

TEST(ParsePacket, PortsInBothFamilies) {
  const Bytes udp = {0xc9, 0x38, 0, 53, 0, 8, 0, 0};
  EXPECT_EQ(parse_packet(0x0800, 28, ipv4(17, 0, udp)).addresses_text(),
            "10.0.0.1:51512 -> 10.0.0.2:53");
  EXPECT_EQ(parse_packet(0x86dd, 48, ipv6(17, udp)).addresses_text(),
            "[fd00::1]:51512 -> [fd00::2]:53");
  const Packet lite = parse_packet(0x0800, 28, ipv4(136, 0, udp));
  EXPECT_EQ(lite.protocol_name() + ' ' + lite.addresses_text(),
            "udplite 10.0.0.1:51512 -> 10.0.0.2:53");
}

TEST(ParsePacket, HowMuchDataASegmentHas) {
  const auto segment = [](std::uint8_t offset, std::uint32_t len) {
    Bytes tcp(20, 0);
    tcp[12] = static_cast<std::uint8_t>(offset << 4);
    return parse_packet(0x0800, len, ipv4(6, 0, tcp));
  };
  EXPECT_EQ(segment(5, 40).tcp_data, 0u);
  EXPECT_EQ(segment(8, 152).tcp_data, 100u);  // of which the record has the beginning
  EXPECT_FALSE(segment(5, 40).tcp_cut);
  EXPECT_TRUE(segment(6, 40).tcp_cut);
  EXPECT_FALSE(segment(6, 40).tcp_data);
  EXPECT_TRUE(parse_packet(0x0800, 30, ipv4(6, 0, Bytes(10, 0))).tcp_cut);
  const Packet unknown = parse_packet(0x0800, 100, ipv4(6, 0, Bytes(10, 0)));
  EXPECT_FALSE(unknown.tcp_cut);
  EXPECT_FALSE(unknown.tcp_data);
}

TEST(ParsePacket, WhatIsCutOrWrongStaysEmpty) {
  for (const Bytes& whole :
       {ipv4(1, 0, kEchoRequest), ipv6(58, kEchoRequest), ipv6(0, {58, 255, 0, 0, 0, 0, 0, 0})}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Packet packet =
          parse_packet(whole[0] >> 4 == 4 ? 0x0800 : 0x86dd, 100, std::span(whole).first(size));
      EXPECT_FALSE(packet.icmp) << size;
    }
  }
  EXPECT_FALSE(parse_packet(0x0800, 20, Bytes(20, 0)).is_ip());
  EXPECT_EQ(parse_packet(0x0806, 28, Bytes(28, 0)).protocol_name(), "arp");
}

}  // namespace
}  // namespace tracepkt::decode
