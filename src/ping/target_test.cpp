#include "ping/target.h"

#include <gtest/gtest.h>
#include <net/if.h>

#include "ping/identity.h"

namespace tracepkt::ping {
namespace {

std::string resolved(const std::string& host, Family family = Family::kAny) {
  const auto target = resolve(host, family);
  return target ? address_text(target->address) : "error: " + target.error().what;
}

TEST(Resolve, TakesAddressesAsTheyAre) {
  EXPECT_EQ(resolved("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(resolved("2001:DB8:0::7"), "2001:db8::7");
  EXPECT_EQ(resolved("127.1"), "127.0.0.1");
  EXPECT_EQ(resolve("::1", Family::kAny)->name, "::1");
}

TEST(Resolve, FindsLocalhostInTheFamilyAskedFor) {
  EXPECT_EQ(resolved("localhost", Family::kIpv4), "127.0.0.1");
  EXPECT_EQ(resolved("::1", Family::kIpv6), "::1");
  EXPECT_EQ(resolved("127.0.0.1", Family::kIpv4), "127.0.0.1");
}

TEST(Resolve, SaysWhatContradictsItself) {
  EXPECT_EQ(resolved("::1", Family::kIpv4),
            "error: '::1' is an IPv6 address, but -4 asks for IPv4");
  EXPECT_EQ(resolved("10.0.0.1", Family::kIpv6),
            "error: '10.0.0.1' is an IPv4 address, but -6 asks for IPv6");
  EXPECT_EQ(resolved("::ffff:10.0.0.1"),
            "error: '::ffff:10.0.0.1' is an IPv4 address written as IPv6");
  EXPECT_EQ(resolve("::ffff:10.0.0.1", Family::kAny).error().hint, "say 10.0.0.1");
  EXPECT_EQ(resolved(""), "error: no host given");
}

TEST(Resolve, ReadsTheScope) {
  const auto target = resolve("fe80::1%lo", Family::kAny);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->address.scope, if_nametoindex("lo"));
  EXPECT_EQ(resolve("fe80::1%7", Family::kAny)->address.scope, 7u);
  EXPECT_EQ(resolved("fe80::1%nosuch0"), "error: no interface 'nosuch0' in this namespace");
  EXPECT_EQ(resolved("fe80::1%"), "error: no interface '' in this namespace");
  EXPECT_EQ(resolved("fe80::1%7x"), "error: no interface '7x' in this namespace");
}

TEST(Resolve, SaysWhichHostItCannotFind) {
  // Two dots are no host name, so that no name server is asked.
  EXPECT_EQ(resolved("a..b"), "error: cannot find host 'a..b': Name or service not known");
  EXPECT_EQ(resolved("a\x1b..b").find("error: cannot find host 'a\\x1b..b': "), 0u);
}

TEST(Identity, IsRandomAndNeverZero) {
  const auto a = random_identity(AF_INET, 56);
  const auto b = random_identity(AF_INET, 56);
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->id, 0);
  EXPECT_NE(a->cookie, b->cookie);
  EXPECT_EQ(a->cookie_bytes, 8u);
  EXPECT_EQ(random_identity(AF_INET, 0)->cookie_bytes, 0u);
  EXPECT_EQ(random_identity(AF_INET, 7)->cookie_bytes, 7u);
}

TEST(Identity, KnowsHowMuchAPacketHolds) {
  EXPECT_TRUE(random_identity(AF_INET, 65507));
  EXPECT_TRUE(random_identity(AF_INET6, 65527));
  const auto large = random_identity(AF_INET, 65508);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().what, "65508 bytes are too many for one IPv4 packet");
  EXPECT_EQ(large.error().hint, "the payload of an echo request is 0 to 65507 bytes");
  EXPECT_FALSE(random_identity(AF_INET6, 65528));
}

}  // namespace
}  // namespace tracepkt::ping
