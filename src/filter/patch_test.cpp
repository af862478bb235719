#include "filter/patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "filter/testing/interpreter.h"
#include "filter/testing/object.h"
#include "filter/translate.h"

namespace tracepkt::filter {
namespace {

using ::testing::HasSubstr;
using testing::interpret;
using testing::trial_object;

// The stubs that differ between two objects, first to last instruction.
std::vector<Code> changed_stubs(std::span<const std::byte> before,
                                std::span<const std::byte> after) {
  std::vector<Code> stubs;
  constexpr std::size_t kBytes = FILTER_INSNS * sizeof(Insn);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != after[i]) {
      const std::size_t begin = i / sizeof(Insn) * sizeof(Insn);
      Code stub(FILTER_INSNS);
      std::memcpy(stub.data(), after.data() + begin, kBytes);
      stubs.push_back(std::move(stub));
      i = begin + kBytes - 1;
    }
  }
  return stubs;
}

TEST(Patch, WritesBothStubsAndNothingElse) {
  const auto filter = compile("ip proto 17");
  ASSERT_TRUE(filter);
  const auto object = write_filter(trial_object(), *filter);
  ASSERT_TRUE(object) << object.error().what;
  ASSERT_EQ(object->size(), trial_object().size());
  const auto stubs = changed_stubs(trial_object(), *object);
  ASSERT_EQ(stubs.size(), 2);

  std::vector<std::uint8_t> frame(60);
  frame[12] = 8;
  frame[14] = 0x45;
  frame[14 + 9] = 17;
  EXPECT_EQ(interpret(stubs[0], frame, 60, 60).verdict, FILTER_MATCH);
  EXPECT_EQ(interpret(stubs[1], std::span(frame).subspan(14), 46, 46).verdict, FILTER_MATCH);
  frame[14 + 9] = 6;
  EXPECT_EQ(interpret(stubs[0], frame, 60, 60).verdict, FILTER_NO_MATCH);
  EXPECT_EQ(interpret(stubs[1], std::span(frame).subspan(14), 46, 46).verdict, FILTER_NO_MATCH);
}

TEST(Patch, AVariantThatIsNotThereMatchesNothing) {
  const auto object = write_filter(trial_object(), Filter{});
  ASSERT_TRUE(object) << object.error().what;
  const std::vector<std::uint8_t> frame(60);
  for (const Code& stub : changed_stubs(trial_object(), *object)) {
    EXPECT_EQ(interpret(stub, frame, 60, 60).verdict, FILTER_NO_MATCH);
  }
}

TEST(Patch, TheLongestCodeFits) {
  Filter filter;
  filter.l3 = ClassicProgram(kMaxCode - 5, {BPF_ALU | BPF_XOR | BPF_K, 0, 0, 1});
  filter.l3->push_back({BPF_RET | BPF_K, 0, 0, 1});
  ASSERT_LE(translate(*filter.l3)->size(), kMaxCode);
  ASSERT_GE(translate(*filter.l3)->size(), kMaxCode - 1);
  EXPECT_TRUE(write_filter(trial_object(), filter));
}

TEST(Patch, RefusesCodeThatIsLongerThanTheStub) {
  Filter filter;
  filter.l3 = ClassicProgram(FILTER_INSNS_SHORT, {BPF_ALU | BPF_XOR | BPF_K, 0, 0, 1});
  filter.l3->push_back({BPF_RET | BPF_K, 0, 0, 1});
  const auto refused = write_filter(testing::short_trial_object(), filter);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("too long for a stub of 192"));
  EXPECT_TRUE(write_filter(testing::short_trial_object(), Filter{}));
  EXPECT_TRUE(write_filter(trial_object(), filter));
}

TEST(Patch, RefusesObjectsWithoutStubs) {
  const auto refusal = [](std::span<const std::byte> object) {
    const auto result = write_filter(object, Filter{});
    return result ? std::string() : result.error().what;
  };
  EXPECT_THAT(refusal({}), HasSubstr("no ELF file"));
  const std::vector<std::byte> noise(1000, std::byte{7});
  EXPECT_THAT(refusal(noise), HasSubstr("no ELF file"));

  // Another name, twice: in the string table.
  std::vector<std::byte> renamed(trial_object().begin(), trial_object().end());
  for (const std::string_view name : {"filter_l2", "filter_l3"}) {
    const auto bytes = std::as_bytes(std::span(name));
    for (auto at = renamed.begin(); at != renamed.end();) {
      at = std::search(at, renamed.end(), bytes.begin(), bytes.end());
      if (at != renamed.end()) {
        *at = std::byte{'x'};
      }
    }
  }
  EXPECT_THAT(refusal(renamed), HasSubstr("no filter stub"));
}

TEST(Patch, DamagedObjectsAreRefusedOrPatchedButNeverOverrun) {
  std::vector<std::byte> object(trial_object().begin(), trial_object().end());
  for (std::size_t size = 0; size < object.size(); size += 97) {
    const std::vector<std::byte> cut(object.begin(),
                                     object.begin() + static_cast<std::ptrdiff_t>(size));
    (void)write_filter(cut, Filter{});
  }
  // The tables of an ELF file are at its ends.
  for (std::size_t i = 0; i < object.size(); i = i == 64 ? object.size() - 8192 : i + 1) {
    const std::byte kept = object[i];
    for (const int value : {0x00, 0x7f, 0xff}) {
      object[i] = std::byte(value);
      (void)write_filter(object, Filter{});
    }
    object[i] = kept;
  }
}

}  // namespace
}  // namespace tracepkt::filter
