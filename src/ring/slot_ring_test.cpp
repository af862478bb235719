#include "ring/slot_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ranges>
#include <thread>
#include <vector>

namespace tracepkt::ring {
namespace {

constexpr std::uint32_t kSlotsLog2 = 4;
constexpr std::uint32_t kSlots = 1 << kSlotsLog2;

// The kernel side, as bpf/ring.bpf.h has it.
struct Writer {
  ring_state state = {.slots = kSlots, .slots_log2 = kSlotsLog2};
  std::vector<ring_slot> slots = std::vector<ring_slot>(kSlots);

  bool has_room() const {
    return ring_in_use(__atomic_load_n(&state.ends, __ATOMIC_ACQUIRE)) < kSlots;
  }
  ring_slot& claim(std::uint32_t bytes) {
    const std::uint64_t position = ring_produced(
        __atomic_fetch_add(&state.ends, std::uint64_t{1} << RING_CONSUMED_BITS, __ATOMIC_SEQ_CST));
    ring_slot& slot = slots[position % kSlots];
    slot.next_mark = ring_mark(position >> kSlotsLog2, bytes);
    return slot;
  }
  static void submit(ring_slot& slot) {
    __atomic_store_n(&slot.mark, slot.next_mark, __ATOMIC_RELEASE);
  }
  void write(std::uint64_t number) {
    ring_slot& slot = claim(sizeof(number));
    std::memcpy(slot.record, &number, sizeof(number));
    submit(slot);
  }
};

struct Reader {
  explicit Reader(Writer& writer)
      : ring(writer.state, writer.slots.data(), [this](std::span<const std::byte> record) {
          sizes.push_back(record.size());
          std::memcpy(&numbers.emplace_back(), record.data(), sizeof(std::uint64_t));
        }) {}

