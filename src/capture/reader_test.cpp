// Written, and read again: whole, cut, with flipped bits and lengths that lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <ranges>
#include <string>

#include "capture/fields.h"
#include "capture/reader.h"
#include "capture/writer.h"

namespace tracepkt::capture {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Directory {
 public:
  Directory() { EXPECT_NE(mkdtemp(path_.data()), nullptr); }
  ~Directory() {
    unlink(file().c_str());
    rmdir(path_.c_str());
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::string file() const { return path_ + "/it.pcapng"; }

 private:
  std::string path_ = ::testing::TempDir() + "/captureXXXXXX";
};

Session session() {
  return {.version = "1.2.3",
          .command = "trace",
          .filter = "icmp",
          .kernel = "6.1",
          .machine = "x86_64",
          .wall_minus_monotonic_ns = -5,
          .silence_ns = 4'000'000'000,
          .count = 7};
}

Record record(std::size_t packet_bytes, std::uint64_t id) {
  record_header header = {};
  header.stage = STAGE_tx;
  header.time_ns = 1'700'000'000'000'000'005;
  header.packet = id;
  header.netns = 4026531840;
  header.ifindex = 2;
  std::strcpy(header.ifname, "eth0");
  packet_section packet = {};
  packet.section.id = SECTION_packet;
  packet.section.size = static_cast<std::uint16_t>(offsetof(packet_section, bytes) + packet_bytes);
  packet.len = 84;
  packet.protocol = 0x0800;
  packet.captured = static_cast<std::uint16_t>(packet_bytes);
  std::memset(packet.bytes, 0x45, packet_bytes);
  Record result{.bytes = std::vector<std::byte>(sizeof(header) + packet.section.size)};
  std::memcpy(result.bytes.data(), &header, sizeof(header));
  std::memcpy(result.bytes.data() + sizeof(header), &packet, packet.section.size);
  return result;
}

End end() {
  return {.losses = {{.name = "ring_full", .says = "full", .count = 3},
                     {.name = "table_full", .says = "", .count = 0}},
          .probes = {{.name = "tp_btf:a", .why = ""}, {.name = "tp_btf:b", .why = "no such"}},
          .ping = Ping{.host = "web",
                       .packets_line = "1 packets",
                       .rtt_line = "rtt",
                       .sent = 1,
                       .received = 1,
                       .duplicates = 2,
                       .errors = 3,
                       .corrupted = 6,
                       .rtt_min_ns = 4,
                       .rtt_max_ns = 5,
                       .rtt_avg_ns = 4.5,
                       .rtt_mdev_ns = 0.5,
                       .loss_percent = 12.5}};
}

std::vector<Item> all_items() {
  return {session(),
          Name{.kind = NameKind::kNetns, .key = 4026531840, .key2 = 9, .text = "web\xff"},
          record(60, 1),
          record(0, 1),
          Step{.kind = StepKind::kExpire, .value = 12345},
          record(61, 2),
          Name{.kind = NameKind::kReason, .key = 2, .key2 = 0, .text = "NO_SOCKET"},
          record(20, 3),
          Step{.kind = StepKind::kEchoSent, .value = 1},
          Name{.kind = NameKind::kSocketOwner, .key = 5, .text = "12 curl"},
          Exchange{.seq = 1,
                   .host = "web",
                   .target = "10.0.0.2",
                   .payload_bytes = 56,
                   .rtt_ns = 1234,
                   .ttl = 64,
                   .trouble = ""},
          Exchange{.seq = 2, .host = "web", .target = "10.0.0.2", .trouble = "no route"},
          end()};
}

std::string written(const std::vector<Item>& items) {
  const Directory directory;
  auto writer = Writer::create(directory.file(), std::get<Session>(items.front()));
  EXPECT_TRUE(writer);
  for (const Item& item : items | std::views::drop(1)) {
    if (const auto* one = std::get_if<Record>(&item)) {
      const std::span<const std::byte> bytes = one->bytes;
      const std::size_t before = sizeof(record_header) + offsetof(packet_section, bytes);
      writer->record(bytes, {.ethertype = 0x0800,
                             .len = 84,
                             .bytes = bytes.subspan(before),
                             .netns = "web",
                             .comment = "web eth0 tx"});
    } else {
      writer->add(item);
    }
  }
  EXPECT_TRUE(writer->flush());
  std::ifstream file(directory.file(), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<Reader> open_bytes(const std::string& bytes, std::size_t most = SIZE_MAX) {
  return Reader::open("it", [rest = bytes, most](std::span<std::byte> room) mutable {
    const std::size_t taken = std::min({room.size(), rest.size(), most});
    std::memcpy(room.data(), rest.data(), taken);
    rest.erase(0, taken);
    return static_cast<std::int64_t>(taken);
  });
}

std::vector<Item> read_all(Reader& reader) {
  std::vector<Item> items;
  while (auto item = reader.next()) {
    items.push_back(*std::move(item));
  }
  return items;
}

// The same by the short way, where there is one.
std::vector<Item> read_quickly(Reader& reader) {
  std::vector<Item> items;
  while (true) {
    if (const auto record = reader.next_record()) {
      items.emplace_back(Record{.bytes = {record->begin(), record->end()}});
    } else if (auto item = reader.next()) {
      items.push_back(*std::move(item));
    } else {
      return items;
    }
  }
}

std::uint32_t number_at(const std::string& bytes, std::size_t offset) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + offset, sizeof(number));
  return number;
}

// Where each block ends.
std::vector<std::size_t> block_ends(const std::string& bytes) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < bytes.size(); at += number_at(bytes, at + 4)) {
    EXPECT_EQ(number_at(bytes, at) == 0, false);
    ends.push_back(at + number_at(bytes, at + 4));
  }
  return ends;
}

