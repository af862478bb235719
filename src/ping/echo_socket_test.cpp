#include "ping/echo_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ping/test_namespace.h"

namespace tracepkt::ping {
namespace {

using testing::HasSubstr;

void must_send(EchoSocket& socket, std::uint64_t seq) {
  const auto outcome = socket.send(seq);
  ASSERT_TRUE(outcome) << outcome.error().what;
  ASSERT_TRUE(outcome->sent) << outcome->words;
}

class Sockets : public InNamespace {};

TEST_F(Sockets, EchoOverLoopbackInBothFamilies) {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    auto socket = open_to(host, {.ttl = 77});
    ASSERT_TRUE(socket) << socket.error().what;
    EXPECT_TRUE(socket->raw());
    ASSERT_TRUE(socket->source());
    EXPECT_EQ(address_text(*socket->source()), host);
    must_send(*socket, 1);
    const auto answers = hear(*socket, 1);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].kind, AnswerKind::kReply);
    EXPECT_EQ(answers[0].seq, 1u);
    EXPECT_EQ(answers[0].from_text, host);
    EXPECT_EQ(answers[0].bytes, 64u);
    EXPECT_EQ(answers[0].ttl, 64) << "the answer's, not ours";
    EXPECT_GT(answers[0].rtt_ns, 0);
    EXPECT_LT(answers[0].rtt_ns, 1'000'000'000);
    EXPECT_FALSE(answers[0].duplicate);
    EXPECT_EQ(answers[0].words, "");
  }
}

TEST_F(Sockets, TheSmallestAndTheLargestPayload) {
  const auto round_trip = [](const std::string& host, std::size_t payload_bytes) {
    auto socket = open_to(host, {.payload_bytes = payload_bytes});
    ASSERT_TRUE(socket) << socket.error().what;
    must_send(*socket, 1);
    const auto answers = hear(*socket, 1);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].bytes, payload_bytes + 8);
  };
  round_trip("127.0.0.1", 0);
  round_trip("127.0.0.1", 3);
  round_trip("127.0.0.1", 65507);
  round_trip("::1", 0);
  round_trip("::1", 65527);
  EXPECT_FALSE(open_to("127.0.0.1", {.payload_bytes = 65508}));
  EXPECT_FALSE(open_to("::1", {.payload_bytes = 65528}));
}

TEST_F(Sockets, SequenceNumbersGoOnBeyondSixteenBits) {
  auto socket = open_to("127.0.0.1");
  ASSERT_TRUE(socket);
  for (std::uint64_t seq : {65535u, 65536u, 65537u, 1'000'000u}) {
    must_send(*socket, seq);
    const auto answers = hear(*socket, 1);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].seq, seq);
    EXPECT_FALSE(answers[0].duplicate);
  }
}

TEST_F(Sockets, SendAndReceiveFromAnotherNamespace) {
  auto socket = open_to("127.0.0.1", {.via = "lo"});
  ASSERT_TRUE(socket) << socket.error().what;
  go_home();
  must_send(*socket, 1);
  EXPECT_EQ(hear(*socket, 1).size(), 1u);
}

TEST_F(Sockets, OtherPingsAreNotOurs) {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    auto socket = open_to(host);
    ASSERT_TRUE(socket);
    must_send(*socket, 1);
    ASSERT_EQ(hear(*socket, 1).size(), 1u);

    Identity other = socket->identity();
    other.cookie[3] ^= 1;
    send_raw(reply(other, 1, 56), host);               // our id, another cookie
    send_raw(reply(socket->identity(), 2, 56), host);  // a seq that was never sent
    other = socket->identity();
    other.id ^= 1;
    send_raw(reply(other, 1, 56), host);  // another id
    must_send(*socket, 3);
    const auto answers = hear(*socket, 1);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].seq, 3u);
  }
}

