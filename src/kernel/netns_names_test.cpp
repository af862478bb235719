#include "kernel/netns_names.h"

#include <gtest/gtest.h>

#include "kernel/fake_host_for_test.h"

namespace tracepkt::kernel {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kHost = 4026531840;
constexpr std::uint32_t kWeb = 4026532000;
constexpr std::string_view kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

// Counts how often the names of `ip netns` are read, and lets a test move the clock.
struct NetnsNamesTest : testing::Test {
  NetnsNamesTest() { host.process({.pid = 1, .netns = kHost, .comm = "systemd"}); }

  NetnsNames make(bool numeric = false) {
    const auto inode_of = [this](const std::string& path) {
      ++files_looked_at;
      return FakeHost::inode_of(path);
    };
    return NetnsNames(numeric, {.root = host.root(), .inode_of = inode_of, .now = [this] {
                                  now += cost_of_a_look;
                                  return now;
                                }});
  }

  void container(int pid, std::string_view name) {
    host.process({.pid = pid, .netns = kWeb, .cgroup = fmt::format("0::/docker/{}\n", kId)});
    host.file(fmt::format("/var/lib/docker/containers/{}/config.v2.json", kId),
              fmt::format(R"({{"Name":"/{}"}})", name));
  }

  FakeHost host;
  NetnsNames::Clock::time_point now{1h};
  NetnsNames::Clock::duration cost_of_a_look{0};
  int files_looked_at = 0;
};

TEST_F(NetnsNamesTest, TheInitialOneIsHost) {
  EXPECT_EQ(make().name({kHost, 1}), "host");
  EXPECT_EQ(make().name({kHost, 0}), "host");
}

TEST_F(NetnsNamesTest, NothingIsHostInsideOfAContainer) {
  host.link("/proc/self/ns/pid", "pid:[4026532999]");
  NetnsNames names = make();
  EXPECT_EQ(names.name({kHost, 1}), "systemd(1)");
  names.set_initial_inode(kWeb);
  EXPECT_EQ(names.name({kWeb, 1}), "host");
  EXPECT_EQ(make().name({0xeffffff9, 1}), "host") << "from 6.18 on this number is fixed";
}

TEST_F(NetnsNamesTest, TheInitialOneWhereProcessOneIsOutOfBounds) {
  host.remove("/proc/1");
  host.process({.pid = 2, .netns = kHost, .comm = "kthreadd", .kernel_thread = true});
  EXPECT_EQ(make().name({kHost, 1}), "host");
}

TEST_F(NetnsNamesTest, TheInitialOneIsOurOwnWhereASysctlSaysSo) {
  host.remove("/proc/1");
  host.link("/proc/self/ns/net", fmt::format("net:[{}]", kHost));
  host.process({.pid = 4711, .netns = kHost, .comm = "tracepkt"});
  EXPECT_EQ(make().name({kHost, 1}), "tracepkt(4711)");
  host.file("/proc/sys/net/core/netdev_max_backlog", "1000\n");
  EXPECT_EQ(make().name({kHost, 1}), "host");
}

TEST_F(NetnsNamesTest, OrderOfNames) {
  NetnsNames names = make();
  EXPECT_EQ(names.name({kWeb, 1}), "");

  host.file("/proc/self/mountinfo",
            fmt::format("40 30 0:4 net:[{}] /run/docker/netns/b\\040b rw - nsfs nsfs rw\n"
                        "41 30 0:4 net:[{}] /run/docker/netns/a rw shared:1 - nsfs nsfs rw\n"
                        "42 30 0:4 mnt:[{}] /a rw - nsfs nsfs rw\n",
                        kWeb + 1, kWeb + 1, kWeb));
  EXPECT_EQ(make().name({kWeb + 1, 1}), "") << "nothing is mounted there any more";
  host.file("/run/docker/netns/a", std::to_string(kWeb + 1));
  EXPECT_EQ(make().name({kWeb + 1, 1}), "a");
  EXPECT_EQ(make().name({kWeb, 1}), "") << "that was a mount namespace";

  host.process({.pid = 4711, .netns = kWeb + 1, .comm = "sle) ep"});
  EXPECT_EQ(make().name({kWeb + 1, 1}), "sle) ep(4711)");

  container(4712, "web");
  EXPECT_EQ(make().name({kWeb, 1}), "web");

  host.named("blue", kWeb);
  host.named("a b\x1b[31m%s", kWeb);
  EXPECT_EQ(make().name({kWeb, 1}), "a b\x1b[31m%s") << "the first of several, raw";
}

TEST_F(NetnsNamesTest, AMachineMadeNameSaysLessThanTheContainers) {
  const std::string made = "cni-01234567-89ab-cdef-0123-456789abcdef";
  host.named(made, kWeb);
  host.file("/proc/self/mountinfo",
            fmt::format("40 30 0:4 net:[{}] /run/netns/{} rw - nsfs nsfs rw\n", kWeb, made));
  NetnsNames names = make();
  EXPECT_EQ(names.name({kWeb, 1}), made);
  container(4712, "web");
  now += 200ms;
  EXPECT_EQ(names.name({kWeb, 1}), "web");
  EXPECT_FALSE(is_machine_made("cni-lab"));
  EXPECT_TRUE(is_machine_made("netns-01234567-89ab-cdef-0123-456789abcdef"));
}

TEST_F(NetnsNamesTest, TheProcessThatHasBeenThereLongest) {
  host.process({.pid = 50, .netns = kWeb, .comm = "late", .start = 900});
  host.process({.pid = 40, .netns = kWeb, .comm = "kworker", .start = 1, .kernel_thread = true});
  host.process({.pid = 60, .netns = kWeb, .comm = "first", .start = 300});
  EXPECT_EQ(make().name({kWeb, 1}), "first(60)");
}

TEST_F(NetnsNamesTest, AKernelThreadIsNoName) {
  host.process({.pid = 40, .netns = kWeb, .comm = "kworker", .kernel_thread = true});
  EXPECT_EQ(make().name({kWeb, 1}), "");
}

TEST_F(NetnsNamesTest, NumericLooksAtNothing) {
  host.named("web", kWeb);
  NetnsNames names = make(true);
  names.warm_up();
  names.set_initial_inode(kHost);
  EXPECT_EQ(names.name({kWeb, 1}), "");
  EXPECT_EQ(names.name({kHost, 1}), "");
  EXPECT_EQ(files_looked_at, 0);
}

TEST_F(NetnsNamesTest, TheFileToEnterItBy) {
  NetnsNames names = make();
  EXPECT_EQ(names.file(kHost), host.root() + "/proc/1/ns/net");
  EXPECT_EQ(names.file(kWeb), "") << "nobody has asked for its name";
  host.process({.pid = 4711, .netns = kWeb});
  names.name({kWeb, 1});
  EXPECT_EQ(names.file(kWeb), host.root() + "/proc/4711/ns/net");
  host.named("web", kWeb);
  now += 200ms;
  names.name({kWeb, 1});
  EXPECT_EQ(names.file(kWeb), host.root() + "/run/netns/web");
  host.link("/proc/self/ns/net", fmt::format("net:[{}]", kHost));
  EXPECT_EQ(names.file(kHost), "") << "we are in it";
}

TEST_F(NetnsNamesTest, ANameStaysWhenTheNamespaceIsGone) {
  host.named("web", kWeb);
  NetnsNames names = make();
  EXPECT_EQ(names.name({kWeb, 1}), "web");
  host.remove("/run/netns/web");
  now += 1h;
  const int before = files_looked_at;
  EXPECT_EQ(names.name({kWeb, 1}), "web");
  EXPECT_EQ(files_looked_at, before) << "a hit costs no system call";
}

TEST_F(NetnsNamesTest, AProcessNameStaysTooWhenTheProcessEnds) {
  host.process({.pid = 4711, .netns = kWeb});
  NetnsNames names = make();
  EXPECT_EQ(names.name({kWeb, 1}), "sleep(4711)");
  host.remove("/proc/4711");
  now += 1h;
  EXPECT_EQ(names.name({kWeb, 1}), "sleep(4711)");
}

TEST_F(NetnsNamesTest, AnInodeUsedAgainHasItsOwnName) {
  host.named("web", kWeb);
  NetnsNames names = make();
  EXPECT_EQ(names.name({kWeb, 1}), "web");
  host.remove("/run/netns/web");
  host.named("db", kWeb);
  EXPECT_EQ(names.name({kWeb, 2}), "db") << "though the last scan still has the other name";
  EXPECT_EQ(names.name({kWeb, 1}), "web");
}

TEST_F(NetnsNamesTest, ADeadNamespaceDoesNotInheritTheNameOfTheNext) {
  NetnsNames names = make();
  EXPECT_EQ(names.name({kWeb, 1}), "");
  host.named("db", kWeb);
  EXPECT_EQ(names.name({kWeb, 2}), "db");
  now += 1h;
  EXPECT_EQ(names.name({kWeb, 1}), "");
}

TEST_F(NetnsNamesTest, WithoutCookiesAnOldNameIsProvedFirst) {
  host.named("web", kWeb);
  NetnsNames names = make();
  EXPECT_EQ(names.name({kWeb, 0}), "web");
  host.remove("/run/netns/web");
  now += 900ms;
  EXPECT_EQ(names.name({kWeb, 0}), "web");
  now += 200ms;
  EXPECT_EQ(names.name({kWeb, 0}), "");
  host.process({.pid = 9, .netns = kWeb, .comm = "db"});
  now += 200ms;
  EXPECT_EQ(names.name({kWeb, 0}), "db(9)");
  now += 10s;
  EXPECT_EQ(names.name({kWeb, 0}), "db(9)");
}

TEST_F(NetnsNamesTest, ANameGivenLaterIsFound) {
  NetnsNames names = make();
  EXPECT_EQ(names.name({kWeb, 1}), "");
  host.named("web", kWeb);
  now += 50ms;
  EXPECT_EQ(names.name({kWeb, 1}), "") << "not again so soon";
  now += 60ms;
  EXPECT_EQ(names.name({kWeb, 1}), "web");
}

TEST_F(NetnsNamesTest, WhatStaysUnnamedIsLookedForEverLessOften) {
  host.named("other", kWeb + 1);
  NetnsNames names = make();
  for (int i = 0; i < 60000; ++i) {  // a minute of packets
    names.name({kWeb, 1});
    now += 1ms;
  }
  EXPECT_GE(files_looked_at, 10);
  EXPECT_LE(files_looked_at, 20);
}

TEST_F(NetnsNamesTest, OneScanServesAllThatWaitForAName) {
  host.named("other", 7);
  NetnsNames names = make();
  for (int ms = 0; ms < 10000; ms += 10, now += 10ms) {
    for (std::uint32_t i = 0; i < 50; ++i) {
      names.name({kWeb + i, 1});
    }
  }
  // One each at first sight, then one for all after 0.1, 0.3, 0.7, 1.5, 3.1 and 6.3 s.
  EXPECT_LE(files_looked_at, 50 + 2 * 6);
}

TEST_F(NetnsNamesTest, OneScanServesAllThatWereThere) {
  for (std::uint32_t i = 0; i < 50; ++i) {
    host.process({.pid = static_cast<int>(1000 + i), .netns = kWeb + i});
  }
  NetnsNames names = make();
  names.warm_up();
  host.process({.pid = 5, .netns = kWeb + 5});  // a new scan would find this one, which is older
  now += 1h;
  EXPECT_EQ(names.name({kWeb + 5, 1}), "sleep(1005)");
  // What has changed since is not believed.
  host.process({.pid = 1006, .netns = kWeb + 7, .comm = "moved"});
  host.process({.pid = 6, .netns = kWeb + 6, .comm = "new"});
  EXPECT_EQ(names.name({kWeb + 6, 1}), "new(6)");
}

TEST_F(NetnsNamesTest, ScansTakeATwentiethOfTheTime) {
  host.named("other", 7);
  cost_of_a_look = 5ms;
  NetnsNames names = make();
  const auto begin = now;
  for (std::uint32_t i = 0; now - begin < 100s; ++i) {
    names.name({kWeb + i, i + 1});  // always a new one, and none has a name
  }
  // Each kind of scan: 5 s of 100 s and the first half second, at 5 ms a scan; one kind looks at a
  // file.
  EXPECT_LE(files_looked_at, 5500 / 5);
  EXPECT_GE(files_looked_at, 100);
}

}  // namespace
}  // namespace tracepkt::kernel
