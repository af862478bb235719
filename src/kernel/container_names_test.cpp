#include "kernel/container_names.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "kernel/container_id.h"
#include "kernel/fake_host_for_test.h"

namespace tracepkt::kernel {
namespace {

const std::string kId = "c45bd6a66357f13a413e787d1e77fd81b5e17243021acafbc9ec1be69a8cd688";
const std::string kOther = "4924e8e3f58196e427e3cb0b9f149ae4e3864ae1bec0e92b0495933ca0d8353f";

TEST(ContainerId, IsInTheCgroupsOfEveryRuntime) {
  for (const char* path : {
           "0::/docker/{}\n",
           "0::/system.slice/docker-{}.scope\n",
           "0::/machine.slice/libpod-{}.scope/container\n",
           "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{}.scope\n",
           // One path in two lines.
           ("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab_c.slice/"
            "cri-containerd-{}.scope\n"),
           "0::/kubepods/besteffort/pod0-1/{}\n",
           "0::/kubepods.slice/kubepods-pod1.slice/crio-{}.scope\n",
           "0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{}\n",
           "12:pids:/user.slice\n11:memory:/docker/{0}\n0::/system.slice/x.service\n",
           "1:name=systemd:/docker/{}/init.scope\n",
           "0::/../docker-{}.scope\n",
           "0::/default/{}",
       }) {
    const std::string text = fmt::format(fmt::runtime(path), kId);
    EXPECT_EQ(container_id_of_cgroup(text), kId) << text;
  }
}

TEST(ContainerId, IsThatOfTheInnermost) {
  EXPECT_EQ(container_id_of_cgroup(fmt::format("0::/docker/{}/kubepods/pod1/{}\n", kOther, kId)),
            kId);
}

TEST(ContainerId, IsNotInOtherCgroups) {
  for (const std::string& text :
       {std::string(), std::string("0::/\n"), std::string("garbage"), std::string(":::\n:/\n"),
        "0::/machine.slice/libpod-conmon-" + kId + ".scope\n", "0::/x/" + kId + "0\n",
        "0::/x/" + kId.substr(1) + "\n", "0::/x/a" + kId + "\n",
        std::string("4:memory:/process_api/adc332ff47b9ee966ca752fdaab8ba62\n")}) {
    EXPECT_EQ(container_id_of_cgroup(text), "") << text;
  }
}

struct ContainerNamesTest : testing::Test {
  static constexpr int kPid = 4711;

  void run(std::string_view cgroup, std::string_view mountinfo = "") {
    host.process({.pid = kPid, .netns = 9, .cgroup = cgroup, .mountinfo = mountinfo});
  }
  std::string name() { return ContainerNames(host.root()).of_process(kPid).name; }
  void docker_config(std::string_view data_root, std::string_view name) {
    host.file(fmt::format("{}/containers/{}/config.v2.json", data_root, kId),
              fmt::format(R"({{"StreamConfig":{{}},"ID":"{}","Name":"{}"}})", kId, name));
  }
  void bundle(std::string_view directory, std::string_view json) {
    host.file(fmt::format("{}/{}/config.json", directory, kId), json);
  }

  FakeHost host;
  const std::string docker = "0::/system.slice/docker-" + kId + ".scope\n";
  const std::string libpod = "0::/machine.slice/libpod-" + kId + ".scope/container\n";
  const std::string cri = "0::/kubepods/burstable/pod1/" + kId + "\n";
  const std::string tasks = "/run/containerd/io.containerd.runtime.v2.task/";
};

TEST_F(ContainerNamesTest, NoneOutsideOfContainers) {
  run("0::/user.slice\n");
  EXPECT_EQ(ContainerNames(host.root()).of_process(kPid).id, "");
  EXPECT_EQ(ContainerNames(host.root()).of_process(1234567).id, "");
}

TEST_F(ContainerNamesTest, ShortIdWhereNothingTells) {
  run(docker);
  EXPECT_EQ(name(), "c45bd6a66357");
  EXPECT_EQ(ContainerNames(host.root()).of_process(kPid).id, kId);
}

TEST_F(ContainerNamesTest, Docker) {
  run(docker);
  docker_config("/var/lib/docker", "/web");
  EXPECT_EQ(name(), "web");
}

TEST_F(ContainerNamesTest, DockerDataRootOfDaemonJson) {
  run(docker);
  host.file("/etc/docker/daemon.json", R"({"data-root": "/srv/docker"})");
  docker_config("/srv/docker", "/srv-web");
  EXPECT_EQ(name(), "srv-web");
}

TEST_F(ContainerNamesTest, DockerDataRootOfTheBundle) {
  run(docker);
  bundle(
      "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
      fmt::format(R"({{"mounts":[{{"source":"proc"}},{{"source":"/tmp/d/containers/{}/hostname"}},
                     5,"x"]}})",
                  kId));
  docker_config("/tmp/d", "/from-bundle");
  EXPECT_EQ(name(), "from-bundle");
}

// docker run --network container:other
TEST_F(ContainerNamesTest, DockerDataRootByTheFilesOfTheContainerWhoseNetworkItShares) {
  run(docker);
  bundle("/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
         fmt::format(R"({{"mounts":[{{"source":"/tmp/d/containers/{}/hostname"}}]}})", kOther));
  docker_config("/tmp/d", "/side");
  EXPECT_EQ(name(), "side");
}

