// Trace-event JSON as those who open it need it: whole, each slice with a track, none that overlap.
#include "sinks/perfetto.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/fd.h"
#include "sinks/sink.h"

namespace tracepkt::sinks {
namespace {

using journey::Hop;
using journey::Journey;
using journey::OutcomeKind;
using nlohmann::json;

Hop hop(std::uint64_t time_ns, const std::string& netns, const std::string& device,
        stage_id stage) {
  Hop hop{.time_ns = time_ns,
          .netns = {.inode = 4026531992, .name = netns},
          .device = {.index = device.empty() ? 0u : 3u},
          .stage = stage};
  std::memcpy(hop.device.name.bytes.data(), device.data(),
              std::min<std::size_t>(device.size(), 15));
  return hop;
}

Journey journey_of(std::uint64_t id, std::vector<Hop> hops) {
  Journey journey{.id = id, .packet = {.ethertype = 0x0806, .len = 28}, .hops = std::move(hops)};
  journey.outcome = {.kind = OutcomeKind::kConsumed, .netns = journey.hops.back().netns};
  return journey;
}

// What `show` makes the sink write.
template <typename Show>
std::string shown(Show show) {
  const Fd file(memfd_create("perfetto", MFD_CLOEXEC));
  const Fd nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
  Output out(file.get(), ColorMode::kNever);
  Output err(nowhere.get(), ColorMode::kNever);
  PerfettoSink sink(out, err, {.wall_minus_monotonic_ns = 1'795'277'369'000'000'000});
  show(sink);
  sink.summary({.journeys = 1, .events = 4, .kernel = "6.12"});
  out.flush();
  std::string text(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  return text;
}

std::vector<json> events(const std::string& text, const char* phase) {
  const json parsed = json::parse(text);
  std::vector<json> found;
  for (const json& event : parsed.at("traceEvents")) {
    if (event.at("ph") == phase) {
      found.push_back(event);
    }
  }
  return found;
}

TEST(Perfetto, IsTraceEventJson) {
  EXPECT_EQ(
      shown([](Sink& sink) {
        Journey journey = journey_of(7, {hop(5'000'001'000, "web", "eth0", STAGE_tx),
                                         hop(5'000'003'500, "web", "", STAGE_drop)});
        journey.exchange = 2;
        journey.hops.back().drop =
            journey::DropInfo{.reason = "NETFILTER_DROP", .function = "f+0x1"};
        journey.outcome = {.kind = OutcomeKind::kLeft, .device = journey.hops.front().device};
        sink.journey(journey);
      }),
      R"({"displayTimeUnit":"ns","traceEvents":[
{"name":"process_name","ph":"M","pid":1,"tid":1,"args":{"name":"namespace web"}},
{"name":"thread_name","ph":"M","pid":1,"tid":2,"args":{"name":"eth0"}},
{"name":"tx","cat":"hop","ph":"X","ts":5000001.000,"dur":2.500,"pid":1,"tid":2,"args":{"journey":7,"exchange":2,"packet":"arp, 28 bytes"}},
{"name":"journey","cat":"journey","ph":"s","id":7,"ts":5000001.000,"pid":1,"tid":2},
{"name":"thread_name","ph":"M","pid":1,"tid":3,"args":{"name":"-"}},
{"name":"drop: NETFILTER_DROP","cat":"hop","ph":"X","ts":5000003.500,"dur":0.000,"pid":1,"tid":3,"args":{"journey":7,"exchange":2,"packet":"arp, 28 bytes","told":"NETFILTER_DROP","outcome":"left through eth0"}},
{"name":"journey","cat":"journey","ph":"f","bp":"e","id":7,"ts":5000003.500,"pid":1,"tid":3}
],"otherData":{"version":"tracepkt )" TRACEPKT_VERSION
      R"(","kernel":"6.12","clock":"CLOCK_MONOTONIC","wall_minus_monotonic_ns":"1795277369000000000","journeys":1,"events":4,"lost":0,"not_shown":0}}
)");
}

TEST(Perfetto, IsWholeWhereNothingWasSeen) {
  const json parsed = json::parse(shown([](Sink&) {}));
  EXPECT_EQ(parsed.at("traceEvents").size(), 0u);
  EXPECT_EQ(parsed.at("otherData").at("kernel"), "6.12");
}

TEST(Perfetto, TellsWhatADropNeeds) {
  const auto slices = events(shown([](Sink& sink) {
                               Journey journey =
                                   journey_of(1, {hop(1000, "host", "eth0", STAGE_drop)});
                               journey.hops.back().drop = journey::DropInfo{.reason = "NO_SOCKET"};
                               journey.outcome.kind = OutcomeKind::kDropped;
                               journey.outcome.drop = journey.hops.back().drop;
                               sink.journey(journey);
                             }),
                             "X");
  ASSERT_EQ(slices.size(), 1u);
  const json& args = slices.front().at("args");
  EXPECT_EQ(args.at("outcome"), "DROPPED in host");
  EXPECT_THAT(args.at("check").get<std::string>(), ::testing::HasSubstr("ss -lntup"));
  EXPECT_FALSE(args.at("cause").get<std::string>().empty());
}

TEST(Perfetto, NamesAreData) {
  const std::string text = shown([](Sink& sink) {
    sink.journey(journey_of(1, {hop(1, "\"}]<b>\x1b[31m\xff%s", "e\"\n</script>", STAGE_rx)}));
  });
  const auto names = events(text, "M");
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names[0].at("args").at("name"), "namespace \"}]<b>\x1b[31m\uFFFD%s");
  EXPECT_EQ(names[1].at("args").at("name"), "e\"\n</script>");
}

// A track for each namespace and interface, and one more for what happens on it at the same time.
TEST(Perfetto, SlicesOfATrackDoNotOverlap) {
  const std::string text = shown([](Sink& sink) {
    sink.journey(
        journey_of(1, {hop(1000, "a", "eth0", STAGE_tx), hop(9000, "b", "eth0", STAGE_rx)}));
    sink.journey(
        journey_of(2, {hop(3000, "a", "eth0", STAGE_tx), hop(9500, "b", "eth0", STAGE_rx)}));
    sink.journey(
        journey_of(3, {hop(9000, "a", "eth0", STAGE_tx), hop(9800, "b", "eth0", STAGE_rx)}));
  });
  std::multiset<std::string> names;
  for (const json& event : events(text, "M")) {
    names.insert(event.at("args").at("name"));
  }
  EXPECT_EQ(names,
            (std::multiset<std::string>{"namespace a", "namespace b", "eth0", "eth0 (2)", "eth0"}));
  const auto slices = events(text, "X");
  ASSERT_EQ(slices.size(), 6u);
  EXPECT_NE(slices[0].at("tid"), slices[2].at("tid"));
  EXPECT_EQ(slices[0].at("tid"), slices[4].at("tid"));  // it is free again
  EXPECT_EQ(slices[1].at("tid"), slices[3].at("tid"));
}

TEST(Perfetto, TooManyAtTheSameTimeAreMoments) {
  const std::string text = shown([](Sink& sink) {
    for (std::uint64_t id = 1; id <= 100; ++id) {
      sink.journey(journey_of(id, {hop(1000, "a", "x", STAGE_tx), hop(2000, "a", "y", STAGE_rx)}));
    }
  });
  EXPECT_EQ(events(text, "M").size(), 1u + 64 + 1);
  std::size_t moments = 0;
  for (const json& slice : events(text, "X")) {
    moments += slice.at("name") == "tx" && slice.at("dur") == 0.0 ? 1 : 0;
  }
  EXPECT_EQ(moments, 36u);
}

TEST(Perfetto, InterfacesWithoutEndTakeNoMemoryWithoutEnd) {
  const std::string text = shown([](Sink& sink) {
    for (std::uint64_t id = 1; id <= 16385; ++id) {
      sink.journey(journey_of(id, {hop(id, "a", "v" + std::to_string(id), STAGE_tx)}));
    }
  });
  // With the last one all numbers are new.
  EXPECT_EQ(events(text, "M").size(), 16385u + 2);
}

}  // namespace
}  // namespace tracepkt::sinks