TEST_F(Sockets, TheKernelKeepsRepliesToOtherIdsAway) {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    auto socket = open_to(host);
    ASSERT_TRUE(socket);
    Identity other = socket->identity();
    other.id ^= 1;
    send_raw(reply(other, 1, 56), host);
    must_send(*socket, 1);
    pollfd wait{.fd = socket->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&wait, 1, 5000), 1);
    Bytes first(200);
    const ssize_t bytes = recv(socket->fd(), first.data(), first.size(), 0);
    ASSERT_GT(bytes, 0);
    first.resize(static_cast<std::size_t>(bytes));
    EXPECT_TRUE(host == "::1" ? parse_message(first, socket->identity())
                              : parse_ipv4_packet(first, socket->identity()));
  }
}

TEST_F(Sockets, ASecondReplyIsADuplicate) {
  auto socket = open_to("127.0.0.1");
  ASSERT_TRUE(socket);
  must_send(*socket, 1);
  ASSERT_EQ(hear(*socket, 1).size(), 1u);
  send_raw(reply(socket->identity(), 1, 56), "127.0.0.1");
  Bytes damaged = reply(socket->identity(), 1, 56);
  damaged.back() ^= 0xff;
  send_raw(damaged, "127.0.0.1");
  const auto answers = hear(*socket, 2);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].kind, AnswerKind::kReply);
  EXPECT_TRUE(answers[0].duplicate);
  EXPECT_EQ(answers[1].kind, AnswerKind::kCorrupted);
  EXPECT_EQ(answers[1].words, "echo reply, but its checksum is wrong");
}

TEST_F(Sockets, WithoutACookieTheSenderMustBeTheTarget) {
  auto socket = open_to("127.0.0.1", {.payload_bytes = 0, .via = "127.0.0.1"});
  ASSERT_TRUE(socket) << socket.error().what;
  must_send(*socket, 1);
  ASSERT_EQ(hear(*socket, 1).size(), 1u);
  const Bytes other_target =
      ipv4(build_echo_request(socket->identity(), 1, 0), {127, 0, 0, 1}, {127, 0, 0, 9});
  send_raw(icmp_error(3, 1, 0, other_target), "127.0.0.1");
  const Bytes our_target =
      ipv4(build_echo_request(socket->identity(), 1, 0), {127, 0, 0, 1}, {127, 0, 0, 1});
  send_raw(icmp_error(3, 2, 0, our_target), "127.0.0.1");
  const auto answers = hear(*socket, 1);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].code, 2);
}

TEST_F(Sockets, IcmpErrorsAreHeardInWords) {
  auto socket = open_to("127.0.0.1");
  ASSERT_TRUE(socket);
  must_send(*socket, 1);
  ASSERT_EQ(hear(*socket, 1).size(), 1u);
  const Bytes quoted =
      ipv4(build_echo_request(socket->identity(), 1, 56), {127, 0, 0, 1}, {127, 0, 0, 1});
  send_raw(icmp_error(11, 0, 0, quoted), "127.0.0.1");
  send_raw(icmp_error(3, 4, 1400, std::span(quoted).first(28)), "127.0.0.1");
  const auto answers = hear(*socket, 2);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].kind, AnswerKind::kError);
  EXPECT_EQ(answers[0].words, "time to live exceeded");
  EXPECT_EQ(answers[0].type, 11);
  EXPECT_FALSE(answers[0].duplicate);
  EXPECT_EQ(answers[1].words, "packet too big, mtu 1400");
  EXPECT_EQ(answers[1].info, 1400u);
  EXPECT_TRUE(answers[1].duplicate) << "the second error for this request";

  auto socket6 = open_to("::1");
  ASSERT_TRUE(socket6);
  must_send(*socket6, 1);
  ASSERT_EQ(hear(*socket6, 1).size(), 1u);
  send_raw(icmp_error(3, 0, 0, ipv6(build_echo_request(socket6->identity(), 1, 56))), "::1");
  const auto answers6 = hear(*socket6, 1);
  ASSERT_EQ(answers6.size(), 1u);
  EXPECT_EQ(answers6[0].words, "hop limit exceeded");
  EXPECT_EQ(answers6[0].from_text, "::1");
}