// As Docker 20.10 on 6.12 had it, but with a data-root on a file system of its own.
TEST_F(ContainerNamesTest, IdAndDataRootOfTheMountsWhereCgroupsAreHidden) {
  run("0::/\n",
      fmt::format("64 44 8:17 /d/vfs/dir/1 / rw,relatime master:1 - ext4 /dev/sdb1 rw\n"
                  "73 64 8:17 /d/containers/{}/hostname /etc/hostname rw - ext4 /dev/sdb1 rw\n",
                  kId));
  host.file("/proc/self/mountinfo",
            "20 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
            "21 20 8:17 / /big\\040disk rw shared:2 - ext4 /dev/sdb1 rw\n"
            "22 20 8:17 /other /other rw shared:2 - ext4 /dev/sdb1 rw\n");
  docker_config("/big disk/d", "/far");
  EXPECT_EQ(name(), "far");
}

TEST_F(ContainerNamesTest, CriDockerdNamesThePod) {
  run(docker);
  docker_config("/var/lib/docker", "/k8s_POD_web-0_shop_1-2_0");
  EXPECT_EQ(name(), "shop/web-0");
}

TEST_F(ContainerNamesTest, KubernetesOnContainerd) {
  run(cri);
  bundle(tasks + "k8s.io", R"({"annotations":{"io.kubernetes.cri.container-name":"nginx",
         "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}})");
  EXPECT_EQ(name(), "shop/web-0");
  bundle(tasks + "k8s.io", R"({"annotations":{"io.kubernetes.cri.container-name":"nginx"}})");
  EXPECT_EQ(name(), "nginx");
}

TEST_F(ContainerNamesTest, Nerdctl) {
  run("0::/system.slice/nerdctl-" + kId + ".scope\n");
  bundle(tasks + "default", R"({"annotations":{"nerdctl/name":"alpine-1"}})");
  EXPECT_EQ(name(), "alpine-1");
}

TEST_F(ContainerNamesTest, CtrIdsAreGivenByPeople) {
  run("0::/default/my web\n");
  EXPECT_EQ(name(), "");
  host.file(tasks + "default/my web/config.json", R"({"ociVersion":"1.0"})");
  EXPECT_EQ(name(), "my web");
  run("0::/other/my web\n");
  EXPECT_EQ(name(), "");
}

TEST_F(ContainerNamesTest, Podman) {
  run(libpod);
  host.file("/var/lib/containers/storage/overlay-containers/containers.json",
            fmt::format(R"([{{"id":"{}","names":["other"]}},7,{{"id":"{}","names":["pod web"]}}])",
                        kOther, kId));
  EXPECT_EQ(name(), "pod web");
}

TEST_F(ContainerNamesTest, PodmanThatEndsWithTheMachineAndOtherDrivers) {
  run(libpod);
  host.file("/etc/containers/storage.conf",
            "[storage]\n# graphroot = \"/no\"\ngraphroot = \"/srv/c\"\n");
  host.file("/srv/c/vfs-containers/volatile-containers.json",
            fmt::format(R"([{{"id":"{}","names":["rm"]}}])", kId));
  EXPECT_EQ(name(), "rm");
}

TEST_F(ContainerNamesTest, PodmanWithoutRoot) {
  run(libpod);
  const std::string json = fmt::format(R"([{{"id":"{}","names":["mine"]}}])", kId);
  const std::string below = "/.local/share/containers/storage/overlay-containers/containers.json";
  host.file("/var/home/alice" + below, json);
  host.link("/home", "var/home");
  EXPECT_EQ(name(), "mine");

  host.file("/proc/self/mountinfo", "20 1 0:50 / /var/home/alice rw - nfs4 server:/alice rw\n");
  EXPECT_EQ(name(), "c45bd6a66357") << "a network mount is not touched";
}

TEST_F(ContainerNamesTest, PodmanStorageByTheUpperDirectory) {
  run(libpod,
      "64 44 0:99 / / rw,relatime - overlay overlay rw,lowerdir=/x/overlay/l/A,"
      "upperdir=/odd/s/overlay/abc/diff,workdir=/odd/s/overlay/abc/work\n");
  host.file("/odd/s/overlay-containers/containers.json",
            fmt::format(R"([{{"id":"{}","names":["odd"]}}])", kId));
  EXPECT_EQ(name(), "odd");
}

TEST_F(ContainerNamesTest, BrokenFilesNameNothing) {
  run(docker);
  const std::string path = "/var/lib/docker/containers/" + kId + "/config.v2.json";
  for (const std::string& text :
       {std::string(), std::string("{\"Name\":"), std::string("{\"Name\":\"/web\"} x"),
        std::string("[]"), std::string("\"Name\""), std::string("{\"Name\":[\"/web\"]}"),
        std::string("\xff\xfe"), std::string(1000000, '['),
        "{\"Name\":\"/web\",\"x\":\"" + std::string(17u << 20, 'x') + "\"}"}) {
    host.file(path, text);
    EXPECT_EQ(name(), "c45bd6a66357") << text.substr(0, 40);
  }
  host.file(path, "{\"Name\":\"/web\",\"x\":" + std::string(40, '[') + std::string(40, ']') + "}");
  EXPECT_EQ(name(), "web") << "deep, but whole";
}

TEST_F(ContainerNamesTest, AFifoDoesNotStopUs) {
  run(docker);
  const std::string path = "/var/lib/docker/containers/" + kId + "/config.v2.json";
  host.file(path, "");
  host.remove(path);
  ASSERT_EQ(::mkfifo((host.root() + path).c_str(), 0600), 0);
  EXPECT_EQ(name(), "c45bd6a66357");
}

}  // namespace
}  // namespace tracepkt::kernel
