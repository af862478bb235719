#include "journey/legacy_walk.h"

#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace tracepkt::journey {
namespace {

// The chains that a packet is in, one inside of the other.
class OpenChains {
 public:
  bool has(const std::string& name) const {
    return std::ranges::find(names_, name) != names_.end();
  }
  void be_in(const std::string& name) {
    const auto it = std::ranges::find(names_, name);
    if (it != names_.end()) {
      names_.erase(it + 1, names_.end());
    } else {
      names_.push_back(name);
    }
  }

 private:
  std::vector<std::string> names_;
};

bool goes_to(const Rule& rule, const std::string& chain) {
  return rule.text.ends_with(" -g " + chain);
}

void become_return(Rule& rule) {
  rule.raw.kind = NETFILTER_RETURN;
  rule.raw.verdict = NFT_RETURN;
}

// `next`: the chain of the rule that matched after it.
void complete(Rule& rule, const std::string& next, const OpenChains& open) {
  const bool may_be_end = rule.text.empty() && rule.raw.kind == NETFILTER_RETURN;
  rule.raw.kind = NETFILTER_RULE;
  const bool stays = next == rule.raw.chain;
  if (may_be_end || rule.text.ends_with(" -j RETURN") || (!stays && open.has(next))) {
    become_return(rule);
  } else if (stays) {
    rule.raw.verdict = NFT_CONTINUE;
  } else {
    rule.raw.verdict = goes_to(rule, next) ? NFT_GOTO : NFT_JUMP;
  }
}

}  // namespace

bool is_own_table(const decode::Netfilter& netfilter) {
  constexpr std::string_view kBegin = "tracepkt_";
  constexpr std::string_view kEnd = "_marks";
  std::string_view name = netfilter.table;
  if (netfilter.backend != NETFILTER_NFTABLES || !name.starts_with(kBegin) ||
      !name.ends_with(kEnd) || name.size() <= kBegin.size() + kEnd.size()) {
    return false;
  }
  name = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
  return name.find_first_not_of("0123456789") == std::string_view::npos;
}

bool complete_legacy_walk(const decode::Netfilter& base, std::vector<Rule>& rules) {
  OpenChains open;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    Rule& rule = rules[i];
    open.be_in(rule.raw.chain);
    const bool is_last = i + 1 == rules.size();
    if (rule.text.starts_with(':')) {
      if (is_last) {
        rules.pop_back();
        return true;
      }
      rule.text.clear();
      become_return(rule);
    } else if (is_last && rule.text.empty() && rule.raw.kind == NETFILTER_POLICY) {
      rules.pop_back();
    } else if (is_last) {
      rule.raw.kind = NETFILTER_RULE;
      rule.raw.verdict = base.verdict;
    } else {
      complete(rule, rules[i + 1].raw.chain, open);
    }
  }
  return false;
}

}  // namespace tracepkt::journey
