#include "kernel/tcp_taker.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "base/fd.h"

namespace tracepkt::kernel {
namespace {

sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

SocketEnd on_this_host(std::uint16_t port) {
  return {.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, .port = port};
}

class TcpTakerTest : public testing::Test {
 protected:
  void SetUp() override {
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    ASSERT_EQ(bind(listening_.get(), generic(address_), size), 0);
    ASSERT_EQ(listen(listening_.get(), 3), 0);
    ASSERT_EQ(getsockname(listening_.get(), generic(address_), &size), 0);
    local_ = on_this_host(ntohs(address_.sin_port));
  }

  static Fd tcp_socket() { return Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

  // A connection that nobody accepts; its port here.
  std::uint16_t connect_by(const Fd& client) {
    sockaddr_in from = {};
    socklen_t size = sizeof(from);
    EXPECT_EQ(connect(client.get(), generic(address_), sizeof(address_)), 0);
    EXPECT_EQ(getsockname(client.get(), generic(from), &size), 0);
    return ntohs(from.sin_port);
  }

  Fd listening_ = tcp_socket();
  sockaddr_in address_{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  SocketEnd local_;
};

TEST_F(TcpTakerTest, WhoListensTakesWhatIsNoConnectionYet) {
  const auto taker = find_tcp_taker(local_, on_this_host(1), 1);
  ASSERT_TRUE(taker.has_value());
  EXPECT_TRUE(taker->listens);
  EXPECT_TRUE(taker->is_plain);
  EXPECT_EQ(taker->waiting, 0u);
  EXPECT_EQ(taker->backlog, 3u);
}

TEST_F(TcpTakerTest, ItsQueueIsToldAsItIsNow) {
  const std::array clients = {tcp_socket(), tcp_socket()};
  for (std::uint32_t waiting = 1; const Fd& client : clients) {
    connect_by(client);
    EXPECT_EQ(find_tcp_taker(local_, on_this_host(1), 0)->waiting, waiting++);
  }
}

TEST_F(TcpTakerTest, AConnectionTakesItsOwn) {
  const Fd client = tcp_socket();
  const std::uint16_t port = connect_by(client);
  const auto taker = find_tcp_taker(local_, on_this_host(port), 1);
  ASSERT_TRUE(taker.has_value());
  EXPECT_FALSE(taker->listens);
}

TEST_F(TcpTakerTest, NobodyListens) {
  listening_ = Fd();
  EXPECT_FALSE(find_tcp_taker(local_, on_this_host(1), 1).has_value());
}

// Binding to an interface takes no rights since 5.7 (c427bfec18f2).
TEST_F(TcpTakerTest, WhatIsBoundToAnInterfaceTakesWhatComesInByThatOne) {
  ASSERT_EQ(setsockopt(listening_.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
  const auto taker = find_tcp_taker(local_, on_this_host(1), 1);
  ASSERT_TRUE(taker.has_value());
  EXPECT_FALSE(taker->is_plain);
  EXPECT_FALSE(find_tcp_taker(local_, on_this_host(1), 2).has_value());
}

}  // namespace
}  // namespace tracepkt::kernel
