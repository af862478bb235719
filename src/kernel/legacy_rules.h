// The texts of rules of legacy iptables and ip6tables, from their own tools: they alone know what a
// match is called. Nothing is changed by listing them, counters included.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace tracepkt::kernel {

// By "TABLE CHAIN NUMBER", as iptables-save(8) writes them. The number after a chain's last rule is
// its policy, or its end: ":INPUT DROP", ":mine -".
using LegacyTexts = std::unordered_map<std::string, std::string>;
std::string legacy_key(std::string_view table, std::string_view chain, std::uint64_t number);

// What `iptables-save` prints, taken apart. Anything else in it is passed over.
LegacyTexts parse_legacy_rules(std::string_view listing);

// The tool that lists the rules of this family (4, 6): its file, empty where it is not installed.
std::string legacy_tool(int family);

// Of any namespace, listed when a rule of it is first asked for, and again when the table has been
// replaced, when it is a while ago, and, though not too often, when a rule is not known.
class LegacyRules {
 public:
  struct Rule {
    int family = 4;
    std::string_view table;
    std::string_view chain;
    std::uint64_t number = 0;
    std::uint32_t generation = 0;  // as in netfilter_section
  };
  // `file` is the namespace, as in NetnsNames::file(): empty for the one that we are in. The text
  // is empty where it cannot be had.
  std::string text(std::uint32_t inode, const std::string& file, const Rule& rule);

 private:
  using Clock = std::chrono::steady_clock;
  struct Listing {
    LegacyTexts texts;
    std::unordered_map<std::string, std::uint32_t> generations;  // by table
    Clock::time_point taken;
  };

  std::map<std::pair<std::uint32_t, int>, Listing> listings_;  // by namespace and family
  std::map<int, std::string> tools_;                           // by family
};

}  // namespace tracepkt::kernel
