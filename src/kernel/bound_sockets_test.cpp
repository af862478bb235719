#include "kernel/bound_sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "base/fd.h"

namespace tracepkt::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

SocketEnd end_of(const char* address, std::uint16_t port) {
  SocketEnd end{.address = {}, .port = port};
  if (inet_pton(AF_INET6, address, end.address.data()) != 1) {
    end.address[10] = end.address[11] = 0xff;
    EXPECT_EQ(inet_pton(AF_INET, address, &end.address[12]), 1) << address;
  }
  return end;
}

// As the kernel prints it: each 32 bits of an address as a number of this machine, whose bytes are
// the address's. Here, and in the listings below, they are given in the order in which one reads
// them.
std::string listing(std::string text) {
  static const std::regex addresses("((?:[0-9A-F]{8})+):");
  const std::string given = text;
  for (std::sregex_iterator match(given.begin(), given.end(), addresses), end; match != end;
       ++match) {
    for (std::ptrdiff_t at = match->position(1); at < match->position(1) + match->length(1);
         at += 8) {
      const auto word = static_cast<std::uint32_t>(std::stoul(given.substr(at, 8), nullptr, 16));
      text.replace(at, 8, fmt::format("{:08X}", htonl(word)));
    }
  }
  return text;
}

const std::string kUdp = listing(
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode ref pointer drops\n"
    "  407: 0A000001:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
    "11 2 00000000d3b8d0b3 0\n"
    "  407: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
    "12 2 00000000d3b8d0b3 0\n"
    "  407: 0A000001:0035 0A000002:1F90 01 00000000:00000000 00:00000000 00000000     0        0 "
    "13 2 00000000d3b8d0b3 0\n"
    "  408: 00000000:0036 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
    "0 2 00000000d3b8d0b3 0\n");
const std::string kUdp6 = listing(
    "  sl  local_address                         remote_address                        st ...\n"
    "  407: 00000000000000000000000000000000:0037 00000000000000000000000000000000:0000 07 "
    "00000000:00000000 00:00000000 00000000     0        0 21 2 00000000d3b8d0b3 0\n"
    "  407: FE800000000000000000000000000001:0035 00000000000000000000000000000000:0000 07 "
    "00000000:00000000 00:00000000 00000000     0        0 22 2 00000000d3b8d0b3 0\n");
const std::string kTcp = listing(
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31 "
    "1 0\n"
    "   1: 0A000001:0050 0A000002:1F90 01 00000000:00000000 00:00000000 00000000     0        0 32 "
    "1 0\n"
    "   2: 00000000:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 "
    "1 0\n");

struct BoundSocketsTest : ::testing::Test {
  std::map<std::string, std::string> files_ = {{"udp", kUdp}, {"udp6", kUdp6}, {"tcp", kTcp}};
  std::uint64_t now_ns_ = 1;
  int reads_ = 0;
  BoundSockets sockets_{[this](const std::string& netns_file, const char* name) {
                          ++reads_;
                          return netns_file == "/run/netns/a" ? files_[name] : std::string();
                        },
                        [this] { return now_ns_; }};

  std::vector<std::uint64_t> find(std::uint8_t protocol, const SocketEnd& local) {
    return sockets_.find(1, "/run/netns/a", protocol, local, end_of("10.0.0.2", 8080));
  }
};

TEST_F(BoundSocketsTest, TheBestFitTakesIt) {
  EXPECT_THAT(find(IPPROTO_UDP, end_of("10.0.0.1", 53)), ElementsAre(13));
  const auto from = [&](std::uint16_t port, const char* to) {
    return sockets_.find(1, "/run/netns/a", IPPROTO_UDP, end_of(to, 53), end_of("10.0.0.2", port));
  };
  EXPECT_THAT(from(8081, "10.0.0.1"), ElementsAre(11));
  EXPECT_THAT(from(8081, "10.0.0.9"), ElementsAre(12));
  EXPECT_THAT(from(8081, "fe80::1"), ElementsAre(22));
  EXPECT_THAT(from(8081, "fe80::2"), IsEmpty());
}

TEST_F(BoundSocketsTest, OneOfIPv6ThatIsBoundToAnyTakesIPv4) {
  EXPECT_THAT(find(IPPROTO_UDP, end_of("10.0.0.1", 55)), ElementsAre(21));
  EXPECT_THAT(find(IPPROTO_UDP, end_of("fe80::3", 55)), ElementsAre(21));
}

