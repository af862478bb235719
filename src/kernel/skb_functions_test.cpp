#include "kernel/skb_functions.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <memory>

namespace tracepkt::kernel {
namespace {

// Types as a kernel has them, made by hand.
struct SkbFunctionsTest : ::testing::Test {
  SkbFunctionsTest() : types(btf__new_empty(), btf__free) {
    integer = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
    boolean = btf__add_int(types.get(), "bool", 1, BTF_INT_BOOL);
    const int skb_struct = btf__add_struct(types.get(), "sk_buff", 8);
    const int sock_struct = btf__add_struct(types.get(), "sock", 8);
    pair = btf__add_struct(types.get(), "pair", 16);
    skb = btf__add_ptr(types.get(), skb_struct);
    const_skb = btf__add_const(types.get(),
                               btf__add_ptr(types.get(), btf__add_const(types.get(), skb_struct)));
    skb_at = btf__add_ptr(types.get(), skb);
    sock = btf__add_ptr(types.get(), sock_struct);
  }

  void add(const char* name, int returns, const std::vector<int>& arguments) {
    const int proto = btf__add_func_proto(types.get(), returns);
    for (const int argument : arguments) {
      btf__add_func_param(types.get(), "one", argument);
    }
    btf__add_func(types.get(), name, BTF_FUNC_STATIC, proto);
  }

  std::vector<SkbFunction> find(const std::string& glob = "*") {
    return skb_functions_in(types.get(), 1, "", glob);
  }

  std::unique_ptr<btf, void (*)(btf*)> types;
  int integer, boolean, skb, const_skb, skb_at, sock, pair;
};

TEST_F(SkbFunctionsTest, TakeAPacketAmongTheFirstFiveArguments) {
  add("ip_rcv", integer, {skb, sock});
  add("tcp_v4_do_rcv", 0, {sock, skb});
  add("reads", boolean, {integer, integer, integer, integer, const_skb});
  add("sixth", integer, {integer, integer, integer, integer, integer, skb});
  add("none", integer, {sock});
  add("elsewhere", integer, {skb_at});
  add("after_a_struct", integer, {pair, skb});
  const auto found = find();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].name, "ip_rcv");
  EXPECT_EQ(found[0].traced.argument, 1);
  EXPECT_EQ(found[0].traced.returns, RETURNS_SIGNED);
  EXPECT_EQ(found[0].traced.size, 4);
  EXPECT_EQ(found[1].traced.argument, 2);
  EXPECT_EQ(found[1].traced.returns, RETURNS_NOTHING);
  EXPECT_EQ(found[2].name, "reads");
  EXPECT_EQ(found[2].traced.argument, 5);
  EXPECT_EQ(found[2].traced.returns, RETURNS_BOOL);
}

TEST_F(SkbFunctionsTest, OfTracingItselfAreLeftOut) {
  add("__traceiter_kfree_skb", integer, {sock, skb});
  add("__bpf_trace_kfree_skb", 0, {sock, skb});
  add("skb_clone", skb, {skb, integer});
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "skb_clone");
  EXPECT_EQ(found[0].traced.returns, RETURNS_POINTER);
}

TEST_F(SkbFunctionsTest, AreChosenByName) {
  add("ip_rcv", integer, {skb});
  add("ip6_rcv", integer, {skb});
  EXPECT_EQ(find("ip_*").size(), 1u);
  EXPECT_EQ(find("ip*_rcv").size(), 2u);
  EXPECT_EQ(find("ip").size(), 0u);
}

std::vector<SkbFunction> three() {
  return {{.name = "ip_rcv"}, {.name = "br_forward", .module = "bridge"}, {.name = "twice"}};
}

TEST(SkbFunctionAddresses, AreOfTheirModule) {
  auto functions = three();
  find_addresses(
      "ffffffff81000010 T ip_rcv\n"
      "ffffffff81000020 d ip_rcv\n"
      "0000000000000000 T ip_rcv\n"
      "nonsense\n"
      "ffffffffc0000010 t br_forward\t[bridge]\n"
      "ffffffffc0000020 t br_forward\t[other]\n"
      "ffffffff81000030 t twice\n"
      "ffffffff81000040 t twice",
      functions);
  EXPECT_EQ(functions[0].addresses, std::vector<std::uint64_t>{0xffffffff81000010});
  EXPECT_EQ(functions[1].addresses, std::vector<std::uint64_t>{0xffffffffc0000010});
  EXPECT_EQ(functions[2].addresses.size(), 2u);
}

TEST(SkbFunctionAddresses, AreKeptWhereAllOfThemCanBeAttachedTo) {
  auto functions = three();
  functions[0].addresses = {1};
  functions[1].addresses = {2};
  functions[2].addresses = {3, 4};
  auto both = functions;
  keep_attachable("twice\nbr_forward [bridge]\nother\n", functions);
  ASSERT_EQ(functions.size(), 1u);
  EXPECT_EQ(functions[0].name, "br_forward");
  keep_attachable("twice\ntwice\nbr_forward [other]\nip_rcv", both);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].name, "ip_rcv");
  EXPECT_EQ(both[1].name, "twice");
}

}  // namespace
}  // namespace tracepkt::kernel
