// A network namespace of its own for each socket test, with nothing but lo, which is up. Needs
// root.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/fd.h"
#include "ping/echo_socket.h"
#include "ping/target.h"
#include "ping/test_messages.h"

namespace tracepkt::ping {

class InNamespace : public testing::Test {
 protected:
  void SetUp() override {
    home_ = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (unshare(CLONE_NEWNET) != 0) {
      GTEST_SKIP() << "needs root to make a network namespace: " << std::strerror(errno);
    }
    moved_ = true;
    const Fd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    ASSERT_EQ(ioctl(control.get(), SIOCSIFFLAGS, &request), 0) << std::strerror(errno);
  }

  void TearDown() override {
    if (moved_) {
      ASSERT_EQ(setns(home_.get(), CLONE_NEWNET), 0) << std::strerror(errno);
    }
  }

  void go_home() { ASSERT_EQ(setns(home_.get(), CLONE_NEWNET), 0) << std::strerror(errno); }

 private:
  Fd home_;
  bool moved_ = false;
};

inline Address address(const std::string& text) {
  const auto target = resolve(text, Family::kAny);
  EXPECT_TRUE(target) << text;
  return target ? target->address : Address{};
}

// Waits until `count` answers came; fewer where nothing came for five seconds.
inline std::vector<Answer> hear(EchoSocket& socket, std::size_t count) {
  std::vector<Answer> all;
  while (all.size() < count) {
    pollfd wait{.fd = socket.fd(), .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, 5000) != 1) {
      ADD_FAILURE() << "only " << all.size() << " of " << count << " answers came";
      break;
    }
    auto some = socket.receive();
    if (!some) {
      ADD_FAILURE() << some.error().what;
      break;
    }
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

// Sends an ICMP message of any kind from and to this namespace's loopback, as a stranger would.
inline void send_raw(const Bytes& message, const std::string& to) {
  const Address target = address(to);
  const int protocol = target.family == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  const Fd fd(socket(target.family, SOCK_RAW | SOCK_CLOEXEC, protocol));
  sockaddr_storage name;
  const socklen_t length = to_sockaddr(target, 0, name);
  ASSERT_EQ(sendto(fd.get(), message.data(), message.size(), 0,
                   reinterpret_cast<const sockaddr*>(&name), length),
            static_cast<ssize_t>(message.size()))
      << std::strerror(errno);
}

inline Result<EchoSocket> open_to(const std::string& host, EchoOptions options = {}) {
  options.target = address(host);
  return EchoSocket::open(options);
}

}  // namespace tracepkt::ping
