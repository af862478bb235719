// The rules by which the kernel chooses routing tables (ip-rule(8)), of any namespace.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace tracepkt::kernel {

class RoutingRules {
 public:
  // What `ip -N rule show` prints there for the family (AF_INET, AF_INET6). `file` is the
  // namespace, as in NetnsNames::file(): empty for the one that we are in. What was listed is used
  // for 50 ms, and for longer where it took long. Empty where ip(8) is not installed or does not
  // know these options (busybox), and of a list too long for a capture file.
  const std::string& list(std::uint32_t inode, const std::string& file, std::uint8_t family);

 private:
  struct Listing {
    std::string text;
    std::chrono::steady_clock::time_point usable_until;
  };

  std::map<std::pair<std::uint32_t, std::uint8_t>, Listing> listings_;  // by namespace and family
  std::optional<std::string> tool_;
};

}  // namespace tracepkt::kernel
