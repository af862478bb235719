#include "kernel/legacy_marks.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tracepkt::kernel {
namespace {

TEST(LegacyMarks, OfTheProtocolsThatAreAskedForAndOfNoOther) {
  protocol_sets sets = {};
  sets.v4[0] = 1u << 1 | 1u << 6;
  sets.v6[0] = std::uint64_t{1} << 58;
  EXPECT_EQ(mark_rules(sets, false),
            "ip protocol { 1, 6 } meta nftrace set 1\n"
            "ip6 nexthdr { 58 } meta nftrace set 1\n");
}

TEST(LegacyMarks, OfEveryProtocolWithoutAQuestion) {
  protocol_sets sets = {};
  std::ranges::fill(sets.v4, UINT64_MAX);
  std::ranges::fill(sets.v6, UINT64_MAX);
  EXPECT_EQ(mark_rules(sets, true),
            "meta nfproto ipv4 limit rate 100/second burst 100 packets meta nftrace set 1\n"
            "meta nfproto ipv6 limit rate 100/second burst 100 packets meta nftrace set 1\n");
}

}  // namespace
}  // namespace tracepkt::kernel
