#include "kernel/host_files.h"

#include <gtest/gtest.h>

#include "kernel/fake_host_for_test.h"

namespace tracepkt::kernel {
namespace {

TEST(ParseMountinfo, ReadsEscapesAndOptionalTags) {
  const auto mounts = parse_mountinfo(
      "36 35 98:0 /a\\040b /mnt\\134x rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=x\n"
      "garbage\n"
      "\n"
      "40 30 0:4 net:[4026532000] /run/netns/web rw - nsfs nsfs rw\n"
      "41 30 0:4 / /cut rw shared:1\n");
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].device, "98:0");
  EXPECT_EQ(mounts[0].root, "/a b");
  EXPECT_EQ(mounts[0].point, "/mnt\\x");
  EXPECT_EQ(mounts[0].type, "ext3");
  EXPECT_EQ(mounts[0].options, "rw,errors=x");
  EXPECT_EQ(mounts[1].root, "net:[4026532000]");
}

TEST(HostFiles, FollowsLinksBelowItsRoot) {
  const FakeHost host;
  host.file("/data/docker/x.json", "[1]");
  host.link("/var/lib/docker", "/data/docker");
  host.link("/var/lib/up", "../../data/docker/./x.json");
  host.link("/loop", "loop");
  HostFiles files(host.root());
  EXPECT_EQ(files.read("/var/lib/docker/x.json"), "[1]");
  EXPECT_EQ(files.read("/var/lib/up"), "[1]");
  EXPECT_EQ(files.read("/loop"), "");
  EXPECT_EQ(files.read("/../../data/docker/x.json"), "[1]");
  EXPECT_EQ(files.list("/var/lib/docker"), std::vector<std::string>{"x.json"});
}

TEST(HostFiles, FindsWhereTheHostHasWhatAContainerMounts) {
  const FakeHost host;
  host.file("/proc/self/mountinfo",
            "1 0 8:1 /@root / rw - btrfs /dev/sda1 rw\n"
            "2 1 8:2 /da /elsewhere rw - ext4 /dev/sdb1 rw\n"
            "3 1 8:2 /data /srv rw - ext4 /dev/sdb1 rw\n");
  HostFiles files(host.root());
  const auto path = [&](const char* device, const char* root) {
    return files.host_path(
        {.device = device, .root = root, .point = "", .type = "", .options = ""});
  };
  EXPECT_EQ(path("8:1", "/@root/var/x"), "/var/x");
  EXPECT_EQ(path("8:2", "/data/x"), "/srv/x");
  EXPECT_EQ(path("8:2", "/data"), "/srv");
  EXPECT_EQ(path("8:2", "/other/x"), "");
  EXPECT_EQ(path("8:3", "/data/x"), "");
}

TEST(HostFiles, LeavesNetworkMountsAlone) {
  const FakeHost host;
  host.file("/proc/self/mountinfo",
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
            "2 1 0:50 / /nfs rw - nfs4 server:/x rw\n"
            "3 2 0:51 / /nfs/tmp rw - tmpfs tmpfs rw\n"
            "4 1 0:52 / /auto rw - autofs systemd-1 rw\n"
            "5 4 8:2 / /auto rw - xfs /dev/sdb rw\n");
  host.file("/nfs/file", "far");
  host.file("/nfs2/file", "near");
  host.file("/auto/file", "mounted over");
  host.link("/link", "/nfs");
  HostFiles files(host.root());
  EXPECT_EQ(files.read("/nfs/file"), "");
  EXPECT_EQ(files.read("/link/file"), "");
  EXPECT_TRUE(files.list("/link").empty());
  EXPECT_EQ(files.read("/nfs2/file"), "near");
  EXPECT_EQ(files.read("/auto/file"), "mounted over");
}

}  // namespace
}  // namespace tracepkt::kernel
