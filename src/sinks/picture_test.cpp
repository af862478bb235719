// Pictures: where things stand in them, and that names stay text in each language.
#include "sinks/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter.h>

#include <array>

#include "sinks/lanes.h"
#include "sinks/picture_style.h"
#include "sinks/testing.h"

namespace tracepkt::sinks {
namespace {

using testing::count_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::hop;
using ::testing::Not;

// "0 1/2": namespace 0, line 1; lane 2. "~" before what is not joined to the station before.
std::string places(const Way& way) {
  std::string text;
  for (const Station& station : way.stations) {
    text += (text.empty() ? "" : " ") + std::string(station.joined ? "" : "~") +
            std::to_string(station.row.netns) + '.' + std::to_string(station.row.line) +
            (station.at_interface ? "" : '.' + std::to_string(station.row.slot)) + '/' +
            std::to_string(station.lane);
  }
  return text;
}

TEST(Lanes, ThereAndBackAreTwo) {
  const std::array journeys = {testing::request(), testing::reply()};
  const Lanes lanes = lay_out(journeys);
  ASSERT_EQ(lanes.namespaces.size(), 3);
  EXPECT_THAT(lanes.namespaces[1].interfaces, ElementsAre("veth0", "veth1"));
  EXPECT_EQ(places(lanes.ways[0]), "~0.1/0 1.1/0 1.3/0 2.1/0 2.2.0/0 2.2.1/0");
  // Upwards: what happened in web stands above its interface.
  EXPECT_EQ(places(lanes.ways[1]), "~2.1/1 1.3/1 1.1/1 0.1/1 0.0.1/1 0.0.0/1");
  EXPECT_EQ(lanes.count, 2);
}

TEST(Lanes, DecisionsStandBeforeAndBetweenInterfaces) {
  journey::Journey journey{.packet = testing::echo(false)};
  journey.hops = {hop(1, "r", "", STAGE_route), hop(2, "r", "eth0", STAGE_tx),
                  hop(3, "s", "eth0", STAGE_rx), hop(4, "s", "", STAGE_route),
                  hop(5, "s", "eth1", STAGE_tx)};
  EXPECT_EQ(places(lay_out({&journey, 1}).ways[0]), "~0.0.0/0 0.1/0 1.1/0 1.2.0/0 1.3/0");
}

TEST(Lanes, TurningRoundTakesAnother) {
  journey::Journey journey{.packet = testing::echo(false)};
  journey.hops = {hop(1, "a", "eth0", STAGE_tx), hop(2, "r", "eth0", STAGE_rx),
                  hop(3, "r", "", STAGE_route), hop(4, "r", "eth0", STAGE_tx),
                  hop(5, "a", "eth0", STAGE_rx)};
  EXPECT_EQ(places(lay_out({&journey, 1}).ways[0]), "~0.1/0 1.1/0 1.2.0/0 1.1/1 0.1/1");
}

TEST(Lanes, TheLoopbackIsOnePlace) {
  journey::Journey journey{.packet = testing::echo(false)};
  journey.hops = {hop(1, "a", "", STAGE_route), hop(2, "a", "lo", STAGE_tx),
                  hop(3, "a", "lo", STAGE_rx), hop(4, "a", "lo", STAGE_in)};
  const Lanes lanes = lay_out({&journey, 1});
  EXPECT_EQ(places(lanes.ways[0]), "~0.0.0/0 0.1/0 0.2.0/0");
  EXPECT_EQ(lanes.ways[0].stations[1].hops.size(), 2);
}

TEST(Lanes, AnotherCopyIsAnotherBranch) {
  journey::Journey journey{.packet = testing::echo(false)};
  journey.hops = {hop(1, "h", "v1", STAGE_tx), hop(2, "a", "eth0", STAGE_rx),
                  hop(3, "a", "eth0", STAGE_deliver), hop(4, "h", "v2", STAGE_tx),
                  hop(5, "b", "eth0", STAGE_rx)};
  EXPECT_EQ(places(lay_out({&journey, 1}).ways[0]), "~0.1/0 1.1/0 1.2.0/0 ~0.3/1 2.1/1");
}

TEST(Svg, ShowsTheWayAndItsTimes) {
  const std::array journeys = {testing::request(), testing::reply()};
  const std::string svg = svg_picture(journeys);
  EXPECT_EQ(count_of(svg, "class=\"box\""), 3);
  EXPECT_EQ(count_of(svg, "class=\"interface\""), 4);
  EXPECT_EQ(count_of(svg, "class=\"end delivered\""), 2);
  EXPECT_THAT(svg, HasSubstr("<text class=\"stage\""));
  EXPECT_THAT(svg, HasSubstr(">+2.0 us</tspan>"));
  EXPECT_THAT(svg, HasSubstr("↑ back"));
}

TEST(Svg, ADropIsItsEndWithReasonAndAdvice) {
  journey::Journey journey = testing::request();
  journey.hops.back() = hop(9000, "db", "eth0", STAGE_drop);
  journey.hops.back().drop =
      journey::DropInfo{.reason = "NETFILTER_DROP", .function = "nf_hook_slow+0x9a"};
  journey.outcome = {.kind = journey::OutcomeKind::kDropped,
                     .netns = journey.hops.back().netns,
                     .device = journey.hops.back().device,
                     .drop = journey.hops.back().drop};
  const std::string svg = svg_picture({&journey, 1});
  EXPECT_THAT(svg, HasSubstr("<g class=\"end dropped\"><polygon"));
  EXPECT_THAT(svg, HasSubstr(">DROPPED<"));
  EXPECT_THAT(svg, HasSubstr(">NETFILTER_DROP<"));
  EXPECT_THAT(svg, HasSubstr(">in nf_hook_slow+0x9a<"));
  EXPECT_THAT(svg, HasSubstr("Mend it: "));
}

TEST(Svg, NamesAreText) {
  const journey::Journey journey = testing::hostile();
  const std::string svg = svg_picture({&journey, 1});
  EXPECT_THAT(svg, Not(HasSubstr("<img")));
  EXPECT_THAT(svg, Not(HasSubstr("<u>")));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, Not(HasSubstr("\x1b")));
  EXPECT_THAT(svg, HasSubstr("&lt;img src=x onerror=hostile=1&gt;\\x1b[31m"));
  EXPECT_EQ(xml_text("a\xef\xbf\xbf\"\x01\xff"), "a\xef\xbf\xbd&quot;\\x01\\xff");
}

TEST(Svg, ItsColoursNeedNoVariables) {
  const std::string svg = svg_picture(std::array{testing::request()});
  EXPECT_THAT(svg, Not(HasSubstr("var(")));
  EXPECT_THAT(svg, Not(HasSubstr("currentColor")));
  EXPECT_EQ(plain_style(".p {\n  --ink: #000;\n  font: 1px x;\n}\n"
                        "@media (prefers-color-scheme: dark) {\n  .p {\n    --ink: #fff;\n  }\n}\n"
                        ".p text { fill: var(--ink); }\n"),
            ".picture { font: 1px x; }\n.p text { fill: #000; }\n"
            "@media (prefers-color-scheme: dark) {\n.p text { fill: #fff; }\n}\n");
}

TEST(Mermaid, IsAGraphOfNamespaces) {
  const std::array journeys = {testing::request(), testing::reply()};
  const std::string text = mermaid_picture(journeys);
  EXPECT_THAT(text, HasSubstr("  subgraph ns1[\"host\"]\n    n1[\"veth0\"]:::interface\n"));
  EXPECT_THAT(text, HasSubstr("  n0 -->|\"1: rx +2.0 us\"| n1\n"));
  EXPECT_THAT(text, HasSubstr("  n1 -.->"));
  EXPECT_EQ(count_of(text, "subgraph"), 3);
}

TEST(Mermaid, NamesAreText) {
  const journey::Journey journey = testing::hostile();
  const std::string text = mermaid_picture({&journey, 1});
  EXPECT_THAT(text, Not(HasSubstr("<img")));
  EXPECT_THAT(text, Not(HasSubstr("%%")));
  EXPECT_THAT(text, Not(HasSubstr("</script")));
  EXPECT_EQ(mermaid_text("a\"]<%#`ä"), "a#34;#93;#60;#37;#35;#96;ä");
}

TEST(Dot, NamesAreText) {
  const journey::Journey journey = testing::hostile();
  const std::string text = dot_picture({&journey, 1});
  EXPECT_THAT(text, HasSubstr("e<u>0\\\"&amp;%%{i"));
  EXPECT_THAT(text, HasSubstr("`\\\\N\\\"]"));
  EXPECT_EQ(dot_text("\\N\"&lt;\n"), "\\\\N\\\"&amp;lt;\\\\x0a");
}

TEST(PictureSink, DrawsOneAndSaysOfOthers) {
  std::string errors;
  const std::string out = testing::written([&](Output& output) {
    errors = testing::written([&](Output& err) {
      const auto sink = make_sink(Format::kDot, output, err, {}, Detail::kNews);
      sink->journey(testing::reply());
      sink->journey(testing::hostile());
      sink->journey(testing::request());
      sink->summary({});
    });
  });
  EXPECT_EQ(count_of(out, "digraph"), 1);
  EXPECT_THAT(out, Not(HasSubstr("onerror")));
  EXPECT_EQ(errors,
            "drawn: journey 1 (icmp 10.0.0.1 -> 10.0.0.2, echo request 7/1, 84 bytes) and what "
            "belongs to it; not drawn: 1 more. -r FILE with --journey N, or a FILTER, chooses "
            "another\n");
}

TEST(PictureSink, SaysWhyThereIsNothingToDraw) {
  const std::string text = testing::written([&](Output& out) {
    const auto sink = make_sink(Format::kDot, out, out, {}, Detail::kNews);
    sink->exchange({.trouble = "sending was refused", .journeys = {}});
    sink->summary({});
  });
  EXPECT_EQ(text, "tracepkt: sending was refused\nnothing to draw: no such packet was seen\n");
}

TEST(PictureSink, LeavesOutWhatLetItThrough) {
  journey::Journey journey = testing::request();
  journey.hops.insert(journey.hops.begin() + 2, testing::chain(3500, "host", NF_ACCEPT));
  const auto drawn = [&journey](bool every_stage) {
    return testing::written([&](Output& out) {
      const auto sink = make_sink(Format::kMermaid, out, out, {},
                                  every_stage ? Detail::kEveryStage : Detail::kNews);
      sink->journey(journey);
      sink->summary({});
    });
  };
  EXPECT_EQ(count_of(drawn(false), "netfilter"), 0);
  EXPECT_EQ(count_of(drawn(true), "netfilter"), 1);
}

TEST(Svg, TheRuleThatDroppedIsThere) {
  journey::Journey journey = testing::request();
  journey.hops.resize(5);
  journey.hops.push_back(testing::chain(8000, "db", NF_DROP));
  journey.hops.push_back(hop(9000, "db", "eth0", STAGE_drop));
  journey.hops.back().drop = journey::DropInfo{.reason = "NETFILTER_DROP"};
  journey::ChainWalk& walk = *journey.hops[5].chain;
  walk.base.table = "guard";
  walk.rules = {{.raw = {.kind = NETFILTER_RULE, .verdict = NF_DROP, .rule = 7, .chain = "deep"},
                 .text = "udp dport 6002 drop comment \"<b>\""}};
  journey.outcome = {.kind = journey::OutcomeKind::kDropped,
                     .netns = journey.hops.back().netns,
                     .drop = journey.hops.back().drop,
                     .chain = walk};
  const std::string svg = svg_picture({&journey, 1});
  EXPECT_THAT(svg, HasSubstr("<path class=\"node decision\""));
  EXPECT_THAT(svg, HasSubstr(">udp dport 6002 drop comment &quot;&lt;b&gt;&quot;<"));
  EXPECT_THAT(svg, HasSubstr("The rule: udp dport 6002 drop"));
}

}  // namespace
}  // namespace tracepkt::sinks
