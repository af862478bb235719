#include "kernel/symbols.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

namespace tracepkt::kernel {
namespace {

TEST(Symbols, NamesTheFunctionAndTheOffset) {
  Symbols symbols;
  std::istringstream lines(
      "ffffffff81000200 T second\n"
      "ffffffff81000100 t first\t[a_module]\n"
      "ffffffff81000300 D some_data\n");
  symbols.read(lines);
  EXPECT_EQ(symbols.name(0xffffffff81000100), "first+0x0");
  EXPECT_EQ(symbols.name(0xffffffff810001ff), "first+0xff");
  EXPECT_EQ(symbols.name(0xffffffff81000345), "second+0x145");  // data is no function
  EXPECT_EQ(symbols.name(0xffffffff810000ff), "");
  EXPECT_EQ(symbols.name(0xffffffffa1000000), "");
}

// /proc/kallsyms is megabytes, is read in pieces that end anywhere, and is in order but for
// modules.
TEST(Symbols, NamesEachOfVeryMany) {
  std::string text;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    text += fmt::format("{:016x} t function_{}\n", 0xffffffff81000000 + 16 * i, i);
  }
  text += "ffffffff80000000 t of_a_module\t[a_module]";  // without an end of the line
  Symbols symbols;
  std::istringstream lines(text);
  symbols.read(lines);
  for (std::uint64_t i = 0; i < 20000; ++i) {
    EXPECT_EQ(symbols.name(0xffffffff81000000 + 16 * i + 3), fmt::format("function_{}+0x3", i));
  }
  EXPECT_EQ(symbols.name(0xffffffff80000008), "of_a_module+0x8");
}

TEST(Symbols, HiddenAddressesNameNothing) {
  Symbols symbols;
  std::istringstream lines("0000000000000000 T first\n0000000000000000 T second\nnonsense\n\n");
  symbols.read(lines);
  EXPECT_FALSE(symbols.known());
  EXPECT_EQ(symbols.name(0xffffffff81000100), "");
}

}  // namespace
}  // namespace tracepkt::kernel
