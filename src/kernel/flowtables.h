// The flowtables of nftables: which of them forwards what comes in by an interface.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tracepkt::kernel {

struct Flowtable {
  std::string name;                  // "FAMILY TABLE NAME"
  std::vector<std::string> devices;  // their names; one that ends with `*` means all that begin so
};

// What `nft list flowtables` prints, taken apart. Anything else in it is passed over.
std::vector<Flowtable> parse_flowtables(std::string_view listing);

// The name of the first that has the device; empty: none has.
std::string flowtable_of(const std::vector<Flowtable>& flowtables, std::string_view device);

// Of any namespace, listed again when that is a while ago.
class NamespaceFlowtables {
 public:
  // `file` is the namespace, as in NetnsNames::file(): empty for the one that we are in. "FAMILY
  // TABLE NAME"; empty: the device is in none, or they cannot be listed.
  std::string find(std::uint32_t inode, const std::string& file, std::string_view device);

 private:
  struct Listing {
    std::vector<Flowtable> flowtables;
    std::chrono::steady_clock::time_point usable_until;
  };

  std::unordered_map<std::uint32_t, Listing> listings_;
};

}  // namespace tracepkt::kernel
