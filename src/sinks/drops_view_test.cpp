// The views of `tracepkt drops`, with hostile names in them.
#include "sinks/drops_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "base/fd.h"
#include "base/text.h"

namespace tracepkt::sinks {
namespace {

using journey::DropGroup;
using ::testing::HasSubstr;
using ::testing::Not;

class DropsViewTest : public ::testing::Test {
 protected:
  DropsViewTest() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe(ends), 0);
    read_ = Fd(ends[0]);
    write_ = Fd(ends[1]);
    group_.id = 1;
    group_.count = 1200;
    group_.bytes = 36000;
    group_.count_before = 1100;
    group_.last_ns = 4'000'000'000;
    group_.process = journey::Process{.pid = 47, .name = "cu\x1b[1mrl"};
    decode::Packet& packet = group_.sample.packet;
    packet = {.ethertype = 0x0800, .protocol = 17, .ttl = 64, .len = 33};
    packet.src = {.family = 4, .bytes = {10, 0, 0, 1}};
    packet.dst = {.family = 4, .bytes = {10, 0, 0, 2}};
    packet.has_ports = true;
    packet.sport = 4;
    packet.dport = 53;
    journey::Outcome& outcome = group_.sample.outcome;
    outcome.kind = journey::OutcomeKind::kDropped;
    outcome.netns = {.inode = 7, .name = "web\x1b[2J with a very long name"};
    outcome.netns_file = "/run/netns/w b";
    outcome.device.index = 2;
    std::strcpy(outcome.device.name.bytes.data(), "eth\"0");
    outcome.drop =
        journey::DropInfo{.raw = {}, .reason = "NETFILTER_DROP", .function = "nft_do_chain+0x5ad"};
    group_.sample.hops.push_back({.time_ns = 1'000'000'000, .stage = STAGE_drop});
    report_ = {.groups = shown_,
               .drops = 1200,
               .fresh = 100,
               .others = 2,
               .harmless = 5,
               .interval_s = 1,
               .elapsed_s = 12};
    summary_.events = 1207;
    summary_.kernel = "6.12";
  }

  std::string text() {
    std::string all(1 << 16, '\0');
    const ssize_t got = ::read(read_.get(), all.data(), all.size());
    all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return all;
  }

  Fd read_;
  Fd write_;
  DropGroup group_;
  const DropGroup* shown_[1] = {&group_};
  DropsReport report_;
  Summary summary_;
};

TEST_F(DropsViewTest, LinesSayWhatIsNewAndAtTheEndAllOfIt) {
  setenv("TZ", "UTC", 1);
  Output out(write_.get(), ColorMode::kNever);
  const auto view = make_drops_lines(out, {});
  view->interval(report_);
  out.flush();
  EXPECT_EQ(text(),
            "00:00:04    100x web\\x1b[2J with a very long name eth\"0 NETFILTER_DROP in "
            "nft_do_chain+0x5ad, of cu\\x1b[1mrl (47), such as udp 10.0.0.1:4 -> 10.0.0.2:53, 33 "
            "bytes\n");
  group_.count_before = group_.count;
  view->interval(report_);
  out.flush();
  view->end(report_, summary_);
  out.flush();
  const std::string all = text();
  EXPECT_THAT(
      all, HasSubstr("\n     1200       100  web\\x1b[2J w..  eth\"0           NETFILTER_DROP\n"));
  EXPECT_THAT(all, HasSubstr("\n    Check it: ip netns exec 'w b' nft -a list ruleset\n"));
  EXPECT_THAT(all, HasSubstr("\n    Mend it: "));
  EXPECT_THAT(all,
              HasSubstr("\n1200 drops in 12.0 s, of 1 kind; 1207 events, none lost\n"
                        "  not counted: 5 freed as if dropped, though nothing was wrong (-v shows "
                        "them)\n  2 of kinds too many to be told apart\n"));
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(display_width(line), 80u) << line;
  }
}

TEST_F(DropsViewTest, JsonIsALinePerKindThatDroppedAndASummary) {
  Output out(write_.get(), ColorMode::kNever);
  const auto view = make_drops_json(out, {.wall_minus_monotonic_ns = 10});
  view->end(report_, summary_);
  out.flush();
  const std::string all = text();
  EXPECT_THAT(
      all,
      HasSubstr(
          R"({"type":"drops","id":1,"count":1200,"bytes":36000,"fresh":100,"rate":100,)"
          R"("first_ns":1000000010,"last_ns":4000000010,"netns":{"inode":7,"name":"web\u001b[2J)"));
  EXPECT_THAT(
      all,
      HasSubstr(
          R"("dev":{"index":2,"name":"eth\"0"},"process":{"pid":47,"name":"cu\u001b[1mrl"},)"
          R"("reason":"NETFILTER_DROP","function":"nft_do_chain+0x5ad","advice":{"key":"firewall",)"));
  EXPECT_THAT(
      all,
      HasSubstr(
          R"("sample":{"proto":"udp","src":"10.0.0.1","dst":"10.0.0.2","sport":4,"dport":53,)"));
  EXPECT_THAT(all, HasSubstr("\n"
                             R"({"type":"summary","drops":1200,"harmless":5,"others":2,)"));
  EXPECT_EQ(std::ranges::count(all, '\n'), 2);
}

TEST_F(DropsViewTest, AScreenIsNoHigherThanTheTerminal) {
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  int master = -1;
  int slave = -1;
  const winsize size = {.ws_row = 12, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, &size), 0);
  const Fd end(master);
  const Fd terminal(slave);
  Output out(terminal.get(), ColorMode::kNever);
  ASSERT_EQ(out.height(), 12u);
  const auto view = make_drops_screen(out);
  const DropGroup* many[3] = {&group_, &group_, &group_};
  report_.groups = many;
  view->interval(report_);
  out.flush();
  std::string all(1 << 16, '\0');
  all.resize(static_cast<std::size_t>(::read(end.get(), all.data(), all.size())));
  EXPECT_TRUE(
      all.starts_with("\x1b[2J\x1b[Hdrops: 1200 in 12 s, 100 a second now, 3 kinds; Ctrl-C ends"));
  EXPECT_THAT(all, HasSubstr("  and 2 kinds more"));
  EXPECT_THAT(all, Not(HasSubstr("Mend it")));
  EXPECT_LE(std::ranges::count(all, '\n'), 11);
}

}  // namespace
}  // namespace tracepkt::sinks
