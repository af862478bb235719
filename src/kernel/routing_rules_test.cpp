#include "kernel/routing_rules.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "kernel/netns_scan.h"
#include "kernel/run_tool.h"

namespace tracepkt::kernel {
namespace {

TEST(RoutingRules, OfThisNamespaceInNumbers) {
  if (find_tool("ip").empty()) {
    GTEST_SKIP() << "iproute2 is not installed";
  }
  RoutingRules rules;
  const std::uint32_t here = netns_inode_of_file("/proc/thread-self/ns/net");
  EXPECT_NE(rules.list(here, "", AF_INET).find("lookup 254"), std::string::npos);
  EXPECT_EQ(rules.list(here + 1, "", AF_INET), "") << "which is another one's";
}

TEST(RunTool, TakesArguments) {
  EXPECT_EQ(run_tool("/bin/echo", {"a", "b c"}).value_or(""), "a b c\n");
  EXPECT_EQ(run_tool("/bin/echo").value_or(""), "\n");
}

TEST(FindTool, WhatIsNotInstalled) {
  EXPECT_EQ(find_tool("tracepkt-no-such-tool"), "");
  EXPECT_NE(find_tool("sh"), "");
}

}  // namespace
}  // namespace tracepkt::kernel
