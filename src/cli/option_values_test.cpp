#include "cli/option_values.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace tracepkt::cli {
namespace {

template <typename T>
std::string error_of(const Result<T>& result) {
  return result ? "none" : result.error().what;
}

TEST(OptionValues, WholeNumbers) {
  EXPECT_EQ(parse_number<std::uint64_t>("12", 1, 100), 12u);
  EXPECT_EQ(parse_number<std::uint32_t>("0xffffffff", 0, UINT32_MAX), UINT32_MAX);
  for (const char* text : {"0", "-1", "x", "", "1x", "1.5", "0x", "1000000000000000000000"}) {
    EXPECT_EQ(error_of(parse_number<std::uint64_t>(text, 1, 100)),
              "give a whole number from 1 to 100")
        << text;
  }
}

TEST(OptionValues, Fractions) {
  EXPECT_EQ(parse_number("0.5", 0.001, 3600.0), 0.5);
  for (const char* text : {"0", "-1", "nan", "inf", "x", ""}) {
    EXPECT_EQ(error_of(parse_number(text, 0.001, 3600.0)), "give a number from 0.001 to 3600")
        << text;
  }
}

TEST(OptionValues, Sizes) {
  EXPECT_EQ(parse_buffer("64K"), 64u << 10);
  EXPECT_EQ(parse_buffer("9m"), 16u << 20);
  EXPECT_EQ(parse_buffer("1G"), 1u << 30);
  for (const char* text : {"63K", "2G", "x", "", "8MB", "-8M"}) {
    EXPECT_EQ(error_of(parse_buffer(text)), "give a size from 64K to 1G, such as 16M") << text;
  }
}

TEST(OptionValues, Names) {
  EXPECT_EQ(parse_name("web"), "web");
  EXPECT_EQ(error_of(parse_name("")), "a name is wanted, but nothing was given");
}

TEST(OptionValues, Choices) {
  const Choices<int> choices = {{"table", 2}, {"json", 1}};
  EXPECT_EQ(parse_choice("table", "format", choices), 2);
  EXPECT_EQ(error_of(parse_choice("x\x1bml", "format", choices)),
            "there is no format x\\x1bml; there are table, json");
}

}  // namespace
}  // namespace tracepkt::cli
