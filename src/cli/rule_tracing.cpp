#include "cli/rule_tracing.h"

#include <fmt/format.h>
#include <linux/netfilter.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/text.h"
#include "kernel/chain_hooks.h"
#include "kernel/legacy_rules.h"
#include "kernel/netns_names.h"

namespace tracepkt::cli {
namespace {

using Marked = kernel::LegacyMarks::Marked;

// In one line not more of them.
constexpr std::size_t kMaxNames = 4;

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMaxNames); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > kMaxNames ? fmt::format("{} and {} more", text, names.size() - kMaxNames)
                                  : text;
}

protocol_sets marked_protocols(const kernel::TraceRequest& request) {
  protocol_sets sets = kernel::protocols_of(request);
  if (request.mode == MATCH_FILTER && !request.filter.l3) {
    std::ranges::fill(sets.v4, UINT64_MAX);
    std::ranges::fill(sets.v6, UINT64_MAX);
  }
  return sets;
}

// "; a table inet tracepkt_7_marks in host, web marks packets (nftrace), ..."
std::string words_of(const std::string& table, const std::vector<Marked>& all,
                     kernel::NetnsNames& names) {
  std::vector<std::string> marked;
  std::vector<std::string> logged;
  std::vector<std::string> failed;
  std::string logger;
  std::string error;
  for (const Marked& one : all) {
    std::string name = names.name({.inode = one.inode, .cookie = 0});
    name = name.empty() ? std::to_string(one.inode) : printable(name);
    if (!one.error.empty()) {
      failed.push_back(name);
      error = one.error;
      continue;
    }
    marked.push_back(name);
    if (!one.logger.empty()) {
      logged.push_back(name);
      logger = one.logger;
    }
  }
  std::string text;
  if (!marked.empty()) {
    text += fmt::format(
        "; a table inet {} in {} marks packets (nftrace), so that legacy iptables "
        "tells its rules",
        table, list(marked));
    if (kernel::legacy_tool(4).empty()) {
      text += ", by number alone without iptables-legacy-save";
    }
  }
  if (!logged.empty()) {
    text += fmt::format(
        "; in {} they are logged as well, by {}, of at most {} packets a second "
        "(sysctl net.netfilter.nf_log.2=NONE keeps them out of the log)",
        list(logged), printable(logger), kernel::kLoggedPerSecond);
  }
  if (!failed.empty()) {
    text += fmt::format("; rules of legacy iptables in {} are not told: {}", list(failed),
                        printable(error));
  }
  return text;
}

}  // namespace

Result<RuleTracing> RuleTracing::start(const kernel::TraceRequest& request) {
  const kernel::ChainHooks hooks = kernel::find_chain_hooks();
  if (!hooks.why.empty()) {
    return std::unexpected(Error{.what = "--rules cannot be had here: " + hooks.why,
                                 .hint = "tracepkt doctor shows what can",
                                 .unavailable = true});
  }
  auto started = kernel::RuleTracing::start();
  if (!started) {
    return std::unexpected(started.error());
  }
  RuleTracing tracing(*std::move(started));
  if (hooks.why_no_legacy_rules.empty()) {
    tracing.marks_.emplace(marked_protocols(request));
  }
  return tracing;
}

void RuleTracing::announce() {
  kernel::NetnsNames names;
  fmt::print(stderr,
             "--rules: while tracepkt runs there is an nftables table inet {}, which no packet "
             "passes{}\n",
             tracing_.table(), marks_ ? words_of(marks_->table(), marks_->mark_all(), names) : "");
}

void RuleTracing::look_again() {
  const std::vector<Marked> changed = marks_ ? marks_->look_again() : std::vector<Marked>();
  if (!changed.empty()) {
    kernel::NetnsNames names;
    fmt::print(stderr, "--rules: from now on{}\n",
               words_of(marks_->table(), changed, names).substr(1));
  }
}

void RuleTracing::see(const decode::Event& event) {
  if (!marks_ || !event.netfilter || event.netfilter->backend != NETFILTER_XTABLES ||
      (event.netfilter->family != NFPROTO_IPV4 && event.netfilter->family != NFPROTO_IPV6) ||
      event.netns.inode == 0 || marks_->knows(event.netns.inode)) {
    return;
  }
  const std::uint32_t inode = event.netns.inode;
  kernel::NetnsNames names;
  names.name({.inode = inode, .cookie = 0});
  if (const auto marked = marks_->mark(inode, names.file(inode))) {
    const std::string words = words_of(marks_->table(), {*marked}, names);
    fmt::print(stderr, "--rules: from now on{}\n", words.substr(1));
  }
}

}  // namespace tracepkt::cli
