// A host made of files in a temporary directory: /proc, /run and what container runtimes keep.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/text.h"
#include "kernel/netns_scan.h"

namespace tracepkt::kernel {

class FakeHost {
 public:
  FakeHost() {
    std::string path = std::filesystem::temp_directory_path() / "fake-host-XXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    link("/proc/self/ns/pid", "pid:[4026531836]");
    link("/proc/self/ns/mnt", "mnt:[1]");
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  ~FakeHost() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  const std::string& root() const { return root_; }

  void file(std::string_view path, std::string_view content) const {
    std::ofstream out(made(path), std::ios::binary);
    out << content;
    EXPECT_TRUE(out.good()) << path;
  }

  void link(std::string_view path, std::string_view target) const {
    const std::filesystem::path at = made(path);
    std::filesystem::remove(at);
    std::filesystem::create_symlink(target, at);
  }

  void remove(std::string_view path) const {
    std::filesystem::remove_all(root_ + std::string(path));
  }

  struct Process {
    int pid;
    std::uint32_t netns;
    std::string_view comm = "sleep";
    std::string_view cgroup = "0::/user.slice\n";
    unsigned long long start = 0;  // 0: as the pid
    bool kernel_thread = false;
    std::string_view mountinfo = "";  // not empty: its mounts are its own
  };

  void process(const Process& p) const {
    const std::string dir = fmt::format("/proc/{}/", p.pid);
    link(dir + "ns/net", fmt::format("net:[{}]", p.netns));
    link(dir + "ns/mnt", p.mountinfo.empty() ? "mnt:[1]" : "mnt:[2]");
    file(dir + "comm", fmt::format("{}\n", p.comm));
    file(dir + "cgroup", p.cgroup);
    file(dir + "mountinfo", p.mountinfo);
    file(dir + "stat",
         fmt::format("{} ({}) S 1 1 1 0 -1 {} 0 0 0 0 0 0 0 0 20 0 1 0 {} 1000 10 0\n", p.pid,
                     p.comm, p.kernel_thread ? 0x208040 : 0x400100,
                     p.start != 0 ? p.start : static_cast<unsigned>(p.pid)));
  }

  // A name of `ip netns`: the file's content stands for the inode.
  void named(std::string_view name, std::uint32_t inode) const {
    file(fmt::format("/run/netns/{}", name), std::to_string(inode));
  }

  static std::uint32_t inode_of(const std::string& path) {
    const std::string text = read_small_file(path);
    return text.empty() ? 0 : static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
  }

 private:
  std::filesystem::path made(std::string_view path) const {
    const std::filesystem::path at = root_ + std::string(path);
    std::filesystem::create_directories(at.parent_path());
    return at;
  }

  std::string root_;
};

}  // namespace tracepkt::kernel
