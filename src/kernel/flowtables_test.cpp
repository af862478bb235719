#include "kernel/flowtables.h"

#include <gtest/gtest.h>

namespace tracepkt::kernel {
namespace {

TEST(Flowtables, AreTakenApart) {
  const auto flowtables = parse_flowtables(
      "table inet f {\n"
      "\tflowtable ft {\n"
      "\t\thook ingress priority filter\n"
      "\t\tdevices = { ra, \"rb\" }\n"
      "\t\tcounter\n"
      "\t}\n"
      "}\n"
      "table ip g {\n"
      "\tflowtable one {\n"
      "\t\thook ingress priority filter + 1\n"
      "\t\tdevices = { veth* }\n"
      "\t}\n"
      "\tflowtable none {\n"
      "\t\thook ingress priority filter\n"
      "\t}\n"
      "}\n");
  ASSERT_EQ(flowtables.size(), 3U);
  EXPECT_EQ(flowtable_of(flowtables, "ra"), "inet f ft");
  EXPECT_EQ(flowtable_of(flowtables, "rb"), "inet f ft");
  EXPECT_EQ(flowtable_of(flowtables, "veth7"), "ip g one");
  EXPECT_EQ(flowtable_of(flowtables, "r"), "");
}

TEST(Flowtables, DamageIsPassedOver) {
  for (const char* text : {"", "devices = { a }", "table", "table {", "flowtable {\ndevices = {",
                           "table ip f {\nflowtable x {\ndevices = {,,", "}\n}\n"}) {
    EXPECT_EQ(flowtable_of(parse_flowtables(text), "a"), "") << text;
  }
}

}  // namespace
}  // namespace tracepkt::kernel