TEST_F(BoundSocketsTest, OfSeveralThatFitAsWellAllAreTold) {
  files_["udp"] += kUdp.substr(kUdp.find("  407: 00000000:0035"));
  EXPECT_THAT(find(IPPROTO_UDP, end_of("10.0.0.9", 53)), ElementsAre(12, 12));
}

TEST_F(BoundSocketsTest, OfAMulticastAllThatFitMayHaveACopy) {
  files_["udp"] += listing(
      "  409: E0000001:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
      "14 2 00000000d3b8d0b3 0\n");
  EXPECT_THAT(find(IPPROTO_UDP, end_of("224.0.0.1", 53)), ElementsAre(12, 14));
  EXPECT_THAT(find(IPPROTO_UDP, end_of("224.0.0.2", 53)), ElementsAre(12));
}

TEST_F(BoundSocketsTest, OfUdpLiteItsOwn) {
  files_["udplite"] = kUdp;
  EXPECT_THAT(find(IPPROTO_UDPLITE, end_of("10.0.0.1", 53)), ElementsAre(13));
  EXPECT_THAT(find(IPPROTO_UDPLITE, end_of("10.0.0.1", 55)), IsEmpty());
}

TEST_F(BoundSocketsTest, OfTcpWhoListens) {
  EXPECT_THAT(find(IPPROTO_TCP, end_of("10.0.0.1", 80)), ElementsAre(31));
  // Behind those that listen nothing is looked at.
  EXPECT_THAT(find(IPPROTO_TCP, end_of("10.0.0.1", 81)), IsEmpty());
}

TEST_F(BoundSocketsTest, NobodysSocketIsNone) {
  EXPECT_THAT(find(IPPROTO_UDP, end_of("10.0.0.1", 54)), IsEmpty());
}

TEST_F(BoundSocketsTest, WhatIsNoListIsNone) {
  for (const char* text : {"", "\n\n", "x", "1: 0100000A", "1: 0100000A:0035 z:1 07",
                           "1: 0100000A:10035 00000000:0000 07 0 0 0 0 0 9", "1: :0035 :0000 07"}) {
    EXPECT_THAT(parse_sockets(text, false), IsEmpty()) << text;
  }
}

TEST_F(BoundSocketsTest, IsReadAgainWhenItIsOldOrNobodyWasFound) {
  const auto udp = end_of("10.0.0.1", 56);
  EXPECT_THAT(find(IPPROTO_UDP, udp), IsEmpty());
  EXPECT_EQ(reads_, 2);
  files_["udp"] = kUdp + "  1: 00000000:0038 00000000:0000 07 0 0 0 0 0 41\n";
  EXPECT_THAT(find(IPPROTO_UDP, udp), IsEmpty());
  now_ns_ += 250'000'000;
  EXPECT_THAT(find(IPPROTO_UDP, udp), ElementsAre(41));
  EXPECT_EQ(reads_, 4);
  files_["udp"] = kUdp;
  now_ns_ += 250'000'000;
  EXPECT_THAT(find(IPPROTO_UDP, udp), ElementsAre(41));
  now_ns_ += 1'000'000'000;
  EXPECT_THAT(find(IPPROTO_UDP, udp), IsEmpty());
}

TEST_F(BoundSocketsTest, WhatWaitsToBeReadIsKnownOnlyOfLater) {
  files_["udp"] = "  1: 00000000:0038 00000000:0000 07 00000000:00000300 0 0 0 0 41\n";
  const auto unread = [&](std::uint64_t inode, std::uint64_t since_ns) {
    return sockets_.unread(1, "/run/netns/a", inode, since_ns);
  };
  EXPECT_EQ(unread(41, 0), 0x300u);
  EXPECT_EQ(unread(42, 0), std::nullopt);
  // Listed before, and again at the next moment.
  EXPECT_EQ(unread(41, 1), std::nullopt);
  files_["udp"] = "  1: 00000000:0038 00000000:0000 07 00000000:00000000 0 0 0 0 41\n";
  now_ns_ = 5;
  EXPECT_EQ(unread(41, 1), 0u);
  EXPECT_EQ(reads_, 4);
  EXPECT_EQ(unread(41, 4), 0u);
  EXPECT_EQ(reads_, 4);
}

TEST(BoundSocketsHere, OurOwnIsFound) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  struct stat status = {};
  ASSERT_EQ(fstat(socket.get(), &status), 0);
  BoundSockets sockets;
  EXPECT_THAT(sockets.find(1, "", IPPROTO_UDP, end_of("127.0.0.1", ntohs(address.sin_port)),
                           end_of("127.0.0.1", 9)),
              ElementsAre(status.st_ino));
}

}  // namespace
}  // namespace tracepkt::kernel
