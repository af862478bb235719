#include "kernel/listen_queues.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"

namespace tracepkt::kernel {
namespace {

std::uint64_t inode_of(int fd) {
  struct stat status{};
  fstat(fd, &status);
  return status.st_ino;
}

TEST(ListenQueues, TheKernelTellsOfASocketThatListens) {
  const Fd listening(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listening.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listening.get(), 3), 0);
  const std::uint64_t inode = inode_of(listening.get());
  auto queues = list_listen_queues();
  ASSERT_TRUE(queues.contains(inode));
  EXPECT_EQ(queues[inode].waiting, 0u);
  EXPECT_EQ(queues[inode].backlog, 3u);

  ASSERT_EQ(getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(list_listen_queues()[inode].waiting, 1u);

  sockaddr_in from = {};
  ASSERT_EQ(getsockname(client.get(), reinterpret_cast<sockaddr*>(&from), &size), 0);
  SocketEnd local{.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1},
                  .port = ntohs(address.sin_port)};
  SocketEnd remote{.address = local.address, .port = ntohs(from.sin_port)};
  EXPECT_TRUE(has_connection(local, remote));
  remote.port = 1;
  EXPECT_FALSE(has_connection(local, remote));
}

TEST(ListenQueues, AListingIsUsedForAWhile) {
  int lists = 0;
  std::uint64_t now = 1;
  ListenQueues queues(
      [&](const std::string& file) {
        EXPECT_EQ(file, "/run/netns/a");
        ++lists;
        return ListenQueuesByInode{{7, {.waiting = 2, .backlog = 1}}};
      },
      [&] { return now; });
  EXPECT_EQ(queues.find(1, "/run/netns/a", 7)->waiting, 2u);
  EXPECT_FALSE(queues.find(1, "/run/netns/a", 8).has_value());
  EXPECT_EQ(lists, 1);
  now += 60'000'000;
  EXPECT_TRUE(queues.find(1, "/run/netns/a", 7).has_value());
  EXPECT_EQ(lists, 2);
}

}  // namespace
}  // namespace tracepkt::kernel