// Is `part` what is left of `whole` when some of it is taken away?
bool is_part(const std::vector<Item>& part, const std::vector<Item>& whole) {
  auto at = whole.begin();
  return std::ranges::all_of(part, [&](const Item& item) {
    at = std::find(at, whole.end(), item);
    return at != whole.end() && at++ != whole.end();
  });
}

TEST(Capture, GivesBackWhatWasWritten) {
  auto reader = open_bytes(written(all_items()));
  ASSERT_TRUE(reader);
  EXPECT_EQ(read_all(*reader), all_items());
  EXPECT_EQ(reader->damage(), Damage{});
  EXPECT_TRUE(reader->status());
}

TEST(Capture, GivesRecordsTheShortWayTheSame) {
  std::vector<Item> items = all_items();
  items.insert(items.begin() + 6, {record(64, 7), record(64, 8), record(0, 9), record(64, 10)});
  const std::string bytes = written(items);
  auto reader = open_bytes(bytes, 7);
  ASSERT_TRUE(reader);
  EXPECT_EQ(read_quickly(*reader), items);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {1, 16, 128}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      auto one = open_bytes(damaged);
      auto other = open_bytes(damaged);
      ASSERT_EQ(one.has_value(), other.has_value());
      if (one) {
        EXPECT_EQ(read_all(*one), read_quickly(*other)) << at;
        EXPECT_EQ(one->damage(), other->damage()) << at;
      }
    }
  }
}

TEST(Capture, ComesInPiecesOfAnySize) {
  auto reader = open_bytes(written(all_items()), 7);
  ASSERT_TRUE(reader);
  EXPECT_EQ(read_all(*reader), all_items());
}

