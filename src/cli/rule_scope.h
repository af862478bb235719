// By what a capture file tells rules of the same handle apart.
#pragma once

#include <cstdint>

#include "decode/event.h"

namespace tracepkt::cli {

// FNV-1a (64 bits) over the namespace's inode (4 bytes, little endian), the table's family (1), its
// name, and a 0. In files: never changed.
std::uint64_t rule_scope(std::uint32_t inode, const decode::Netfilter& netfilter);

}  // namespace tracepkt::cli
