// Names and --netns on the real system, as root. All of it happens in a mount namespace of its own,
// with a /run of its own: whatever becomes of the test, nothing is left behind.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "kernel/host_files.h"
#include "kernel/netns_names.h"
#include "kernel/netns_open.h"

namespace tracepkt::kernel {
namespace {

using testing::HasSubstr;

constexpr std::array kHostileNames = {"plain",       "with space", "%s%n",  "r\xc3\xa9seau",
                                      "esc\x1b[31m", "bad\xff",    "-dash", "new\nline",
                                      "quote\"'",    "12345678"};

class NetnsSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    mounts_ = Fd(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    root_ = Fd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    directory_ = Fd(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (::unshare(CLONE_NEWNS) != 0) {
      GTEST_SKIP() << "needs root, to make namespaces: " << std::strerror(errno);
    }
    away_ = true;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", "/run", "tmpfs", 0, nullptr) != 0) {
      GTEST_SKIP() << "needs the right to mount: " << std::strerror(errno);
    }
    std::filesystem::create_directory("/run/netns");
  }

  void TearDown() override {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    if (away_) {
      ASSERT_EQ(::setns(mounts_.get(), CLONE_NEWNS), 0);
      // That leads out of a chroot.
      ASSERT_EQ(::fchdir(root_.get()), 0);
      ASSERT_EQ(::chroot("."), 0);
      ASSERT_EQ(::fchdir(directory_.get()), 0);
    }
  }

  // What `ip netns add` does, by any name.
  static void add(const std::string& name) {
    const std::string path = "/run/netns/" + name;
    const Fd file(::open(path.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0444));
    ASSERT_TRUE(file.valid()) << path;
    const Fd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << std::strerror(errno);
    const int mounted = ::mount("/proc/thread-self/ns/net", path.c_str(), "", MS_BIND, nullptr);
    ASSERT_EQ(::setns(own.get(), CLONE_NEWNET), 0);
    ASSERT_EQ(mounted, 0) << path;
  }

  // A process in a network namespace of its own, which ends with the test.
  void start_child(const char* comm) {
    std::array<int, 2> ready{};
    ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::prctl(PR_SET_NAME, comm);
      const char ok = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
      if (::write(ready[1], &ok, 1) == 1) {
        ::pause();
      }
      ::_exit(1);
    }
    ::close(ready[1]);
    char ok = 'n';
    ASSERT_EQ(::read(ready[0], &ok, 1), 1);
    ::close(ready[0]);
    ASSERT_EQ(ok, 'y');
  }

  Fd mounts_;
  Fd root_;
  Fd directory_;
  bool away_ = false;
  pid_t child_ = -1;
};

TEST_F(NetnsSystemTest, HostileNamesAreNames) {
  for (const std::string name : kHostileNames) {
    add(name);
    if (HasFatalFailure()) {
      return;
    }
    const auto fd = open_netns(name);
    ASSERT_TRUE(fd) << fd.error().what;
    const auto inode = netns_inode(fd->get());
    ASSERT_TRUE(inode);
    NetnsNames names;
    EXPECT_EQ(names.name({*inode, 1}), name);
    EXPECT_EQ(names.name({*inode, 0}), name);

    ASSERT_EQ(::umount2(("/run/netns/" + name).c_str(), MNT_DETACH), 0);
    EXPECT_THAT(open_netns(name).error().what, HasSubstr("is not a namespace"));
    std::filesystem::remove("/run/netns/" + name);
    EXPECT_EQ(names.name({*inode, 1}), name) << "though it is gone";
  }
}

