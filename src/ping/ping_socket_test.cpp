// Without CAP_NET_RAW: ping sockets, and what is said where not even those may be used.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>

#include "ping/test_namespace.h"

namespace tracepkt::ping {
namespace {

using testing::HasSubstr;

// Takes capabilities from this thread, and gives them back at the end of its life.
class Without {
 public:
  explicit Without(std::uint32_t capabilities) {
    syscall(SYS_capget, &header_, before_);
    __user_cap_data_struct less[2] = {before_[0], before_[1]};
    less[0].effective &= ~capabilities;
    EXPECT_EQ(syscall(SYS_capset, &header_, less), 0);
  }
  Without(const Without&) = delete;
  Without& operator=(const Without&) = delete;
  ~Without() { EXPECT_EQ(syscall(SYS_capset, &header_, before_), 0); }

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct before_[2] = {};
};

constexpr std::uint32_t kRaw = 1u << CAP_NET_RAW;
constexpr std::uint32_t kAdmin = 1u << CAP_NET_ADMIN;

class PingSockets : public InNamespace {
 protected:
  void allow_everyone() {
    std::ofstream range("/proc/sys/net/ipv4/ping_group_range");
    range << "0 2147483647" << std::flush;
    ASSERT_TRUE(range.good());
  }

  std::optional<EchoSocket> open_without_raw(const std::string& host,
                                             const EchoOptions& options = {}) {
    allow_everyone();
    const Without less(kRaw);
    auto socket = open_to(host, options);
    EXPECT_TRUE(socket) << socket.error().what;
    return socket ? std::optional(std::move(*socket)) : std::nullopt;
  }
};

TEST_F(PingSockets, EchoWithTheIdTheKernelChose) {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    auto socket = open_without_raw(host);
    ASSERT_TRUE(socket);
    EXPECT_FALSE(socket->raw());
    EXPECT_NE(socket->identity().id, 0);
    ASSERT_TRUE(socket->send(70'000)->sent);
    const auto answers = hear(*socket, 1);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].kind, AnswerKind::kReply);
    EXPECT_EQ(answers[0].seq, 70'000u);
    EXPECT_EQ(answers[0].from_text, host);
    EXPECT_EQ(answers[0].ttl, 64);
    EXPECT_EQ(answers[0].bytes, 64u);
    EXPECT_GT(answers[0].rtt_ns, 0);
  }
}

TEST_F(PingSockets, HearIcmpErrorsFromTheErrorQueue) {
  auto socket = open_without_raw("127.0.0.1");
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->send(1)->sent);
  ASSERT_EQ(hear(*socket, 1).size(), 1u);
  const Bytes request = build_echo_request(socket->identity(), 1, 56);
  Identity other = socket->identity();
  other.cookie[0] ^= 1;
  const Ip here = {127, 0, 0, 1};
  send_raw(icmp_error(3, 1, 0, ipv4(build_echo_request(other, 1, 56), here, here)), "127.0.0.1");
  send_raw(icmp_error(3, 13, 0, ipv4(request, here, here)), "127.0.0.1");
  // The errors wait on the socket: they must not be taken for the fate of the next request.
  const auto outcome = socket->send(2);
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_TRUE(outcome->sent) << outcome->words;
  auto answers = hear(*socket, 2);
  ASSERT_EQ(answers.size(), 2u);
  std::ranges::sort(answers, {}, &Answer::seq);
  EXPECT_EQ(answers[0].kind, AnswerKind::kError);
  EXPECT_EQ(answers[0].words, "communication administratively prohibited");
  EXPECT_EQ(answers[0].from_text, "127.0.0.1");
  EXPECT_EQ(answers[1].kind, AnswerKind::kReply);
  EXPECT_EQ(answers[1].seq, 2u);
}

TEST_F(PingSockets, HearIcmpv6ErrorsToo) {
  auto socket = open_without_raw("::1");
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->send(1)->sent);
  ASSERT_EQ(hear(*socket, 1).size(), 1u);
  Bytes quoted = ipv6(build_echo_request(socket->identity(), 1, 56));
  for (std::size_t at : {std::size_t{8}, std::size_t{24}}) {  // from ::1 to ::1
    std::fill_n(quoted.begin() + at, 16, std::uint8_t{0});
    quoted[at + 15] = 1;
  }
  send_raw(icmp_error(2, 0, 1280, quoted), "::1");
  const auto answers = hear(*socket, 1);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].words, "packet too big, mtu 1280");
  EXPECT_EQ(answers[0].from_text, "::1");
}

TEST_F(PingSockets, TakeASourceAndAnInterface) {
  auto by_source = open_without_raw("127.0.0.1", {.via = "127.0.0.7"});
  ASSERT_TRUE(by_source);
  ASSERT_TRUE(by_source->send(1)->sent);
  EXPECT_EQ(hear(*by_source, 1).size(), 1u);
  auto by_interface = open_without_raw("127.0.0.1", {.via = "lo"});
  ASSERT_TRUE(by_interface);
  ASSERT_TRUE(by_interface->send(1)->sent);
  EXPECT_EQ(hear(*by_interface, 1).size(), 1u);
}

TEST_F(PingSockets, NoneAllowedNamesBothWaysOut) {
  const Without less(kRaw);  // and a new namespace lets no group send pings
  const auto socket = open_to("127.0.0.1");
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().what,
            "an ICMP socket needs CAP_NET_RAW, which this process does not have");
  EXPECT_THAT(socket.error().hint, HasSubstr("net.ipv4.ping_group_range"));
}

TEST_F(PingSockets, AMarkNeedsItsCapability) {
  allow_everyone();
  const Without less(kRaw | kAdmin);
  const auto socket = open_to("127.0.0.1", {.mark = 1});
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().what, "cannot mark packets with 1: Operation not permitted");
  EXPECT_THAT(socket.error().hint, HasSubstr("CAP_NET_ADMIN"));
}

}  // namespace
}  // namespace tracepkt::ping
