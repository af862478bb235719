#include "kernel/syn_queue.h"

#include <gtest/gtest.h>

namespace tracepkt::kernel {
namespace {

TEST(SynQueue, TheBacklogOrAllButTheQuarterThatIsKeptForOthers) {
  EXPECT_EQ(syn_room(4, 4), 4u);
  EXPECT_EQ(syn_room(8, 4), 4u);
  EXPECT_EQ(syn_room(128, 4096), 128u);
  EXPECT_EQ(syn_room(4096, 4096), 3073u);
  EXPECT_EQ(syn_room(4096, 256), 193u);
  EXPECT_EQ(syn_room(4096, 0), 1u);
}

TEST(SynQueue, AsManyAsThereIsRoomForIsFull) {
  EXPECT_FALSE((SynQueue{.waiting = 3, .room = 4}.is_full()));
  EXPECT_TRUE((SynQueue{.waiting = 4, .room = 4}.is_full()));
}

}  // namespace
}  // namespace tracepkt::kernel
