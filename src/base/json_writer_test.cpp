#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <limits>

namespace tracepkt {
namespace {

TEST(JsonWriter, CommasComeByThemselves) {
  JsonWriter json;
  json.begin_object()
      .field("a", 1)
      .key("b")
      .begin_array()
      .value("x")
      .value(true)
      .null()
      .end_array();
  json.key("c").begin_object().end_object().field("d", "y").end_object();
  EXPECT_EQ(json.text(), R"({"a":1,"b":["x",true,null],"c":{},"d":"y"})");
}

TEST(JsonWriter, NumbersStayNumbers) {
  JsonWriter json;
  json.begin_array()
      .value(std::uint64_t{18446744073709551615u})
      .value(33.3333)
      .value(std::uint8_t{7});
  json.value(std::numeric_limits<double>::infinity()).end_array();
  EXPECT_EQ(json.text(), "[18446744073709551615,33.3333,7,null]");
}

TEST(JsonWriter, ThousandthsKeepEveryDigit) {
  JsonWriter json;
  json.begin_array().thousandths(1'234'567).thousandths(7).thousandths(9'007'199'254'740'993'001);
  EXPECT_EQ(json.end_array().text(), "[1234.567,0.007,9007199254740993.001]");
}

}  // namespace
}  // namespace tracepkt
