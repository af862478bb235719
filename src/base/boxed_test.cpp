#include "base/boxed.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace tracepkt {
namespace {

TEST(Boxed, NothingIsThereUntilItIsPut) {
  Boxed<std::string> name;
  EXPECT_FALSE(name);
  name = std::string("veth0");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(*name, "veth0");
  EXPECT_EQ(name.value_or("lo"), "veth0");
  name.reset();
  EXPECT_FALSE(name);
  EXPECT_EQ(name.value_or("lo"), "lo");
}

TEST(Boxed, ACopyIsItsOwn) {
  const Boxed<std::string> first = std::string("veth0");
  Boxed<std::string> second = first;
  *second += 'a';
  EXPECT_EQ(*first, "veth0");
  EXPECT_EQ(*second, "veth0a");
  second = first;
  EXPECT_EQ(*second, "veth0");
  second = Boxed<std::string>();
  EXPECT_FALSE(second);
}

TEST(Boxed, WhatIsMovedIsGoneWhereItWas) {
  Boxed<std::string> first = std::string("veth0");
  const Boxed<std::string> second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): as it is meant
  EXPECT_EQ(second->size(), 5u);
}

}  // namespace
}  // namespace tracepkt