TEST_F(NetnsSystemTest, NamesOfIproute2) {
  const std::string name = "ip made\x1b[31m";
  std::array<const char*, 5> words = {"ip", "netns", "add", name.c_str(), nullptr};
  pid_t pid = 0;
  if (::posix_spawnp(&pid, "ip", nullptr, nullptr, const_cast<char**>(words.data()), environ) !=
      0) {
    GTEST_SKIP() << "needs iproute2";
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_EQ(status, 0);
  const auto fd = open_netns(name);
  ASSERT_TRUE(fd) << fd.error().what;
  EXPECT_EQ(NetnsNames().name({*netns_inode(fd->get()), 1}), name);
}

TEST_F(NetnsSystemTest, AProcessByPidAndByInode) {
  ASSERT_NO_FATAL_FAILURE(start_child("wor) ker"));
  const auto by_pid = open_netns(std::to_string(child_));
  ASSERT_TRUE(by_pid) << by_pid.error().what;
  const auto inode = netns_inode(by_pid->get());
  ASSERT_TRUE(inode);
  EXPECT_EQ(NetnsNames().name({*inode, 1}), "wor) ker(" + std::to_string(child_) + ")");
  const auto by_inode = open_netns(std::to_string(*inode));
  ASSERT_TRUE(by_inode) << by_inode.error().what;
  EXPECT_EQ(*netns_inode(by_inode->get()), *inode);
}

TEST_F(NetnsSystemTest, RunsThereAndComesBack) {
  add("there");
  const auto fd = open_netns("there");
  ASSERT_TRUE(fd) << fd.error().what;
  const auto own = [] { return read_link("/proc/thread-self/ns/net"); };
  const std::string here = own();
  std::string there;
  const Status status = run_in_netns(fd->get(), [&]() -> Status {
    there = own();
    return failure("my own words");
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "my own words");
  EXPECT_EQ(there, "net:[" + std::to_string(*netns_inode(fd->get())) + "]");
  EXPECT_NE(there, here);
  EXPECT_EQ(own(), here);
}

TEST_F(NetnsSystemTest, WithoutRightsItSaysWhichOnesAreMissing) {
  add("there");
  const auto fd = open_netns("there");
  ASSERT_TRUE(fd) << fd.error().what;
  std::array<int, 2> answer{};
  ASSERT_EQ(::pipe(answer.data()), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool dropped = ::setresuid(65534, 65534, 65534) == 0;
    const Status status = run_in_netns(fd->get(), [] { return Status(); });
    const std::string text = !dropped ? "no"
                             : status ? "it worked"
                                      : status.error().what + "|" + status.error().hint;
    ::_exit(::write(answer[1], text.data(), text.size()) > 0 ? 0 : 1);
  }
  ::close(answer[1]);
  std::array<char, 1000> text{};
  EXPECT_GT(::read(answer[0], text.data(), text.size() - 1), 0);
  ::close(answer[0]);
  ::waitpid(pid, nullptr, 0);
  EXPECT_THAT(text.data(), HasSubstr("CAP_SYS_ADMIN"));
  EXPECT_THAT(text.data(), HasSubstr("cannot enter the network namespace"));
}

TEST(NetnsSystem, OwnNamespaceTakesNoRights) {
  const auto fd = open_netns("/proc/self/ns/net");
  ASSERT_TRUE(fd) << fd.error().what;
  int runs = 0;
  EXPECT_TRUE(run_in_netns(fd->get(), [&] { return ++runs, Status(); }));
  EXPECT_EQ(runs, 1);
}

TEST(NetnsSystem, OtherFilesAreRefused) {
  const auto file = open_netns("/proc/self/stat");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().what, "/proc/self/stat is not a namespace");
  const auto mounts = open_netns("/proc/self/ns/mnt");
  ASSERT_FALSE(mounts);
  EXPECT_EQ(mounts.error().what, "/proc/self/ns/mnt is a namespace, but not one of the network");
  EXPECT_FALSE(open_netns("/no/such/file"));
  EXPECT_FALSE(netns_inode(-1));
  EXPECT_FALSE(run_in_netns(-1, [] { return Status(); }));
  EXPECT_EQ(netns_inode_of_file("/proc/self/stat"), 0u);
  EXPECT_NE(netns_inode_of_file("/proc/self/ns/net"), 0u);
}

}  // namespace
}  // namespace tracepkt::kernel
