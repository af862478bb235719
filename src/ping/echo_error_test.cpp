// ICMP errors, and the echo requests they quote.
#include <gtest/gtest.h>

#include "ping/echo_message.h"
#include "ping/icmp_words.h"
#include "ping/test_messages.h"

namespace tracepkt::ping {
namespace {

TEST(ParseError, TellsWhatCameOfWhichRequest) {
  const Bytes quoted = ipv4(build_echo_request(kOurs4, 77, 56), kHere4, kThere4);
  const auto heard = parse_ipv4_packet(ipv4(icmp_error(11, 0, 0, quoted)), kOurs4);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->kind, HeardKind::kError);
  EXPECT_EQ(heard->type, 11);
  EXPECT_EQ(heard->code, 0);
  EXPECT_EQ(heard->seq, 77);
  EXPECT_EQ(heard->cookie_bytes, 8u);
  EXPECT_EQ(heard->bytes, 8u + 20 + 64);
  EXPECT_EQ(address_text(heard->destination), "10.0.2.2");
  EXPECT_TRUE(heard->checksum_ok);
}

TEST(ParseError, KnowsTheMtuThePointerAndTheGateway) {
  const Bytes quoted = ipv4(build_echo_request(kOurs4, 1, 56), kHere4, kThere4);
  EXPECT_EQ(parse_message(icmp_error(3, 4, 0x00000578, quoted), kOurs4)->info, 1400u);
  EXPECT_EQ(parse_message(icmp_error(3, 1, 0x00000578, quoted), kOurs4)->info, 0u);
  EXPECT_EQ(parse_message(icmp_error(12, 0, 0x14000000, quoted), kOurs4)->info, 20u);
  const auto redirect = parse_message(icmp_error(5, 1, 0x0a000001, quoted), kOurs4);
  EXPECT_EQ(redirect->info, 0x0a000001u);
  EXPECT_EQ(redirect->kind, HeardKind::kNotice);

  const Bytes quoted6 = ipv6(build_echo_request(kOurs6, 9, 56));
  const auto heard = parse_message(icmp_error(2, 0, 1280, quoted6), kOurs6);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->kind, HeardKind::kError);
  EXPECT_EQ(heard->info, 1280u);
  EXPECT_EQ(heard->seq, 9);
  EXPECT_EQ(address_text(heard->destination), "2001:db8::2");
}

TEST(ParseError, TakesAsMuchOfTheCookieAsIsQuoted) {
  const Bytes quoted = ipv4(build_echo_request(kOurs4, 5, 56), kHere4, kThere4);
  for (std::size_t size = 0; size <= quoted.size(); ++size) {
    const auto heard = parse_message(icmp_error(3, 1, 0, std::span(quoted).first(size)), kOurs4);
    ASSERT_EQ(heard.has_value(), size >= 28) << size;
    if (heard) {
      EXPECT_EQ(heard->cookie_bytes, std::min<std::size_t>(size - 28, 8));
    }
  }
  const Bytes quoted6 = ipv6(build_echo_request(kOurs6, 5, 56));
  for (std::size_t size = 0; size <= quoted6.size(); ++size) {
    const auto heard = parse_message(icmp_error(1, 0, 0, std::span(quoted6).first(size)), kOurs6);
    ASSERT_EQ(heard.has_value(), size >= 48) << size;
  }
}

TEST(ParseError, RefusesWhatQuotesOtherPackets) {
  Identity other = kOurs4;
  other.cookie[0] ^= 0x80;
  const auto quotes = [](const Bytes& packet) {
    return parse_message(icmp_error(3, 1, 0, packet), kOurs4).has_value();
  };
  EXPECT_TRUE(quotes(ipv4(build_echo_request(kOurs4, 1, 56))));
  EXPECT_FALSE(quotes(ipv4(build_echo_request(other, 1, 56)))) << "same id, another cookie";
  EXPECT_FALSE(quotes(ipv4(reply(kOurs4, 1, 56)))) << "a reply, not a request";
  EXPECT_FALSE(quotes(ipv6(build_echo_request(kOurs6, 1, 56)))) << "IPv6 in ICMPv4";
  Bytes packet = ipv4(build_echo_request(kOurs4, 1, 56));
  packet[7] = 1;
  EXPECT_FALSE(quotes(packet)) << "a later fragment";
  packet[7] = 0;
  packet[6] = 0x20;
  EXPECT_TRUE(quotes(packet)) << "the first fragment";
  packet[9] = 6;
  EXPECT_FALSE(quotes(packet)) << "TCP";
  packet = ipv4(build_echo_request(kOurs4, 1, 56));
  packet[0] = 0x4f;  // 60 bytes of header: what is there then is no echo request
  EXPECT_FALSE(quotes(packet));
  packet[0] = 0x43;
  EXPECT_FALSE(quotes(packet));

  const Bytes right = ipv4(build_echo_request(kOurs4, 1, 56));
  EXPECT_FALSE(parse_message(icmp_error(13, 0, 0, right), kOurs4)) << "no error: timestamp";
  EXPECT_FALSE(
      parse_message(icmp_error(137, 0, 0, ipv6(build_echo_request(kOurs6, 1, 8))), kOurs6));
}

