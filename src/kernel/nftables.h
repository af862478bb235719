// nftables through its own library: the texts of rules, and the table that makes the kernel tell
// which rules match.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "kernel/legacy_rules.h"

struct nft_ctx;

namespace tracepkt::kernel {

// While it exists, the kernel calls __nft_trace_packet for each rule that matches, of any packet in
// any namespace. That is so as long as there is a rule with `meta nftrace set` anywhere
// (nft_trace_enabled, since 4.17): this one is in a chain that no packet passes, so nothing is
// marked or sent. The table belongs to this process (`flags owner`, Linux 5.12): it goes with it,
// however that ends.
class RuleTracing {
 public:
  static Result<RuleTracing> start();

  // Its name, to tell the user.
  const std::string& table() const { return table_; }

 private:
  struct Free {
    void operator()(nft_ctx* context) const;
  };
  RuleTracing() = default;

  std::unique_ptr<nft_ctx, Free> context_;
  std::string table_;
};

// A rule of a namespace. Handles of rules begin anew with each table; those of tables, also of
// tables that are gone, are never used again.
struct RuleId {
  std::uint64_t table = 0;  // its handle
  std::uint64_t rule = 0;   // the same

  auto operator<=>(const RuleId&) const = default;
};

// As `nft list ruleset` writes them.
using RuleTexts = std::map<RuleId, std::string>;

struct ChainName {
  std::string family;
  std::string table;
  std::string chain;

  auto operator<=>(const ChainName&) const = default;
};

// One that iptables has made, with a match or target that nft(8) knows no more of than its name.
struct ForeignRule {
  RuleId id;
  ChainName chain;
  std::uint64_t number = 0;  // in the chain, from 1
};

struct RuleListing {
  RuleTexts texts;
  std::vector<ForeignRule> foreign;
  std::map<ChainName, std::uint64_t> rules;  // how many there are
};

// Of the namespace that this thread is in; what iptables-nft has made and nft cannot say, in
// iptables' own words where that is installed. Empty where there are none, or they cannot be
// listed.
RuleTexts list_rules();

// What `nft -a list ruleset` prints, taken apart. Anything else in it is passed over.
RuleListing parse_rules(std::string_view listing);

// Puts the texts in place that iptables has for the foreign rules, by their numbers; not where a
// chain has another number of rules there. `list`: what iptables-save prints, of a family.
void name_foreign(RuleListing& listing,
                  const std::function<LegacyTexts(const std::string& family)>& list);

// The same for any namespace, listed when a rule of it is first asked for, and again, though not
// too often, when a rule is asked for that is not known.
class NamespaceRules {
 public:
  // `file` is the namespace, as in NetnsNames::file(): empty for the one that we are in. The text
  // is empty where it cannot be had: the rule or the namespace is gone again.
  std::string text(std::uint32_t inode, const std::string& file, const RuleId& rule);

 private:
  struct Listing {
    RuleTexts texts;
    std::chrono::steady_clock::time_point taken;
  };

  std::unordered_map<std::uint32_t, Listing> listings_;
};

}  // namespace tracepkt::kernel
