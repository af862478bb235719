#include "base/lines.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tracepkt {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    lines.emplace_back(take_line(text));
  }
  return lines;
}

TEST(TakeLine, EachOnceAndWithoutItsEnd) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(lines_of(""), Lines());
  EXPECT_EQ(lines_of("\n"), Lines({""}));
  EXPECT_EQ(lines_of("one\ntwo\n"), Lines({"one", "two"}));
  EXPECT_EQ(lines_of("one\n\nlast"), Lines({"one", "", "last"}));
}

}  // namespace
}  // namespace tracepkt