TEST_F(Sockets, NoRouteIsThePacketsFateNotOurs) {
  for (const std::string host : {"192.0.2.1", "2001:db8::1"}) {
    auto socket = open_to(host);
    ASSERT_TRUE(socket) << socket.error().what;
    EXPECT_FALSE(socket->source());
    const auto outcome = socket->send(1);
    ASSERT_TRUE(outcome) << outcome.error().what;
    EXPECT_FALSE(outcome->sent);
    EXPECT_EQ(outcome->error, ENETUNREACH);
    EXPECT_EQ(outcome->words, "sending was refused: Network is unreachable (no route leads there)");
  }
}

TEST_F(Sockets, WhatCannotBeHadIsAnError) {
  const auto why = [](const std::string& host, const EchoOptions& options) {
    const auto socket = open_to(host, options);
    return socket ? "opened" : socket.error().what;
  };
  EXPECT_EQ(why("127.0.0.1", {.via = "nosuch0"}), "no interface 'nosuch0' in this namespace");
  EXPECT_EQ(why("127.0.0.1", {.via = "a-name-longer-than-any"}),
            "no interface 'a-name-longer-than-any' in this namespace");
  EXPECT_EQ(why("127.0.0.1", {.via = "192.0.2.1"}),
            "no interface of this namespace has the address 192.0.2.1");
  EXPECT_EQ(why("127.0.0.1", {.via = "::1"}),
            "cannot send from ::1 to 127.0.0.1: one is IPv4, the other IPv6");
  EXPECT_EQ(why("127.0.0.1", {.ttl = 0}), "a TTL of 0 cannot be: it is 1 to 255");
  EXPECT_EQ(why("127.255.255.255", {}), "127.255.255.255 is a broadcast address");
  EXPECT_EQ(why("fe80::1", {}), "fe80::1 is a link-local address: on which interface?");
  EXPECT_EQ(why("fe80::1", {.via = "lo"}), "opened");
}

TEST_F(Sockets, MarkSourceAndInterfaceAreTaken) {
  auto socket = open_to("127.0.0.1", {.mark = 0x2a, .via = "127.0.0.5"});
  ASSERT_TRUE(socket) << socket.error().what;
  std::uint32_t mark = 0;
  socklen_t mark_bytes = sizeof(mark);
  ASSERT_EQ(getsockopt(socket->fd(), SOL_SOCKET, SO_MARK, &mark, &mark_bytes), 0);
  EXPECT_EQ(mark, 0x2au);
  EXPECT_EQ(address_text(*socket->source()), "127.0.0.5");
  must_send(*socket, 1);
  EXPECT_EQ(hear(*socket, 1).size(), 1u);
}

TEST_F(Sockets, ReceivingNothingDoesNotWait) {
  auto socket = open_to("127.0.0.1");
  ASSERT_TRUE(socket);
  const auto answers = socket->receive();
  ASSERT_TRUE(answers);
  EXPECT_TRUE(answers->empty());
}

TEST(RefusalWords, SayWhoRefusesWhereItIsKnown) {
  EXPECT_EQ(refusal_words(EPERM),
            "sending was refused: Operation not permitted (a firewall's OUTPUT rule, a cgroup's "
            "BPF program or an IPsec policy does that)");
  EXPECT_THAT(refusal_words(ENOBUFS).value_or(""), HasSubstr("No buffer space available"));
  EXPECT_THAT(refusal_words(EMSGSIZE).value_or(""), HasSubstr("Message too long"));
  EXPECT_TRUE(refusal_words(EHOSTUNREACH));
  EXPECT_THAT(refusal_words(ENOKEY).value_or(""),
              HasSubstr("(no peer of that WireGuard interface"));
  EXPECT_THAT(refusal_words(EDESTADDRREQ).value_or(""), HasSubstr("no endpoint"));
  EXPECT_TRUE(refusal_words(EINVAL));
  EXPECT_FALSE(refusal_words(EBADF));
}

}  // namespace
}  // namespace tracepkt::ping
