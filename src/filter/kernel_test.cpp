// Filters in the running kernel: its verifier takes them, and its verdicts are libpcap's. Needs
// root. TRACEPKT_FILTER_ROUNDS: how many random filters (default 300).
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "filter/filter.h"
#include "filter/patch.h"
#include "filter/testing/generate.h"
#include "filter/testing/object.h"
#include "filter/testing/reference.h"
#include "filter/testing/trial.h"
#include "wire/filter.h"

namespace tracepkt::filter {
namespace {

using testing::disagreement;
using testing::Packet;
using testing::random_expression;
using testing::random_packet;

struct ObjectClose {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, ObjectClose>;

std::string libbpf_said;
int keep_what_libbpf_says(libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_WARN) {
    char line[4096];
    std::vsnprintf(line, sizeof line, format, args);
    libbpf_said += line;
  }
  return 0;
}

struct KernelFilter : ::testing::Test {
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "NOT TESTED: the filter in the kernel. Only root can load BPF programs.";
    }
    libbpf_set_print(keep_what_libbpf_says);
  }

  // Loads the trial object with a filter in it. The verifier's statistics go to `costs`.
  void load(const Filter& filter) {
    const auto image = write_filter(testing::trial_object(), filter);
    ASSERT_TRUE(image) << image.error().what;
    libbpf_said.clear();
    object_.reset(bpf_object__open_mem(image->data(), image->size(), nullptr));
    ASSERT_TRUE(object_) << libbpf_said;
    static char log[3][4096];
    int i = 0;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object_.get()) {
      ASSERT_LT(i, 3);
      bpf_program__set_log_level(program, 4);  // statistics alone
      bpf_program__set_log_buf(program, log[i++], sizeof log[0]);
    }
    if (bpf_object__load(object_.get()) != 0) {
      // Once more, for the verifier's words.
      object_.reset(bpf_object__open_mem(image->data(), image->size(), nullptr));
      bpf_object__load(object_.get());
      FAIL() << "the kernel refuses: " << filter.expression << "\n" << libbpf_said;
    }
    EXPECT_EQ(libbpf_said, "");  // a BTF that the kernel refuses costs no more than a warning
    for (const char* text : {log[0], log[1], log[2]}) {
      const char* processed = std::strstr(text, "processed ");
      ASSERT_NE(processed, nullptr) << text;
      const long cost = std::atol(processed + 10);
      if (cost > dearest_) {
        dearest_ = cost;
        dearest_filter_ = filter.expression;
      }
    }
  }

  int ask(const char* name, std::span<const std::uint8_t> packet, std::uint32_t linear_len) {
    trial value{};
    value.packet_len = static_cast<__u32>(packet.size());
    value.linear_len = linear_len;
    std::memset(value.bytes, 0xa5, sizeof value.bytes);
    std::copy_n(packet.begin(), std::min<std::size_t>(linear_len, packet.size()), value.bytes);
    const __u32 key = 0;
    const int map = bpf_object__find_map_fd_by_name(object_.get(), "trials");
    EXPECT_EQ(bpf_map_update_elem(map, &key, &value, BPF_ANY), 0);
    LIBBPF_OPTS(bpf_test_run_opts, options);
    const bpf_program* program = bpf_object__find_program_by_name(object_.get(), name);
    EXPECT_EQ(bpf_prog_test_run_opts(bpf_program__fd(program), &options), 0) << strerror(errno);
    return static_cast<int>(options.retval);
  }

  void check(const Filter& filter, const Packet& packet, std::uint32_t random) {
    const std::span<const std::uint8_t> l2(packet.bytes);
    const auto linear_of = [&](std::size_t size) {
      const auto length = static_cast<std::uint32_t>(size);
      return random % 3 == 0 ? random / 3 % (length + 1) : length;
    };
    if (filter.l2) {
      const auto linear = linear_of(l2.size());
      EXPECT_EQ(disagreement(*filter.l2, l2, linear, ask("trial_l2", l2, linear)), std::nullopt)
          << filter.expression;
    }
    if (filter.l3 && packet.l3 != 0) {
      const auto l3 = l2.subspan(packet.l3);
      const auto linear = linear_of(l3.size());
      EXPECT_EQ(disagreement(*filter.l3, l3, linear, ask("trial_l3", l3, linear)), std::nullopt)
          << filter.expression;
    }
  }

  Object object_;
  long dearest_ = 0;
  std::string dearest_filter_;
};

TEST_F(KernelFilter, TakesRandomFiltersAndAgreesWithLibpcap) {
  const char* wish = std::getenv("TRACEPKT_FILTER_ROUNDS");
  const int rounds = wish != nullptr ? std::atoi(wish) : 300;
  testing::Random random(4);
  int loaded = 0;
  for (int i = 0; i < rounds && !HasFailure(); ++i) {
    const auto filter = compile(random_expression(random));
    if (!filter) {
      continue;
    }
    ASSERT_NO_FATAL_FAILURE(load(*filter));
    ++loaded;
    for (int j = 0; j < 20; ++j) {
      check(*filter, random_packet(random), random());
    }
  }
  fmt::print("{} filters loaded; verifier: at most {} instructions, for {}\n", loaded, dearest_,
             dearest_filter_);
  EXPECT_GT(loaded, rounds / 2);
}

TEST_F(KernelFilter, TakesCommonAndLongFilters) {
  std::string hosts = "host 10.0.0.0";
  for (int i = 1; i < 150; ++i) {
    hosts += fmt::format(" or host 10.0.0.{}", i);
  }
  std::string ports = "port 1";
  for (int i = 2; i < 40; ++i) {
    ports += fmt::format(" or port {}", i * 2);
  }
  testing::Random random(5);
  for (const std::string& expression :
       {std::string(), std::string("icmp"), std::string("tcp port 80"),
        std::string("host 10.0.0.1 and not port 22"), std::string("arp"), hosts, ports,
        std::string("tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)"),
        std::string("vlan 5 and ip6 and udp portrange 1-2000")}) {
    const auto filter = compile(expression);
    ASSERT_TRUE(filter) << filter.error().what;
    dearest_ = 0;
    ASSERT_NO_FATAL_FAILURE(load(*filter));
    fmt::print("{:7} instructions verified: {:.60}\n", dearest_, expression);
    EXPECT_LT(dearest_, 100000);
    for (int j = 0; j < 200; ++j) {
      check(*filter, random_packet(random), random());
    }
  }
}

TEST_F(KernelFilter, TakesTheLongestCode) {
  Filter filter;
  filter.l2 = ClassicProgram(2035, {BPF_ALU | BPF_XOR | BPF_K, 0, 0, 1});
  filter.l2->push_back({BPF_RET | BPF_A, 0, 0, 0});
  filter.l3 = filter.l2;
  ASSERT_NO_FATAL_FAILURE(load(filter));
  const std::vector<std::uint8_t> packet(60);
  EXPECT_EQ(ask("trial_l2", packet, 60), FILTER_MATCH);
}

// What is not written matches everything.
TEST_F(KernelFilter, TakesTheStubsAsCompiled) {
  const auto image = testing::trial_object();
  object_.reset(bpf_object__open_mem(image.data(), image.size(), nullptr));
  ASSERT_TRUE(object_) << libbpf_said;
  ASSERT_EQ(bpf_object__load(object_.get()), 0) << libbpf_said;
  const std::vector<std::uint8_t> packet(60);
  EXPECT_EQ(ask("trial_l2", packet, 60), FILTER_MATCH);
  EXPECT_EQ(ask("trial_l3", packet, 60), FILTER_MATCH);
}

}  // namespace
}  // namespace tracepkt::filter
