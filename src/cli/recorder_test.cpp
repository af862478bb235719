// What a session showed is shown again from its file: here without a kernel, names changing under
// way.
#include "cli/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
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
  std::string rule(std::uint32_t, const decode::Netfilter&) override { return {}; }

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
    auto writer = capture::Writer::create(path_, {});
    EXPECT_TRUE(writer);
    Recorder recorder(*std::move(writer), live_);
    session(recorder);
    recorder.end({});
    EXPECT_TRUE(recorder.flush());
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
    recorder.netns({.inode = 7, .cookie = 1});
    recorder.add_step(step);
    live_.name = "web";
    recorder.netns({.inode = 7, .cookie = 1});
    recorder.add_step(step);
  });
  const auto name = [](const char* text) {
    return Item(Name{.kind = NameKind::kNetns, .key = 7, .key2 = 1, .text = text});
  };
  EXPECT_THAT(items, ElementsAre(Item(capture::Session()), name(""), Item(step), Item(step),
                                 name("web"), Item(step), Item(capture::End())));
}

TEST_F(RecorderTest, WithinATurnANameStaysAsItIs) {
  recorded([&](Recorder& recorder) {
    EXPECT_EQ(recorder.netns({.inode = 7, .cookie = 1}), "");
    live_.name = "web";
    EXPECT_EQ(recorder.netns({.inode = 7, .cookie = 1}), "");
    recorder.add_step({});
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

}  // namespace
}  // namespace tracepkt::cli
