// Whose is a socket? From the descriptors of all processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace tracepkt::kernel {

struct SocketOwner {
  std::uint32_t pid = 0;
  std::string name;  // as in /proc/PID/comm: any bytes, 15 at most
};

class SocketOwners {
 public:
  // Looks into `root`/proc.
  explicit SocketOwners(std::string root = {}) : root_(std::move(root)) {}

  // The process with the lowest pid that has a socket of this inode open; nothing where none has
  // (any more) or where we may not see it. Remembers: an inode is a socket's as long as that lives,
  // and comes again only after 2^32 others.
  std::optional<SocketOwner> find(std::uint64_t inode);

  // Was it looked for before? Then find() costs nothing.
  bool knows(std::uint64_t inode) const {
    return owners_.contains(inode) || orphans_.contains(inode);
  }

 private:
  void look_round();

  std::string root_;
  std::unordered_map<std::uint64_t, SocketOwner> owners_;
  std::unordered_set<std::uint64_t> orphans_;  // looked for, and not found
};

}  // namespace tracepkt::kernel
