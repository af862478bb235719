#include "kernel/socket_owners.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace tracepkt::kernel {
namespace {

std::uint64_t inode_of(const Fd& socket) {
  struct stat status = {};
  fstat(socket.get(), &status);
  return status.st_ino;
}

TEST(SocketOwners, FindsWhoHasASocketOpenAndRemembersIt) {
  SocketOwners owners;
  std::uint64_t inode = 0;
  {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    inode = inode_of(socket);
    const auto owner = owners.find(inode);
    ASSERT_TRUE(owner);
    EXPECT_EQ(owner->pid, static_cast<std::uint32_t>(getpid()));
    EXPECT_TRUE(owner->name.starts_with("kernel_test")) << owner->name;
  }
  EXPECT_TRUE(owners.find(inode));
}

TEST(SocketOwners, ASocketOpenedLaterIsFoundAndAClosedOneIsNot) {
  SocketOwners owners;
  const Fd first(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(owners.find(inode_of(first)));
  const Fd second(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(owners.find(inode_of(second)));
  std::uint64_t closed = 0;
  {
    const Fd third(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    closed = inode_of(third);
  }
  EXPECT_FALSE(owners.find(closed));
  EXPECT_FALSE(owners.find(0));
  EXPECT_FALSE(SocketOwners("/nonexistent").find(inode_of(first)));
}

}  // namespace
}  // namespace tracepkt::kernel