  std::vector<std::size_t> sizes;
  std::vector<std::uint64_t> numbers;
  SlotRing ring;
};

TEST(SlotRing, HandsRecordsOverInTheirOrder) {
  Writer writer;
  Reader reader(writer);
  for (std::uint64_t i = 0; i < 100; ++i) {
    writer.write(i);
    if (i % 7 == 0) {
      reader.ring.read();
    }
  }
  reader.ring.read();
  ASSERT_EQ(reader.numbers.size(), 100U);
  EXPECT_TRUE(std::ranges::equal(reader.numbers, std::views::iota(0U, 100U)));
  EXPECT_EQ(reader.ring.read(), 0U);
}

TEST(SlotRing, WaitsForARecordThatIsStillWritten) {
  Writer writer;
  Reader reader(writer);
  ring_slot& first = writer.claim(8);
  writer.write(2);
  EXPECT_EQ(reader.ring.read(), 0U);
  first.record[0] = 1;
  Writer::submit(first);
  EXPECT_EQ(reader.ring.read(), 2U);
  EXPECT_EQ(reader.numbers, (std::vector<std::uint64_t>{1, 2}));
}

TEST(SlotRing, PassesOverWhatBecameNoRecord) {
  Writer writer;
  Reader reader(writer);
  Writer::submit(writer.claim(0));
  writer.write(2);
  EXPECT_EQ(reader.ring.read(), 1U);
  EXPECT_EQ(reader.numbers, std::vector<std::uint64_t>{2});
}

TEST(SlotRing, SaysHowMuchWaits) {
  Writer writer;
  Reader reader(writer);
  EXPECT_EQ(reader.ring.waiting(), 0U);
  writer.write(1);
  writer.write(2);
  EXPECT_EQ(reader.ring.waiting(), 2U * RING_SLOT_BYTES);
  reader.ring.read();
  EXPECT_EQ(reader.ring.waiting(), 0U);
}

TEST(SlotRing, GivesBackTheRoomOfWhatIsRead) {
  Writer writer;
  Reader reader(writer);
  while (writer.has_room()) {
    writer.write(1);
  }
  EXPECT_EQ(reader.ring.read(), kSlots);
  EXPECT_EQ(ring_in_use(writer.state.ends), 0U);
}

TEST(SlotRing, BelievesNoSizeThatIsMoreThanASlot) {
  Writer writer;
  Reader reader(writer);
  Writer::submit(writer.claim(0xff << 3));
  reader.ring.read();
  EXPECT_EQ(reader.sizes, std::vector<std::size_t>{sizeof(ring_slot::record)});
}

TEST(SlotRing, StaysNearItsBeginningWhereItIsReadInTime) {
  Writer writer;
  Reader reader(writer);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    writer.write(i);
    reader.ring.read();
  }
  EXPECT_EQ(reader.numbers.size(), 1000U);
  EXPECT_NE(writer.slots[kSlots / 2 - 1].mark, 0U);
  EXPECT_EQ(writer.slots[kSlots / 2].mark, 0U);
}

TEST(SlotRing, GoesOnWhileSomebodyIsWriting) {
  Writer writer;
  Reader reader(writer);
  for (std::uint64_t i = 0; i < kSlots - 1; ++i) {
    writer.write(i);
  }
  ring_slot& last = writer.claim(8);
  // It may not begin anew: the slot is somebody's.
  EXPECT_EQ(reader.ring.read(), kSlots - 1);
  Writer::submit(last);
  EXPECT_EQ(reader.ring.read(), 1U);
}

TEST(SlotRing, GoesOnWhereLapsAndPositionsBeginAnew) {
  // Of laps 23 bits are in a mark, of positions 40.
  for (const int bits : {23 + int{kSlotsLog2}, 40}) {
    for (const std::uint64_t before : {5, 16, 25, 32, 40}) {
      for (const std::uint64_t at_once : {2, 12}) {
        Writer writer;
        const std::uint64_t begin = (std::uint64_t{1} << bits) - before;
        writer.state.ends = ring_ends(begin, begin);
        Reader reader(writer);
        for (int i = 0; i < 50; ++i) {
          for (std::uint64_t k = 0; k < at_once; ++k) {
            writer.write(k);
          }
          ASSERT_EQ(reader.ring.waiting(), at_once * RING_SLOT_BYTES);
          ASSERT_EQ(reader.ring.read(), at_once);
          ASSERT_EQ(ring_in_use(writer.state.ends), 0U);
          ASSERT_LT(ring_produced(writer.state.ends) % kSlots, kSlots / 2);
        }
      }
    }
  }
}

TEST(SlotRing, WaitsInEveryLapForASlotThatNobodyHasWrittenToYet) {
  for (const std::uint64_t lap : {0, (1 << 23) - 1, 1 << 23, (1 << 24) - 1, 1 << 24}) {
    Writer writer;
    writer.state.ends = ring_ends(lap << kSlotsLog2, lap << kSlotsLog2);
    Reader reader(writer);
    ring_slot& slot = writer.claim(8);
    EXPECT_EQ(reader.ring.read(), 0U);
    EXPECT_EQ(ring_in_use(writer.state.ends), 1U);
    Writer::submit(slot);
    EXPECT_EQ(reader.ring.read(), 1U);
  }
}

TEST(SlotRing, TakesNoRecordOfAnEarlierTimeForOneThatIsStillWritten) {
  Writer writer;
  Reader reader(writer);
  writer.write(1);
  reader.ring.read();
  // As many laps later: the mark there is right.
  writer.state.ends = ring_ends(std::uint64_t{1} << 27, std::uint64_t{1} << 27);
  Reader later(writer);
  EXPECT_EQ(later.ring.read(), 0U);
}

TEST(SlotRing, TakesWhatTwoThreadsWrite) {
  Writer writer;
  Reader reader(writer);
  constexpr std::uint64_t kRecords = 5000;
  const auto write_all = [&](std::uint64_t first) {
    for (std::uint64_t i = 0; i < kRecords;) {
      // Two between another one's look and its claim.
      if (ring_in_use(__atomic_load_n(&writer.state.ends, __ATOMIC_ACQUIRE)) < kSlots - 2) {
        writer.write(first + i++);
      } else {
        std::this_thread::yield();
      }
    }
  };
  std::jthread one([&] { write_all(0); });
  std::jthread other([&] { write_all(kRecords); });
  while (reader.numbers.size() < 2 * kRecords) {
    if (reader.ring.read() == 0) {
      std::this_thread::yield();
    }
  }
  std::ranges::sort(reader.numbers);
  EXPECT_TRUE(std::ranges::equal(reader.numbers, std::views::iota(std::uint64_t{0}, 2 * kRecords)));
}

TEST(SlotRing, KeepsTheOrderWhileAnotherThreadWrites) {
  Writer writer;
  Reader reader(writer);
  constexpr std::uint64_t kRecords = 20000;
  std::jthread writing([&] {
    for (std::uint64_t i = 0; i < kRecords;) {
      if (writer.has_room()) {
        writer.write(i++);
      } else {
        std::this_thread::yield();
      }
    }
  });
  while (reader.numbers.size() < kRecords) {
    if (reader.ring.read() == 0) {
      std::this_thread::yield();
    }
  }
  EXPECT_TRUE(std::ranges::equal(reader.numbers, std::views::iota(std::uint64_t{0}, kRecords)));
}

}  // namespace
}  // namespace tracepkt::ring
