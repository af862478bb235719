// What a session showed is shown again from its file: here without a kernel, names changing under
// way.
#include "cli/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <vector>

#include "capture/reader.h"

namespace tracepkt::cli {
namespace {

using capture::Item;
using capture::Name;
using capture::NameKind;
using ::testing::ElementsAre;

class ChangingNames : public journey::Names {
 public:
  std::string netns(const decode::NetnsId&) override {
    ++asked;
    return name;
  }
  std::string netns_file(std::uint32_t) override { return "/run/netns/web"; }
  std::string drop_reason(std::uint32_t) override { return "NO_SOCKET"; }
  std::string symbol(std::uint64_t) override { return "icmp_rcv+0x1"; }
  std::string rule(std::uint32_t, const decode::Netfilter&) override { return ""; }

  std::string name;
  int asked = 0;
};

std::vector<std::byte> record() {
  record_header header = {};
  header.stage = STAGE_drop;
  header.netns = 7;
  drop_section drop = {};
  drop.section = {.id = SECTION_drop, .size = sizeof(drop)};
  drop.has_reason = 1;
  drop.reason = 3;
  drop.location = 99;
  std::vector<std::byte> bytes(sizeof(header) + sizeof(drop));
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), &drop, sizeof(drop));
  return bytes;
}

class RecorderTest : public ::testing::Test {
 protected:
  ~RecorderTest() override { std::filesystem::remove(path_); }

  std::vector<Item> recorded(const std::function<void(Recorder&)>& session) {
    auto recorder = Recorder::create({.path = path_}, {}, live_);
    EXPECT_TRUE(recorder);
    session(*recorder);
    recorder->end({});
    EXPECT_TRUE(recorder->flush());
    auto reader = capture::Reader::open(path_);
    EXPECT_TRUE(reader);
    std::vector<Item> items;
    while (auto item = reader->next()) {
      items.push_back(*std::move(item));
    }
    return items;
  }

  ChangingNames live_;
  std::string path_ = ::testing::TempDir() + "/recorder" + std::to_string(getpid());
};

TEST_F(RecorderTest, NamesComeBeforeWhatNeedsThemAndOnceUnlessTheyChange) {
  const capture::Step step{.kind = capture::StepKind::kExpire, .value = 1};
  const auto items = recorded([&](Recorder& recorder) {
    recorder.netns({.inode = 7, .cookie = 1});
    recorder.add_step(step);
    EXPECT_TRUE(recorder.flush());
    recorder.netns({.inode = 7, .cookie = 1});
    recorder.add_step(step);
    live_.name = "web";
    EXPECT_TRUE(recorder.flush());
    recorder.netns({.inode = 7, .cookie = 1});
    recorder.add_step(step);
  });
  const auto name = [](const char* text) {
    return Item(Name{.kind = NameKind::kNetns, .key = 7, .key2 = 1, .text = text});
  };
  EXPECT_THAT(items, ElementsAre(Item(capture::Session()), name(""), Item(step), Item(step),
                                 name("web"), Item(step), Item(capture::End())));
}

TEST_F(RecorderTest, FromOneFlushToTheNextANameStaysAsItIs) {
  recorded([&](Recorder& recorder) {
    EXPECT_EQ(recorder.netns({.inode = 7, .cookie = 1}), "");
    live_.name = "web";
    EXPECT_EQ(recorder.netns({.inode = 7, .cookie = 1}), "");
    EXPECT_TRUE(recorder.flush());
    EXPECT_EQ(recorder.netns({.inode = 7, .cookie = 1}), "web");
  });
  EXPECT_EQ(live_.asked, 2);
}

TEST_F(RecorderTest, ARecordIsKeptAsItCameAlsoOneThatCannotBeRead) {
  const std::vector<std::byte> good = record();
  const std::vector<std::byte> bad(good.begin(), good.begin() + 9);
  const auto items = recorded([&](Recorder& recorder) {
    recorder.describe(*decode::decode_record(good));
    recorder.add_record(good);
    recorder.add_record(bad);
  });
  EXPECT_THAT(items,
              ElementsAre(Item(capture::Session()),
                          Item(Name{.kind = NameKind::kNetns, .key = 7, .key2 = 0, .text = ""}),
                          Item(Name{.kind = NameKind::kReason, .key = 3, .text = "NO_SOCKET"}),
                          Item(capture::Record{.bytes = good}), Item(capture::Record{.bytes = bad}),
                          Item(capture::End())));
}

TEST_F(RecorderTest, ASocketsOwnerIsToldAgainOnlyWhenItIsAnother) {
  const auto items = recorded([&](Recorder& recorder) {
    const journey::Process curl{.pid = 12, .name = "curl"};
    recorder.note_owner(0, curl);
    for (const auto& owner : {std::optional(curl), std::optional(curl),
                              std::optional<journey::Process>(), std::optional(curl)}) {
      recorder.note_owner(5, owner);
    }
  });
  const Item curl(Name{.kind = NameKind::kSocketOwner, .key = 5, .text = "12 curl"});
  const Item nobody(Name{.kind = NameKind::kSocketOwner, .key = 5});
  EXPECT_THAT(items,
              ElementsAre(Item(capture::Session()), curl, nobody, curl, Item(capture::End())));
}

