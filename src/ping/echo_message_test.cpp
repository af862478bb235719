#include "ping/echo_message.h"

#include <gtest/gtest.h>

#include "ping/test_messages.h"

namespace tracepkt::ping {
namespace {

TEST(EchoRequest, IsWhatTheRfcSaysByteForByte) {
  // The checksum was added up apart from this program.
  EXPECT_EQ(build_echo_request(kOurs4, 1, 12),
            (Bytes{8,    0,    0x45, 0x24, 0x12, 0x34, 0x00, 0x01, 0xa0, 0xa1,
                   0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 8,    9,    10,   11}));
  EXPECT_EQ(build_echo_request(kOurs6, 0x0203, 9),
            (Bytes{128, 0, 0, 0, 0x12, 0x34, 0x02, 0x03, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6,
                   0xa7, 8}));
}

TEST(EchoRequest, HoldsAsMuchOfTheCookieAsFits) {
  Identity identity = kOurs6;
  identity.cookie_bytes = 3;
  EXPECT_EQ(build_echo_request(identity, 1, 3),
            (Bytes{128, 0, 0, 0, 0x12, 0x34, 0x00, 0x01, 0xa0, 0xa1, 0xa2}));
  identity.cookie_bytes = 0;
  EXPECT_EQ(build_echo_request(identity, 1, 0), (Bytes{128, 0, 0, 0, 0x12, 0x34, 0x00, 0x01}));
  const Bytes large = build_echo_request(kOurs4, 1, 300);
  EXPECT_EQ(large[8 + 255], 255);
  EXPECT_EQ(large[8 + 256], 0);  // the counting goes on after 255
}

TEST(InternetChecksum, AgreesWithKnownOnes) {
  // RFC 1071, section 3: the sum is ddf2.
  EXPECT_EQ(internet_checksum(Bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}), 0x220d);
  // A well-known IPv4 header, with its checksum b861 in it and without.
  Bytes header{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
               0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  EXPECT_EQ(internet_checksum(header), 0);
  header[10] = header[11] = 0;
  EXPECT_EQ(internet_checksum(header), 0xb861);
  EXPECT_EQ(internet_checksum(Bytes{0x01}), 0xfeff);
  EXPECT_EQ(internet_checksum(Bytes{}), 0xffff);
  EXPECT_EQ(internet_checksum(Bytes(65535, 0xff)), 0x00ff);
}

TEST(ParseReply, TellsSeqTtlAndLength) {
  const auto heard = parse_ipv4_packet(ipv4(reply(kOurs4, 0xfffe, 56)), kOurs4);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->kind, HeardKind::kReply);
  EXPECT_EQ(heard->seq, 0xfffe);
  EXPECT_EQ(heard->ttl, 61);
  EXPECT_EQ(heard->bytes, 64u);
  EXPECT_EQ(heard->cookie_bytes, 8u);
  EXPECT_EQ(heard->destination.family, AF_UNSPEC);
  EXPECT_TRUE(heard->checksum_ok);

  const auto heard6 = parse_message(reply(kOurs6, 7, 56), kOurs6);
  ASSERT_TRUE(heard6);
  EXPECT_EQ(heard6->kind, HeardKind::kReply);
  EXPECT_EQ(heard6->seq, 7);
  EXPECT_EQ(heard6->ttl, -1);
}

TEST(ParseReply, SkipsIpOptionsAndWhatFollowsThePacket) {
  Bytes packet = ipv4(reply(kOurs4, 3, 16), kRouter4, kHere4, 24);
  packet.insert(packet.end(), 6, 0xee);  // Ethernet's padding
  const auto heard = parse_ipv4_packet(packet, kOurs4);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->seq, 3);
  EXPECT_EQ(heard->bytes, 24u);
  EXPECT_TRUE(heard->checksum_ok);
}

TEST(ParseReply, SeesAWrongChecksum) {
  Bytes packet = ipv4(reply(kOurs4, 3, 56));
  packet.back() ^= 1;
  const auto heard = parse_ipv4_packet(packet, kOurs4);
  ASSERT_TRUE(heard);
  EXPECT_FALSE(heard->checksum_ok);
}

TEST(ParseReply, RefusesOtherPings) {
  for (const Identity& ours : {kOurs4, kOurs6}) {
    Identity other = ours;
    other.cookie[7] ^= 1;
    EXPECT_FALSE(parse_message(reply(other, 1, 56), ours)) << "another cookie";
    other = ours;
    other.id = 0x3412;
    EXPECT_FALSE(parse_message(reply(other, 1, 56), ours)) << "another id";
    EXPECT_FALSE(parse_message(build_echo_request(ours, 1, 56), ours)) << "our own request";
    Bytes coded = reply(ours, 1, 56);
    coded[1] = 1;
    EXPECT_FALSE(parse_message(coded, ours)) << "a code no echo reply has";
  }
  EXPECT_FALSE(parse_message(reply(kOurs6, 1, 56), kOurs4)) << "the other family";
  EXPECT_FALSE(parse_ipv4_packet(ipv4(reply(kOurs4, 1, 56)), kOurs6));
}

TEST(ParseReply, RefusesPacketsThatAreNotWhole) {
  const Bytes packet = ipv4(reply(kOurs4, 1, 56));
  for (std::size_t size = 0; size < packet.size(); ++size) {
    EXPECT_FALSE(parse_ipv4_packet(std::span(packet).first(size), kOurs4)) << size;
  }
  const auto broken = [&](std::size_t at, std::uint8_t value) {
    Bytes changed = packet;
    changed[at] = value;
    return parse_ipv4_packet(changed, kOurs4).has_value();
  };
  EXPECT_TRUE(broken(8, 1));  // only the TTL
  EXPECT_FALSE(broken(0, 0x65)) << "version 6";
  EXPECT_FALSE(broken(0, 0x44)) << "a header of 16 bytes";
  EXPECT_FALSE(broken(9, 17)) << "UDP";
  EXPECT_FALSE(broken(3, 19)) << "shorter than its header";
  EXPECT_FALSE(broken(2, 0xff)) << "longer than what came";
}

TEST(ParseReply, AShortOneHasAShorterCookie) {
  const Bytes message = reply(kOurs4, 1, 3);
  const auto heard = parse_message(message, kOurs4);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->cookie_bytes, 3u);  // the socket then asks for the right sender as well
}

}  // namespace
}  // namespace tracepkt::ping
