// What a report is as a file: the browser's view of it is tested in tests/browser.
#include "sinks/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "sinks/testing.h"

namespace tracepkt::sinks {
namespace {

using testing::count_of;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename Journeys>
std::string report_of(const Journeys& journeys, const std::string& file = "it.pcapng") {
  return testing::written([&](Output& out) {
    ReportSink sink(out, {.wall_minus_monotonic_ns = 1'700'000'000'000'000'000},
                    {.file = file, .selection = "--outcome dropped"});
    Summary summary;
    for (const journey::Journey& journey : journeys) {
      sink.journey(journey);
      summary.count(journey);
    }
    sink.summary(summary);
  });
}

// The JSON of the elements that begin so.
std::vector<nlohmann::json> data_of(const std::string& report, const std::string& attributes) {
  const std::string begin = "<script type=\"application/json\" " + attributes;
  std::vector<nlohmann::json> blocks;
  for (std::size_t at = 0; (at = report.find(begin, at)) != std::string::npos;) {
    at = report.find('>', at) + 1;
    blocks.push_back(nlohmann::json::parse(report.substr(at, report.find("</script>", at) - at)));
  }
  return blocks;
}

TEST(Report, HoldsTheJourneys) {
  const std::string report = report_of(std::vector{testing::request(), testing::reply()});
  const auto info = data_of(report, "id=\"info\"");
  ASSERT_EQ(info.size(), 1);
  EXPECT_EQ(info[0]["file"], "it.pcapng");
  EXPECT_EQ(info[0]["selection"], "--outcome dropped");
  EXPECT_EQ(info[0]["base_ns"], "1700000000000001000");
  const auto index = data_of(report, "class=\"index\"");
  ASSERT_EQ(index.size(), 1);
  ASSERT_EQ(index[0]["journeys"].size(), 2);
  const auto& row = index[0]["journeys"][1];
  EXPECT_EQ(row[0], 2);  // id
  EXPECT_EQ(row[1], 1);  // exchange
  EXPECT_EQ(row[2], "reply");
  EXPECT_EQ(row[3], 6000);  // after the first journey's begin
  EXPECT_EQ(row[4], 2500);  // duration
  EXPECT_EQ(info[0]["outcomes"][row[5].get<std::size_t>()], "delivered");
  EXPECT_EQ(row[8], "icmp 10.0.0.2 -> 10.0.0.1, echo reply 7/1, 84 bytes");
  EXPECT_EQ(index[0]["ways"][row[10].get<std::size_t>()]["namespaces"],
            (nlohmann::json{"db", "host", "web"}));
  EXPECT_EQ(data_of(report, "id=\"summary\"")[0]["delivered"], 2);
}

TEST(Report, WhatJourneysShareIsWrittenOnce) {
  auto again = testing::request();
  again.id = 5;
  const std::string report = report_of(std::vector{testing::request(), again});
  const auto details = data_of(report, "class=\"details\"");
  ASSERT_EQ(details.size(), 1);
  EXPECT_EQ(details[0]["hops"].size(), 6);
  EXPECT_EQ(details[0]["packets"].size(), 1);
  const auto& steps = details[0]["journeys"][1][3];
  ASSERT_EQ(steps.size(), 6 * 3);
  EXPECT_EQ(details[0]["hops"][steps[6].get<std::size_t>()]["dev"], "veth1");
  EXPECT_EQ(steps[8], 3000);  // the third hop's offset
  EXPECT_EQ(details[0]["hops"][0]["at"], "interface");
  EXPECT_EQ(details[0]["hops"][5]["at"], "inside");
  EXPECT_EQ(details[0]["hops"][5]["words"], "answered by the kernel");
}

TEST(Report, NamesAreData) {
  const std::string empty = report_of(std::vector<journey::Journey>());
  const std::string report = report_of(std::vector{testing::hostile()}, "</title><b>");
  // Nothing that they hold begins or ends an element.
  EXPECT_EQ(count_of(report, "<script"), count_of(empty, "<script") + 2);
  EXPECT_EQ(count_of(report, "</script"), count_of(empty, "</script") + 2);
  EXPECT_THAT(report, Not(HasSubstr("<img")));
  EXPECT_THAT(report, Not(HasSubstr("<u>")));
  EXPECT_THAT(report, Not(HasSubstr("<b>")));
  EXPECT_THAT(report, Not(HasSubstr("\xe2\x80\xa8")));
  EXPECT_THAT(report, Not(HasSubstr("\x1b")));
  // And they are told in full.
  const auto details = data_of(report, "class=\"details\"");
  ASSERT_EQ(details.size(), 1);
  EXPECT_EQ(details[0]["hops"][0]["ns"], "<img src=x onerror=hostile=1>\\x1b[31m");
  EXPECT_EQ(details[0]["hops"][0]["dev"], testing::kHostileDevice);
  EXPECT_EQ(details[0]["outcomes"][0]["reason"], testing::kHostileReason);
}

TEST(Report, EveryJourneyIsInOneBlock) {
  std::vector<journey::Journey> journeys(2001, testing::request());
  for (std::size_t i = 0; i < journeys.size(); ++i) {
    journeys[i].id = i + 1;
  }
  const std::string report = report_of(journeys);
  const auto index = data_of(report, "class=\"index\"");
  const auto details = data_of(report, "class=\"details\"");
  ASSERT_EQ(index.size(), 2);
  ASSERT_EQ(details.size(), 2);
  EXPECT_EQ(index[0]["journeys"].size(), 2000);
  EXPECT_EQ(index[1]["journeys"][0][0], 2001);
  EXPECT_EQ(details[1]["journeys"].size(), 1);
}

TEST(Report, AsksNobodyForAnything) {
  const std::string report = report_of(std::vector{testing::request()});
  EXPECT_THAT(report, HasSubstr("default-src 'none'; style-src 'sha256-"));
  EXPECT_THAT(report, Not(HasSubstr("unsafe-")));
  EXPECT_THAT(report, Not(HasSubstr("https:")));
  EXPECT_EQ(count_of(report, "http:"), 1);  // the name of SVG
  EXPECT_THAT(report, Not(HasSubstr(" src=")));
  EXPECT_THAT(report, Not(HasSubstr("innerHTML")));
  EXPECT_THAT(report, Not(HasSubstr("@DATA@")));
}

TEST(EmbeddedJson, EndsNoScript) {
  EXPECT_EQ(embedded_json("\"</script><!--&\xe2\x80\xa8\xe2\x80\xa9\xe2\x82\xac\""),
            "\"\\u003c/script\\u003e\\u003c!--\\u0026\\u2028\\u2029\xe2\x82\xac\"");
}

}  // namespace
}  // namespace tracepkt::sinks