TEST_F(RecorderTest, KeepsLessOfAPacketIfThatIsWanted) {
  record_header header = {};
  header.stage = STAGE_rx;
  packet_section packet = {};
  packet.section.id = SECTION_packet;
  packet.section.size = offsetof(packet_section, bytes) + 64;
  packet.len = 1000;
  packet.captured = 64;
  std::memset(packet.bytes, 7, 64);
  std::vector<std::byte> bytes(sizeof(header) + packet.section.size);
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), &packet, packet.section.size);
  auto recorder = Recorder::create({.path = path_, .snaplen = 24}, {}, live_);
  ASSERT_TRUE(recorder);
  recorder->add_record(bytes);
  recorder->end({});
  ASSERT_TRUE(recorder->flush());
  auto reader = capture::Reader::open(path_);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(reader->next());
  const auto item = reader->next();
  ASSERT_TRUE(item && std::holds_alternative<capture::Record>(*item));
  const auto kept = decode::packet_bytes(std::get<capture::Record>(*item).bytes);
  EXPECT_EQ(kept.bytes.size(), 24u);
  EXPECT_EQ(kept.bytes[23], std::byte{7});
  EXPECT_EQ(kept.len, 1000u);
  EXPECT_TRUE(decode::decode_record(std::get<capture::Record>(*item).bytes));
}

TEST_F(RecorderTest, EachOfSeveralFilesHasItsNamesAndTheNewestStay) {
  const std::string directory = ::testing::TempDir() + "/rotated" + std::to_string(getpid());
  std::filesystem::create_directory(directory);
  const std::string path = directory + "/it.pcapng";
  auto recorder = Recorder::create({.path = path, .rotate_bytes = 1, .files = 2}, {}, live_);
  ASSERT_TRUE(recorder);
  sinks::Summary summary;
  for (const std::uint64_t lost : {5, 5, 7}) {
    recorder->netns({.inode = 7, .cookie = 1});
    recorder->add_record(record());
    EXPECT_TRUE(recorder->is_full());
    summary.losses = {{.name = "ring_full", .says = "full", .count = lost}};
    recorder->next_file(summary);
  }
  recorder->end(summary);
  ASSERT_TRUE(recorder->flush());

  const std::vector<std::string> files = capture::rotated_files(path).newest;
  ASSERT_EQ(files.size(), 2u);  // of four
  EXPECT_NE(files[0].find("it_00003_"), std::string::npos);
  EXPECT_NE(files[1].find("it_00004_"), std::string::npos);
  auto reader = capture::Reader::open(files[0]);
  ASSERT_TRUE(reader);
  std::vector<Item> items;
  while (auto item = reader->next()) {
    items.push_back(*std::move(item));
  }
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(std::get<capture::Session>(items[0]).part, 3u);
  EXPECT_NE(std::get<capture::Session>(items[0]).capture, 0u);
  EXPECT_TRUE(std::holds_alternative<Name>(items[1]));
  EXPECT_EQ(items[2], Item(capture::Record{.bytes = record()}));
  const auto& end = std::get<capture::End>(items[3]);
  EXPECT_TRUE(end.goes_on);
  EXPECT_EQ(end.losses.front().count, 2u);  // since the file before
  std::filesystem::remove_all(directory);
}

// What a recorder wrote, in so many files.
void record_files(const RecorderOptions& options, journey::Names& names, int files) {
  auto recorder = Recorder::create(options, {.kernel = "6.12"}, names);
  ASSERT_TRUE(recorder);
  for (int i = 1; i < files; ++i) {
    recorder->add_record(record());
    recorder->next_file({});
  }
  recorder->end({});
  ASSERT_TRUE(recorder->flush());
}

std::vector<std::uint64_t> parts_of(const std::vector<std::string>& files) {
  std::vector<std::uint64_t> parts;
  for (const std::string& file : files) {
    auto reader = capture::Reader::open(file);
    parts.push_back(reader ? std::get<capture::Session>(reader->next().value()).part : 0);
  }
  return parts;
}

TEST_F(RecorderTest, AnotherRunGoesOnBehindTheFilesThatAreThereAndIsReadForItself) {
  const std::string directory = ::testing::TempDir() + "/runs" + std::to_string(getpid());
  std::filesystem::create_directory(directory);
  const std::string path = directory + "/it.pcapng";
  // Of somebody else.
  const std::string foreign = directory + "/it_00002_20200101000000.pcapng";
  std::ofstream(foreign) << "hello, hello, hello";

  record_files({.path = path, .rotate_bytes = 1}, live_, 3);
  EXPECT_THAT(parts_of(capture::rotated_files(path).newest), ElementsAre(3, 4, 5));
  record_files({.path = path, .rotate_bytes = 1}, live_, 2);
  const capture::RotatedFiles both = capture::rotated_files(path);
  EXPECT_THAT(parts_of(both.newest), ElementsAre(6, 7));
  EXPECT_THAT(parts_of(both.others), ElementsAre(0, 3, 4, 5));

  // What is to be kept is of all of ours: of the older runs only what there is room for.
  record_files({.path = path, .rotate_bytes = 1, .files = 3}, live_, 1);
  const capture::RotatedFiles kept = capture::rotated_files(path);
  EXPECT_THAT(parts_of(kept.newest), ElementsAre(8));
  EXPECT_THAT(parts_of(kept.others), ElementsAre(0, 6, 7));
  EXPECT_TRUE(std::filesystem::exists(foreign));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace tracepkt::cli
