#include "base/text.h"

#include <gtest/gtest.h>

namespace tracepkt {
namespace {

TEST(Shortened, KeepsWhatFitsAndCutsWholeCharacters) {
  EXPECT_EQ(shortened("docker0", 7), "docker0");
  EXPECT_EQ(shortened("docker0", 6), "dock..");
  EXPECT_EQ(shortened("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4", 3), "\xc3\xa4..");
  EXPECT_EQ(shortened("abc", 2), "..");
}

TEST(Printable, EscapesWhatSteersATerminal) {
  EXPECT_EQ(printable("eth0"), "eth0");
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("two\nlines"), "two\\x0alines");
  EXPECT_EQ(printable("%s<b> x"), "%s<b> x");
  EXPECT_EQ(printable("r\xc3\xa9seau"), "r\xc3\xa9seau");
  EXPECT_EQ(printable("bad\xff"), "bad\\xff");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "x"),
            "\\xe2\\x80\\xaex");  // right-to-left override
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J");  // C1 control: CSI in one character
}

TEST(Printable, RejectsOverlongAndCutUtf8) {
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
}

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("eth0"), 4u);
  EXPECT_EQ(display_width("r\xc3\xa9seau"), 6u);
  EXPECT_EQ(display_width("\xe7\xbd\x91"), 2u);
  EXPECT_EQ(display_width("e\xcc\x81"), 1u);
}

TEST(ShellWord, IsOneWordToAShell) {
  EXPECT_EQ(shell_word("web-1.a/b:c"), "web-1.a/b:c");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("$(id);`id`"), "'$(id);`id`'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("a\\b"), "'a\\b'");
  EXPECT_EQ(shell_word("~"), "'~'");
  EXPECT_EQ(shell_word("n\xc3\xa9"), "'n\xc3\xa9'");
  EXPECT_EQ(shell_word("\x1b[m'\\"), "$'\\x1b[m\\'\\\\'");
  EXPECT_EQ(shell_word("a\n"), "$'a\\x0a'");
}

TEST(Pad, FillsToTheColumn) {
  EXPECT_EQ(pad_right("\xc3\xa9", 3), "\xc3\xa9  ");
  EXPECT_EQ(pad_left("ab", 4), "  ab");
  EXPECT_EQ(pad_left("abcdef", 4), "abcdef");
}

TEST(JsonString, IsAlwaysAValidString) {
  EXPECT_EQ(json_string("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(json_string("\x1b\n"), "\"\\u001b\\u000a\"");
  EXPECT_EQ(json_string("\xff"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(json_string("\xc3\xa9"), "\"\xc3\xa9\"");
}

TEST(Text, LinesBreakAtSpaces) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(wrapped("", 10), Lines{""});
  EXPECT_EQ(wrapped("one two", 7), Lines{"one two"});
  EXPECT_EQ(wrapped("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(wrapped("one two three", 6), (Lines{"one", "two", "three"}));
  EXPECT_EQ(wrapped("abcdefgh ij", 3), (Lines{"abc", "def", "gh", "ij"}));
  EXPECT_EQ(wrapped("\u4e2d\u4e2d\u4e2d", 4), (Lines{"\u4e2d\u4e2d", "\u4e2d"}))
      << "2 columns each";
  EXPECT_EQ(wrapped("\u4e2d\u4e2d", 1), (Lines{"\u4e2d", "\u4e2d"}));
}

}  // namespace
}  // namespace tracepkt