TEST(ParseError, WalksIpv6ExtensionHeaders) {
  const Bytes request = build_echo_request(kOurs6, 4, 56);
  const auto quotes = [&](std::uint8_t next, std::initializer_list<Bytes> headers) {
    Bytes body;
    for (const Bytes& header : headers) {
      body.insert(body.end(), header.begin(), header.end());
    }
    body.insert(body.end(), request.begin(), request.end());
    return parse_message(icmp_error(1, 0, 0, ipv6(body, next)), kOurs6).has_value();
  };
  const auto header = [](std::uint8_t next, std::uint8_t length, std::size_t bytes) {
    Bytes made(bytes);
    made[0] = next;
    made[1] = length;
    return made;
  };
  EXPECT_TRUE(quotes(0, {header(58, 0, 8)})) << "hop by hop";
  EXPECT_TRUE(quotes(0, {header(43, 1, 16), header(60, 0, 8), header(58, 0, 8)}));
  EXPECT_TRUE(quotes(44, {header(58, 0, 8)})) << "fragment header, first fragment";
  EXPECT_TRUE(quotes(44, {header(58, 99, 8)})) << "whose second byte is not a length";
  EXPECT_TRUE(quotes(51, {header(58, 4, 24)})) << "authentication header";
  Bytes later = header(58, 0, 8);
  later[3] = 8;
  EXPECT_FALSE(quotes(44, {later})) << "a later fragment";
  EXPECT_FALSE(quotes(50, {header(58, 0, 8)})) << "encrypted";
  EXPECT_FALSE(quotes(0, {header(58, 255, 8)})) << "a header longer than the packet";
  EXPECT_FALSE(quotes(59, {})) << "no next header";
  const Bytes more = header(60, 0, 8);
  EXPECT_FALSE(quotes(60, {more, more, more, more, more, more, more, more, more, header(58, 0, 8)}))
      << "without end";
}

TEST(ParseQuotedRequest, TakesABareRequest) {
  const Bytes request = build_echo_request(kOurs4, 300, 56);
  const auto heard = parse_quoted_request(request, kOurs4);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->seq, 300);
  EXPECT_FALSE(parse_quoted_request(std::span(request).first(7), kOurs4));
  EXPECT_FALSE(parse_quoted_request(reply(kOurs4, 300, 56), kOurs4));
}

TEST(IcmpWords, NameWhatHappened) {
  EXPECT_EQ(icmp_error_words(AF_INET, 11, 0, 0), "time to live exceeded");
  EXPECT_EQ(icmp_error_words(AF_INET, 3, 1, 0), "destination host unreachable");
  EXPECT_EQ(icmp_error_words(AF_INET, 3, 3, 0), "destination port unreachable");
  EXPECT_EQ(icmp_error_words(AF_INET, 3, 4, 1400), "packet too big, mtu 1400");
  EXPECT_EQ(icmp_error_words(AF_INET, 3, 4, 0), "packet too big");
  EXPECT_EQ(icmp_error_words(AF_INET, 3, 13, 0), "communication administratively prohibited");
  EXPECT_EQ(icmp_error_words(AF_INET, 3, 15, 0), "precedence cutoff in effect");
  EXPECT_EQ(icmp_error_words(AF_INET, 3, 99, 0), "destination unreachable, code 99");
  EXPECT_EQ(icmp_error_words(AF_INET, 5, 1, 0x0a000001), "redirect: a better gateway is 10.0.0.1");
  EXPECT_EQ(icmp_error_words(AF_INET, 77, 2, 0), "ICMP type 77, code 2");
  EXPECT_EQ(icmp_error_words(AF_INET6, 1, 1, 0), "communication administratively prohibited");
  EXPECT_EQ(icmp_error_words(AF_INET6, 1, 3, 0), "destination host unreachable");
  EXPECT_EQ(icmp_error_words(AF_INET6, 2, 0, 1280), "packet too big, mtu 1280");
  EXPECT_EQ(icmp_error_words(AF_INET6, 3, 0, 0), "hop limit exceeded");
  EXPECT_EQ(icmp_error_words(AF_INET6, 4, 1, 6),
            "parameter problem: unknown next header at byte 6 of the packet");
}

}  // namespace
}  // namespace tracepkt::ping
