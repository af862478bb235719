#include "cli/rule_scope.h"

namespace tracepkt::cli {

std::uint64_t rule_scope(std::uint32_t inode, const decode::Netfilter& netfilter) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (int shift = 0; shift < 32; shift += 8) {
    mix(static_cast<std::uint8_t>(inode >> shift));
  }
  mix(netfilter.family);
  for (const char c : netfilter.table) {
    mix(static_cast<std::uint8_t>(c));
  }
  mix(0);
  return hash;
}

}  // namespace tracepkt::cli
