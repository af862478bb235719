#include "ring/slot_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace tracepkt::ring {
namespace {

constexpr std::uint32_t kSlotsLog2 = 4;
constexpr std::uint32_t kSlots = 1 << kSlotsLog2;

// The kernel side, as bpf/ring.bpf.h has it.
struct Writer {
  ring_ends ends = {.slots = kSlots, .slots_log2 = kSlotsLog2};
  std::vector<ring_slot> slots = std::vector<ring_slot>(kSlots);

  bool has_room() const {
    return ends.produced - __atomic_load_n(&ends.consumed, __ATOMIC_ACQUIRE) < kSlots;
  }
  ring_slot& claim(std::uint32_t size) {
    const std::uint64_t position = __atomic_fetch_add(&ends.produced, 1, __ATOMIC_SEQ_CST);
    ring_slot& slot = slots[position % kSlots];
    slot.next_lap = static_cast<std::uint16_t>((position >> kSlotsLog2) + 1);
    slot.size = size;
    return slot;
  }
  static void submit(ring_slot& slot) {
    __atomic_store_n(&slot.lap, slot.next_lap, __ATOMIC_RELEASE);
  }
  void write(const std::string& text) {
    ring_slot& slot = claim(static_cast<std::uint32_t>(text.size()));
    std::ranges::copy(text, slot.record);
    submit(slot);
  }
};

struct Reader {
  explicit Reader(Writer& writer)
      : ring(writer.ends, writer.slots.data(), [this](std::span<const std::byte> record) {
          texts.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
        }) {}

  std::vector<std::string> texts;
  SlotRing ring;
};

TEST(SlotRing, HandsRecordsOverInTheirOrderLapAfterLap) {
  Writer writer;
  Reader reader(writer);
  std::vector<std::string> written;
  for (int i = 0; i < 100; ++i) {
    written.push_back("record " + std::to_string(i));
    writer.write(written.back());
    if (i % 7 == 0) {
      reader.ring.read();
    }
  }
  reader.ring.read();
  EXPECT_EQ(reader.texts, written);
  EXPECT_EQ(reader.ring.read(), 0U);
}

TEST(SlotRing, WaitsForARecordThatIsStillWritten) {
  Writer writer;
  Reader reader(writer);
  ring_slot& first = writer.claim(1);
  writer.write("second");
  EXPECT_EQ(reader.ring.read(), 0U);
  first.record[0] = 'f';
  Writer::submit(first);
  EXPECT_EQ(reader.ring.read(), 2U);
  EXPECT_EQ(reader.texts, (std::vector<std::string>{"f", "second"}));
}

TEST(SlotRing, PassesOverWhatBecameNoRecord) {
  Writer writer;
  Reader reader(writer);
  Writer::submit(writer.claim(0));
  writer.write("one");
  EXPECT_EQ(reader.ring.read(), 1U);
  EXPECT_EQ(reader.texts, std::vector<std::string>{"one"});
}

TEST(SlotRing, SaysHowMuchWaits) {
  Writer writer;
  Reader reader(writer);
  EXPECT_EQ(reader.ring.waiting(), 0U);
  writer.write("one");
  writer.write("two");
  EXPECT_EQ(reader.ring.waiting(), 2U * RING_SLOT_BYTES);
  reader.ring.read();
  EXPECT_EQ(reader.ring.waiting(), 0U);
}

TEST(SlotRing, BelievesNoSizeThatIsMoreThanASlot) {
  Writer writer;
  Reader reader(writer);
  Writer::submit(writer.claim(100000));
  reader.ring.read();
  ASSERT_EQ(reader.texts.size(), 1U);
  EXPECT_EQ(reader.texts[0].size(), sizeof(ring_slot::record));
}

TEST(SlotRing, GoesOnWhereTheLapBeginsAnew) {
  Writer writer;
  std::uint64_t read = 0;
  SlotRing ring(writer.ends, writer.slots.data(), [&](std::span<const std::byte>) { ++read; });
  constexpr std::uint64_t kRecords = std::uint64_t{kSlots} * 65540;
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    Writer::submit(writer.claim(1));
    ring.read();
    ASSERT_EQ(read, i + 1);
  }
}

TEST(SlotRing, GivesBackRoomWhileAnotherThreadWrites) {
  Writer writer;
  Reader reader(writer);
  constexpr int kRecords = 2000;
  std::jthread writing([&] {
    for (int i = 0; i < kRecords;) {
      if (writer.has_room()) {
        writer.write(std::to_string(i++));
      } else {
        std::this_thread::yield();
      }
    }
  });
  while (reader.texts.size() < kRecords) {
    if (reader.ring.read() == 0) {
      std::this_thread::yield();
    }
  }
  for (int i = 0; i < kRecords; ++i) {
    ASSERT_EQ(reader.texts[i], std::to_string(i));
  }
}

}  // namespace
}  // namespace tracepkt::ring
