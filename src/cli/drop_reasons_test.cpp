// The running kernel's drop reasons against the table of advice: run on every kernel of the matrix.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>

#include "explain/advice.h"
#include "kernel/kernel_btf.h"

namespace tracepkt {
namespace {

TEST(KernelDropReasons, EachHasItsRow) {
  const auto btf = kernel::KernelBtf::load();
  if (!btf) {
    GTEST_SKIP()
        << "NOT TESTED: this kernel's drop reasons. It has no BTF; ./dev test looks on 6.1 to 7.2.";
  }
  const auto reasons = btf->drop_reasons();
  if (reasons.empty()) {
    EXPECT_LT(btf->tracepoint_arguments("kfree_skb"), 3)
        << "a kernel that gives reasons names them";
    GTEST_SKIP() << "NOT TESTED: this kernel's drop reasons. It gives none (5.17 does); ./dev test "
                    "looks on 6.1 to 7.2.";
  }
  for (const auto& [number, name] : reasons) {
    EXPECT_TRUE(explain::knows_reason(name)) << name << " has no row in explain/advice.def";
  }

  const auto has = [&](std::string_view name) {
    return std::ranges::find(std::views::values(reasons), name) !=
           std::views::values(reasons).end();
  };
  EXPECT_TRUE(has("NETFILTER_DROP"));
  EXPECT_FALSE(has("MAX"));
  // By now modules have reasons of their own.
  if (has("QUEUE_PURGE") && ::access("/sys/kernel/btf/openvswitch", R_OK) == 0) {
    EXPECT_TRUE(has("OVS_DROP_METER"));
  }
  if (has("QUEUE_PURGE") && ::access("/sys/kernel/btf/mac80211", R_OK) == 0) {
    EXPECT_TRUE(has("RX_DROP_U_REPLAY"));
  }
  RecordProperty("reasons", static_cast<int>(reasons.size()));
}

}  // namespace
}  // namespace tracepkt
