#include "cli/name_keys.h"

#include <charconv>

namespace tracepkt::cli {
namespace {

class Fnv1a {
 public:
  template <typename Integer>
  void mix(Integer number) {
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
      hash_ = (hash_ ^ static_cast<std::uint8_t>(number >> (8 * i))) * 0x100000001b3;
    }
  }
  std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace

std::uint64_t rule_scope(std::uint32_t inode, const decode::Netfilter& netfilter) {
  Fnv1a fnv;
  fnv.mix(inode);
  fnv.mix(netfilter.family);
  for (const char c : netfilter.table) {
    fnv.mix(static_cast<std::uint8_t>(c));
  }
  fnv.mix(std::uint8_t{0});
  if (netfilter.backend == NETFILTER_NFTABLES && netfilter.generation != 0) {
    fnv.mix(netfilter.generation);
  }
  if (netfilter.backend == NETFILTER_XTABLES) {
    for (const char c : netfilter.chain) {
      fnv.mix(static_cast<std::uint8_t>(c));
    }
    fnv.mix(std::uint8_t{0});
  }
  return fnv.hash();
}

std::uint64_t place_key(const journey::SocketPlace& place) {
  Fnv1a fnv;
  fnv.mix(place.netns);
  fnv.mix(place.protocol);
  const auto mix_end = [&fnv](const decode::Address& address, std::uint16_t port) {
    fnv.mix(address.family);
    for (const std::uint8_t byte : address.bytes) {
      fnv.mix(byte);
    }
    fnv.mix(port);
  };
  mix_end(place.local, place.local_port);
  mix_end(place.remote, place.remote_port);
  return fnv.hash();
}

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, number);
  return error == std::errc() && rest == end ? number : 0;
}

}  // namespace tracepkt::cli
