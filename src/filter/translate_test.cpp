// Translated filters against libpcap's own verdict, on an interpreter as strict as the verifier.
#include "filter/translate.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filter/filter.h"
#include "filter/testing/generate.h"
#include "filter/testing/interpreter.h"
#include "filter/testing/reference.h"

namespace tracepkt::filter {
namespace {

using testing::disagreement;
using ::testing::HasSubstr;
using testing::interpret;
using testing::Packet;
using testing::random_expression;
using testing::random_packet;

std::string bytes_of(std::span<const std::uint8_t> packet) {
  return fmt::format("{:02x}", fmt::join(packet, ""));
}

// The verdict on a packet that is all linear, checked against libpcap.
int verdict(const ClassicProgram& program, std::span<const std::uint8_t> packet) {
  const auto code = translate(program);
  if (!code) {
    ADD_FAILURE() << code.error().what;
    return -1;
  }
  const auto length = static_cast<std::uint32_t>(packet.size());
  const auto run = interpret(*code, packet, length, length);
  EXPECT_EQ(run.fault, "");
  EXPECT_EQ(disagreement(program, packet, length, run.verdict), std::nullopt);
  return run.verdict;
}

TEST(Translate, AgreesWithLibpcapAboutRandomFilters) {
  constexpr int kFilters = 20000;
  constexpr int kPackets = 40;
  testing::Random random(1);
  constexpr int kRandomPackets = 4000;
  std::vector<Packet> packets;
  packets.reserve(kRandomPackets);
  for (int i = 0; i < kRandomPackets; ++i) {
    packets.push_back(random_packet(random));
  }
  int compiled = 0;
  int runs[3] = {};
  std::size_t longest = 0;
  for (int i = 0; i < kFilters && !HasFailure(); ++i) {
    const std::string expression = random_expression(random);
    const auto filter = compile(expression);
    if (!filter) {
      continue;
    }
    ++compiled;
    for (const auto* program : {&filter->l2, &filter->l3}) {
      if (!*program) {
        continue;
      }
      const auto code = translate(**program);
      ASSERT_TRUE(code) << code.error().what;
      longest = std::max(longest, code->size());
      for (int j = 0; j < kPackets; ++j) {
        const Packet& packet = packets[random() % packets.size()];
        std::span<const std::uint8_t> bytes(packet.bytes);
        if (program == &filter->l3) {
          if (packet.l3 == 0) {
            continue;
          }
          bytes = bytes.subspan(packet.l3);
        }
        const auto length = static_cast<std::uint32_t>(bytes.size());
        const std::uint32_t linear = random() % 3 == 0 ? random() % (length + 1) : length;
        const auto run = interpret(*code, bytes, length, linear);
        ASSERT_EQ(run.fault, "") << expression;
        ASSERT_EQ(disagreement(**program, bytes, linear, run.verdict), std::nullopt)
            << expression << "\n"
            << linear << " bytes linear of " << bytes_of(bytes);
        ++runs[run.verdict];
      }
    }
  }
  fmt::print("{} filters, longest {} instructions; no match {}, match {}, not linear {}\n",
             compiled, longest, runs[0], runs[1], runs[2]);
  EXPECT_GT(compiled, kFilters * 2 / 3);
  for (const int count : runs) {
    EXPECT_GT(count, 1000);
  }
}

TEST(Translate, EveryOperationMeansWhatItMeansToLibpcap) {
  testing::Random random(2);
  const std::array<std::uint32_t, 12> values = {
      0, 1, 2, 5, 31, 32, 33, 64, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
  const std::vector<std::uint8_t> packet(60, 0x37);
  for (const int operation : {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_LSH, BPF_RSH,
                              BPF_NEG, BPF_MOD, BPF_XOR}) {
    for (const int source : {BPF_K, BPF_X}) {
      for (const std::uint32_t a : values) {
        for (const std::uint32_t b : values) {
          if (source == BPF_K && b == 0 && (operation == BPF_DIV || operation == BPF_MOD)) {
            continue;
          }
          if (source == BPF_K && b >= 32 && (operation == BPF_LSH || operation == BPF_RSH)) {
            continue;
          }
          if (source == BPF_X && operation == BPF_NEG) {
            continue;
          }
          // The result is compared with every value, as equal and as bits and as order.
          for (const int relation : {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET}) {
            const ClassicProgram program = {
                {BPF_LDX | BPF_W | BPF_IMM, 0, 0, b},
                {BPF_LD | BPF_W | BPF_IMM, 0, 0, a},
                {static_cast<__u16>(BPF_ALU | operation | source), 0, 0, b},
                {BPF_LDX | BPF_W | BPF_IMM, 0, 0, values[random() % values.size()]},
                {static_cast<__u16>(BPF_JMP | relation | BPF_X), 0, 1, 0},
                {BPF_RET | BPF_K, 0, 0, 262144},
                {static_cast<__u16>(BPF_JMP | relation | BPF_K), 1, 0,
                 values[random() % values.size()]},
                {BPF_RET | BPF_K, 0, 0, 0},
                {BPF_RET | BPF_A, 0, 0, 0},
            };
            verdict(program, packet);
          }
        }
      }
    }
  }
}

TEST(Translate, LoadsAtEveryOffsetAreLibpcaps) {
  testing::Random random(3);
  std::vector<std::uint8_t> packet(100);
  for (std::uint8_t& byte : packet) {
    byte = static_cast<std::uint8_t>(random());
  }
  for (const int size : {BPF_W, BPF_H, BPF_B}) {
    for (std::uint32_t x = 0; x <= 40; x += 4) {
      for (std::uint32_t k = 0; k < 104; ++k) {
        const auto load = [&](int mode) {
          return sock_filter{static_cast<__u16>(BPF_LD | size | mode), 0, 0, k};
        };
        for (const sock_filter& insn : {load(BPF_ABS), load(BPF_IND)}) {
          const std::uint32_t at = k + (BPF_MODE(insn.code) == BPF_IND ? x : 0);
          const std::uint32_t bytes = size == BPF_W ? 4 : size == BPF_H ? 2 : 1;
          std::uint32_t value = 0;
          for (std::uint32_t i = at; i < at + bytes && at + bytes <= packet.size(); ++i) {
            value = value << 8 | packet[i];
          }
          const ClassicProgram program = {{BPF_LDX | BPF_W | BPF_IMM, 0, 0, x},
                                          insn,
                                          {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value},
                                          {BPF_RET | BPF_K, 0, 0, 1},
                                          {BPF_RET | BPF_K, 0, 0, 0}};
          EXPECT_EQ(verdict(program, packet), at + bytes <= packet.size() ? 1 : 0) << "at " << at;
        }
      }
    }
  }
}

TEST(Translate, WhatIsNeverWrittenIsZero) {
  const std::vector<std::uint8_t> packet(60, 1);
  for (const sock_filter& first :
       {sock_filter{BPF_LD | BPF_MEM, 0, 0, 15}, sock_filter{BPF_MISC | BPF_TXA, 0, 0, 0},
        sock_filter{BPF_ALU | BPF_OR | BPF_K, 0, 0, 0}}) {
    const auto code = translate(ClassicProgram{first,
                                               {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0},
                                               {BPF_RET | BPF_K, 0, 0, 1},
                                               {BPF_RET | BPF_K, 0, 0, 0}});
    ASSERT_TRUE(code) << code.error().what;
    const auto run = interpret(*code, packet, 60, 60);
    EXPECT_EQ(run.fault, "");
    EXPECT_EQ(run.verdict, FILTER_MATCH);
  }
}

TEST(Translate, OffsetsThatNoPacketHasAreNoMatch) {
  const std::vector<std::uint8_t> packet(60, 1);
  for (const std::uint32_t k : {0x7ffffffdU, 0x7fffffffU, 0x80000000U, 0xfffff000U, 0xffffffffU}) {
    for (const int mode : {BPF_ABS, BPF_IND}) {
      const ClassicProgram program = {{BPF_LDX | BPF_W | BPF_IMM, 0, 0, 0xffffffff},
                                      {static_cast<__u16>(BPF_LD | BPF_H | mode), 0, 0, k},
                                      {BPF_RET | BPF_K, 0, 0, 1}};
      EXPECT_EQ(verdict(program, packet), FILTER_NO_MATCH);
    }
  }
}

TEST(Translate, RefusesWhatCannotRun) {
  const auto refusal = [](const ClassicProgram& program) {
    const auto code = translate(program);
    return code ? std::string() : code.error().what;
  };
  const sock_filter ret = {BPF_RET | BPF_K, 0, 0, 1};
  EXPECT_THAT(refusal({}), HasSubstr("empty"));
  EXPECT_THAT(refusal({{BPF_JMP | BPF_JA, 0, 0, 0xffffffff}, ret}), HasSubstr("loops"));
  EXPECT_THAT(refusal({{BPF_JMP | BPF_JA, 0, 0, 1}, ret}), HasSubstr("past its end"));
  EXPECT_THAT(refusal({{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0}}), HasSubstr("past its end"));
  EXPECT_THAT(refusal({{BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0}, ret}), HasSubstr("zero"));
  EXPECT_THAT(refusal({{BPF_ALU | BPF_LSH | BPF_K, 0, 0, 32}, ret}), HasSubstr("31 bits"));
  EXPECT_THAT(refusal({{BPF_ST, 0, 0, 16}, ret}), HasSubstr("unknown"));
  EXPECT_THAT(refusal({{BPF_LD | BPF_MEM, 0, 0, 16}, ret}), HasSubstr("unknown"));
  EXPECT_THAT(refusal({{0xff, 0, 0, 0}, ret}), HasSubstr("unknown"));
  // Nor where it is not reached: no packet is as long as this load wants.
  const sock_filter nowhere = {BPF_LD | BPF_B | BPF_ABS, 0, 0, 0x80000000};
  EXPECT_THAT(refusal({nowhere, {BPF_JMP | BPF_JSET | BPF_K, 12, 0, 1}, ret}),
              HasSubstr("past its end"));
  EXPECT_THAT(refusal({nowhere}), HasSubstr("past its end"));
}

TEST(Translate, SaysHowLongIsTooLong) {
  ClassicProgram program(kMaxCode, {BPF_ALU | BPF_ADD | BPF_K, 0, 0, 1});
  program.push_back({BPF_RET | BPF_K, 0, 0, 1});
  const auto code = translate(program);
  ASSERT_FALSE(code);
  EXPECT_THAT(code.error().what, HasSubstr(fmt::format("at most {} fit", kMaxCode)));
  EXPECT_THAT(code.error().what, HasSubstr("2049 instructions"));
}

TEST(Translate, CodeThatIsNotReachedIsLeftOut) {
  const ClassicProgram program = {{BPF_RET | BPF_K, 0, 0, 1},
                                  {BPF_LD | BPF_W | BPF_ABS, 0, 0, 900},
                                  {BPF_RET | BPF_K, 0, 0, 0}};
  EXPECT_EQ(verdict(program, std::vector<std::uint8_t>(60)), FILTER_MATCH);
  EXPECT_LE(translate(program)->size(), 4);
}

// The common filters stay as short as they are: a ratchet, in eBPF instructions.
TEST(Translate, CommonFiltersAreShort) {
  const auto sizes = [](std::string_view expression) {
    const auto filter = compile(expression);
    const auto l2 = translate(*filter->l2)->size();
    const auto l3 = translate(*filter->l3)->size();
    fmt::print("{:16} {} instructions from MAC on, {} from IP on\n", expression, l2, l3);
    return std::pair(l2, l3);
  };
  EXPECT_EQ(sizes(""), std::pair(std::size_t{3}, std::size_t{3}));
  EXPECT_LE(sizes("icmp").second, 25);
  EXPECT_LE(sizes("host 10.0.0.1").second, 32);
  EXPECT_LE(sizes("tcp port 80").second, 92);
  EXPECT_LE(sizes("port 80").second, 96);
}

}  // namespace
}  // namespace tracepkt::filter