TEST(Capture, IsForItsOwnerAloneAlsoWhereItWasNot) {
  const Directory directory;
  std::ofstream(directory.file()) << "something longer than nothing";
  chmod(directory.file().c_str(), 0644);
  ASSERT_TRUE(Writer::create(directory.file(), session()));
  struct stat status = {};
  ASSERT_EQ(stat(directory.file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(Capture, SaysWhatToDoAboutADirectoryThatIsNotThere) {
  const auto writer = Writer::create("/no/such/directory/x.pcapng", session());
  ASSERT_FALSE(writer);
  EXPECT_THAT(writer.error().what, HasSubstr("/no/such/directory/x.pcapng: No such file"));
  EXPECT_THAT(writer.error().hint, HasSubstr("mkdir"));
}

TEST(Capture, SaysThatADiskIsFull) {
  const auto writer = Writer::create("/dev/full", session());
  ASSERT_FALSE(writer);
  EXPECT_THAT(writer.error().what, HasSubstr("No space left"));
}

TEST(Capture, HasAnInterfacePerNamespaceIndexAndName) {
  std::vector<Item> items = {session(), record(20, 1), record(20, 1)};
  Record other = record(20, 2);
  reinterpret_cast<record_header*>(other.bytes.data())->netns = 1;
  items.emplace_back(other);
  const std::string bytes = written(items);
  std::vector<std::uint32_t> types;
  std::size_t begin = 0;
  for (const std::size_t end_of_block : block_ends(bytes)) {
    types.push_back(number_at(bytes, begin));
    begin = end_of_block;
  }
  EXPECT_THAT(types, ElementsAre(0x0a0d0d0a, 1, 6, 6, 1, 6));
}

TEST(Capture, CutAnywhereGivesWhatIsWholeAndCountsTheRest) {
  const std::vector<Item> items = all_items();
  const std::string bytes = written(items);
  const std::vector<std::size_t> ends = block_ends(bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    auto reader = open_bytes(bytes.substr(0, size));
    const auto whole = std::ranges::upper_bound(ends, size);
    const std::size_t whole_bytes = whole == ends.begin() ? 0 : *std::prev(whole);
    if (!reader) {
      EXPECT_EQ(whole, ends.begin()) << size;
      continue;
    }
    const std::vector<Item> read = read_all(*reader);
    EXPECT_TRUE(std::ranges::equal(read, items | std::views::take(read.size()))) << size;
    EXPECT_EQ(reader->damage().bytes, size - whole_bytes) << size;
    EXPECT_EQ(reader->damage().places, size == whole_bytes ? 0u : 1u) << size;
  }
}

TEST(Capture, WithoutSomeBytesGivesWhatIsWholeBeforeAndAfter) {
  const std::vector<Item> items = all_items();
  const std::string bytes = written(items);
  const std::size_t first = block_ends(bytes)[0];
  for (std::size_t at = first; at + 3 < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged.erase(at, 3);
    auto reader = open_bytes(damaged);
    ASSERT_TRUE(reader);
    const std::vector<Item> read = read_all(*reader);
    EXPECT_TRUE(is_part(read, items)) << at;
    EXPECT_GE(read.size() + 5, items.size()) << at;  // all of two blocks
  }
}

TEST(Capture, WithFlippedBitsLosesAtMostTheBlocksWithThem) {
  const std::vector<Item> items = all_items();
  const std::string bytes = written(items);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      auto reader = open_bytes(damaged);
      if (reader) {
        EXPECT_GE(read_all(*reader).size() + 5, items.size()) << at << ' ' << bit;
        EXPECT_LE(reader->damage().places, 1u);
      } else {
        EXPECT_LT(at, 12u) << reader.error().what;
      }
    }
  }
}

TEST(Capture, DoesNotBelieveALengthOf4GB) {
  const std::vector<Item> items = all_items();
  std::string bytes = written(items);
  const std::size_t at = block_ends(bytes)[3];
  bytes.replace(at + 4, 4, "\xfc\xff\xff\xff");
  auto reader = open_bytes(bytes);
  ASSERT_TRUE(reader);
  EXPECT_EQ(read_all(*reader).size(), items.size() - 2);  // a name and the record
  EXPECT_EQ(reader->damage().places, 1u);
}

TEST(Capture, PassesOverMuchThatIsNothing) {
  const std::vector<Item> items = all_items();
  const std::string bytes = written(items);
  const std::size_t at = block_ends(bytes)[4];
  std::string damaged = bytes;
  damaged.insert(at, std::string(5'000'001, '\x0a'));
  auto reader = open_bytes(damaged);
  ASSERT_TRUE(reader);
  EXPECT_EQ(read_all(*reader), items);
  EXPECT_EQ(reader->damage(), (Damage{.places = 1, .bytes = 5'000'001}));
}

TEST(Capture, SaysWhatAFileOfSomebodyElseIs) {
  const auto said = [](const std::string& bytes) {
    const auto reader = open_bytes(bytes);
    return reader ? "it was read" : reader.error().what;
  };
  EXPECT_EQ(said(""), "it is empty");
  EXPECT_THAT(said(std::string("\xd4\xc3\xb2\xa1", 4) + std::string(20, '\0')),
              HasSubstr("is a pcap file of another program's"));
  EXPECT_THAT(said("hello, what is this?"), HasSubstr("is no capture file"));
  EXPECT_THAT(said("\x1f\x8b\x08 and so on"), HasSubstr("gzip"));
  const std::uint32_t section[] = {0x0a0d0d0a, 28, kByteOrder, 1, UINT32_MAX, UINT32_MAX, 28};
  std::string foreign(reinterpret_cast<const char*>(section), sizeof(section));
  EXPECT_THAT(said(foreign), HasSubstr("nothing that tracepkt saw"));
  const std::uint32_t packet[] = {6, 32, 0, 0, 0, 0, 0, 32};
  foreign.append(reinterpret_cast<const char*>(packet), sizeof(packet));
  EXPECT_THAT(said(foreign), HasSubstr("a pcapng file of another program's: it holds packets"));
}

TEST(Capture, WithoutItsBeginningKnowsTheClockByAPacket) {
  const std::string bytes = written({session(), record(20, 1)});
  const std::uint32_t section[] = {0x0a0d0d0a, 28, kByteOrder, 1, UINT32_MAX, UINT32_MAX, 28};
  auto reader = open_bytes(std::string(reinterpret_cast<const char*>(section), sizeof(section)) +
                           bytes.substr(block_ends(bytes)[0]));
  ASSERT_TRUE(reader);
  Session guessed;
  guessed.wall_minus_monotonic_ns = session().wall_minus_monotonic_ns;
  EXPECT_EQ(read_all(*reader), (std::vector<Item>{guessed, record(20, 1)}));
}

TEST(Capture, SkipsWhatALaterVersionAdds) {
  std::string bytes = written(all_items());
  std::string later;
  const std::uint32_t block[] = {5,           44, 0,          0, 0, 12u << 16 | kOptionCustomBytes,
                                 kEnterprise, 99, 0x12345678, 0, 44};
  later.append(reinterpret_cast<const char*>(block), sizeof(block));
  bytes.insert(block_ends(bytes)[2], later);
  auto reader = open_bytes(bytes);
  ASSERT_TRUE(reader);
  EXPECT_EQ(read_all(*reader), all_items());
  EXPECT_EQ(reader->damage(), Damage{});
}

}  // namespace
}  // namespace tracepkt::capture
