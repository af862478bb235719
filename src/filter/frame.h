// Where a translated filter keeps things while it runs: registers and stack.
#pragma once

#include <cstdint>

namespace tracepkt::filter {

// Classic BPF's registers and the packet's, in eBPF's. A helper call clobbers registers 0 to 5.
struct Registers {
  int a;
  int x;
  int window;
  int available;  // min(packet_len, linear_len), what may be looked at
};
inline constexpr Registers kWithoutCalls = {.a = 0, .x = 5, .window = 1, .available = 4};
inline constexpr Registers kWithCalls = {.a = 8, .x = 9, .window = 6, .available = 7};
inline constexpr int kTemp = 3;
inline constexpr int kFrame = 10;

// Stack slots, from the frame's top on.
inline constexpr int kAddressSlot = -8;
inline constexpr int kLengthSlot = -16;
inline constexpr int kCopySlot = -24;
constexpr int memory_slot(std::uint32_t index) {
  return kCopySlot - 4 - 4 * static_cast<int>(index);
}

}  // namespace tracepkt::filter
