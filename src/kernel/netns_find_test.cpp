#include "kernel/netns_find.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel/fake_host_for_test.h"

namespace tracepkt::kernel {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint32_t kHost = 4026531840;
const std::string kId = "c45bd6a66357f13a413e787d1e77fd81b5e17243021acafbc9ec1be69a8cd688";
const std::string kOther = "c45bd6a66357293e18e6d1ec0895dd22bff50c9b60ba54c9d59ba11dda0abcde";

struct FindNetnsTest : testing::Test {
  FindNetnsTest() { host.process({.pid = 1, .netns = kHost, .comm = "systemd"}); }

  void container(int pid, std::uint32_t netns, const std::string& id, std::string_view name) {
    host.process({.pid = pid, .netns = netns, .cgroup = fmt::format("0::/docker/{}\n", id)});
    host.file(fmt::format("/var/lib/docker/containers/{}/config.v2.json", id),
              fmt::format(R"({{"Name":"/{}"}})", name));
  }
  // Below the root, or the words of the failure.
  std::string find(std::string_view spec) {
    const auto path = find_netns(spec, host.root(), FakeHost::inode_of);
    return path ? path->substr(host.root().size()) : path.error().what + " | " + path.error().hint;
  }

  FakeHost host;
};

TEST_F(FindNetnsTest, Host) {
  host.named("host", 77);
  EXPECT_EQ(find("host"), "/proc/1/ns/net");
  host.link("/proc/self/ns/pid", "pid:[4026532999]");
  EXPECT_THAT(find("host"), AllOf(HasSubstr("initial"), HasSubstr("--pid=host")));
  host.process({.pid = 30, .netns = 0xeffffff9});
  EXPECT_EQ(find("host"), "/proc/30/ns/net") << "the number that it has since 6.18";
}

TEST_F(FindNetnsTest, Paths) {
  EXPECT_EQ(find("/proc/77/ns/net"), "/proc/77/ns/net");
  const auto relative = find_netns("./ns");
  ASSERT_TRUE(relative);
  EXPECT_EQ(*relative, "./ns");
}

TEST_F(FindNetnsTest, DigitsAreAPidThenAnInodeThenAName) {
  host.named("4026532001", 77);
  EXPECT_EQ(find("4026532001"), "/run/netns/4026532001");
  host.process({.pid = 50, .netns = 4026532001});
  host.process({.pid = 60, .netns = 4026532001});
  EXPECT_EQ(find("4026532001"), "/proc/50/ns/net");
  EXPECT_EQ(find("net:[4026532001]"), "/proc/50/ns/net");
  EXPECT_EQ(find("60"), "/proc/60/ns/net");
  host.named("web", 60);
  EXPECT_EQ(find("60"), "/proc/60/ns/net") << "the pid wins";
  EXPECT_EQ(find("net:[60]"), "/run/netns/web");
  for (const char* spec : {"61", "0", "net:[]", "99999999999999999999999"}) {
    EXPECT_THAT(find(spec), AllOf(HasSubstr("no process"), HasSubstr("lsns -t net"))) << spec;
  }
}

TEST_F(FindNetnsTest, InodeOfAMount) {
  host.file("/proc/self/mountinfo", "40 30 0:4 net:[4026532009] /run/x rw - nsfs nsfs rw\n");
  EXPECT_EQ(find("4026532009"), "/run/x");
}

TEST_F(FindNetnsTest, NamesBeforeContainers) {
  container(4711, 90, kId, "web");
  EXPECT_EQ(find("web"), "/proc/4711/ns/net");
  EXPECT_EQ(find(kId), "/proc/4711/ns/net");
  EXPECT_EQ(find(kId.substr(0, 12)), "/proc/4711/ns/net");
  host.named("web", 91);
  EXPECT_EQ(find("web"), "/run/netns/web");
  host.named("a b\x1b%s", 92);
  EXPECT_EQ(find("a b\x1b%s"), "/run/netns/a b\x1b%s");
}

TEST_F(FindNetnsTest, TheContainersOwnProcessNotOneThatWentElsewhere) {
  container(4711, 90, kId, "web");
  host.process({.pid = 4000, .netns = 95, .cgroup = "0::/docker/" + kId + "\n", .start = 9999});
  EXPECT_EQ(find("web"), "/proc/4711/ns/net");
}

TEST_F(FindNetnsTest, OneNameForTwoContainers) {
  container(100, 90, kId, "web");
  container(200, 90, kOther, "web");
  EXPECT_EQ(find("web"), "/proc/100/ns/net") << "one namespace: a pod";
  container(200, 91, kOther, "web");
  EXPECT_THAT(find("web"), AllOf(HasSubstr("several containers"), HasSubstr("(pid 100)"),
                                 HasSubstr("(pid 200)"), HasSubstr("give the id or the pid")));
}

TEST_F(FindNetnsTest, SaysWhatThereIs) {
  container(100, 90, kId, "shop");
  for (int i = 0; i < 11; ++i) {
    host.named(fmt::format("q{:02}", i), 100 + static_cast<std::uint32_t>(i));
  }
  host.named("a\x1b[31m", 99);
  EXPECT_EQ(
      find("wbe\x1b"),
      "no network namespace 'wbe\\x1b': `ip netns` has no such name, and no running container "
      "is called so | `ip netns` knows a\\x1b[31m, q00, q01, q02, q03, q04, q05, q06 and 4 "
      "more; containers: shop; a pid, a path, an inode or `host` will do as well");
  EXPECT_THAT(find(""), HasSubstr("no network namespace given"));
}

}  // namespace
}  // namespace tracepkt::kernel
