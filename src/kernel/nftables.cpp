#include "kernel/nftables.h"

#include <fmt/format.h>
#include <nftables/libnftables.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/lines.h"
#include "kernel/netns_open.h"
#include "kernel/run_tool.h"

namespace tracepkt::kernel {
namespace {

// Rules may be made while packets pass; listing thousands of them takes tens of milliseconds.
constexpr auto kListAgainAfter = std::chrono::milliseconds(500);

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// "... # handle 7": the number, and what is before it.
struct WithHandle {
  std::string_view text;
  std::uint64_t handle = 0;
};
std::optional<WithHandle> split_handle(std::string_view line) {
  constexpr std::string_view kMark = " # handle ";
  const std::size_t mark = line.rfind(kMark);
  if (mark == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = line.substr(mark + kMark.size());
  WithHandle split{.text = line.substr(0, mark)};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), split.handle);
  return error == std::errc() && end == digits.data() + digits.size() ? std::optional(split)
                                                                      : std::nullopt;
}

// "table ip filter { # handle 7", and behind that, of one with an owner, " progname firewalld"; 0:
// not said.
std::uint64_t handle_of_table(std::string_view line) {
  constexpr std::string_view kMark = "{ # handle ";
  std::uint64_t handle = 0;
  if (const std::size_t mark = line.find(kMark); mark != std::string_view::npos) {
    std::from_chars(line.data() + mark + kMark.size(), line.data() + line.size(), handle);
  }
  return handle;
}

// What a chain says of itself before its rules.
bool is_declaration(std::string_view line) {
  return (line.starts_with("type ") && line.ends_with(';')) ||
         (line.starts_with("comment \"") && line.ends_with('"'));
}

std::string word(std::string_view line, std::size_t number) {
  line = trimmed(line);
  for (; number > 0; --number) {
    line.remove_prefix(std::min(line.find(' '), line.size()));
    line = trimmed(line);
  }
  return std::string(line.substr(0, line.find(' ')));
}

// "meta l4proto udp xt match string counter drop"; newer ones put "string" into quotes.
bool is_foreign(std::string_view rule) {
  return rule.find("xt match ") != rule.npos || rule.find("xt target ") != rule.npos ||
         rule.find("xt watcher ") != rule.npos;
}

// The tool that lists what iptables has put into the tables of that family; empty: there is none.
// Under the plain name it may be the one that lists legacy tables.
std::string save_tool(const std::string& family) {
  const std::string_view name = family == "ip"       ? "iptables"
                                : family == "ip6"    ? "ip6tables"
                                : family == "bridge" ? "ebtables"
                                : family == "arp"    ? "arptables"
                                                     : "";
  if (name.empty()) {
    return "";
  }
  std::string tool = find_tool(fmt::format("{}-nft-save", name));
  if (tool.empty()) {
    tool = find_tool(fmt::format("{}-save", name));
    std::error_code error;
    if (std::filesystem::canonical(tool, error).filename() != "xtables-nft-multi") {
      tool.clear();
    }
  }
  return tool;
}

LegacyTexts list_foreign(const std::string& family) {
  const std::string tool = save_tool(family);
  const auto listing = tool.empty() ? Result<std::string>("") : run_tool(tool);
  return listing ? parse_legacy_rules(*listing) : LegacyTexts();
}

bool is_rule(const LegacyTexts& texts, const std::string& key) {
  const auto it = texts.find(key);
  return it != texts.end() && it->second.starts_with("-A ");
}

// Goes through a listing line by line; it is indented by a tab a level.
class ListingReader {
 public:
  void take(std::string_view line) {
    if (line.starts_with("table ") && line.find('{') != std::string_view::npos) {
      table_ = handle_of_table(line);
      chain_ = {.family = word(line, 1), .table = word(line, 2), .chain = {}};
      in_chain_ = false;
    } else if (line.starts_with("\tchain ")) {
      in_chain_ = true;
      chain_.chain = word(line, 1);
      rule_.clear();
    } else if (line == "\t}" || line == "}") {
      in_chain_ = false;
    } else if (in_chain_) {
      take_rule(trimmed(line));
    }
  }

  RuleListing listing() && { return std::move(listing_); }

 private:
  // A rule with a long set goes on over several lines; its handle ends it.
  void take_rule(std::string_view line) {
    const auto split = split_handle(line);
    if (!split && rule_.empty() && is_declaration(line)) {
      return;
    }
    rule_ += rule_.empty() || line.empty() ? "" : " ";
    rule_ += split ? split->text : line;
    if (split) {
      const RuleId id{.table = table_, .rule = split->handle};
      const std::uint64_t number = ++listing_.rules[chain_];
      if (is_foreign(rule_)) {
        listing_.foreign.push_back({.id = id, .chain = chain_, .number = number});
      }
      listing_.texts.insert_or_assign(id, std::move(rule_));
      rule_.clear();
    }
  }

  RuleListing listing_;
  std::uint64_t table_ = 0;  // its handle
  ChainName chain_;
  std::string rule_;
  bool in_chain_ = false;
};

}  // namespace

void RuleTracing::Free::operator()(nft_ctx* context) const { nft_ctx_free(context); }

Result<RuleTracing> RuleTracing::start() {
  RuleTracing tracing;
  tracing.context_.reset(nft_ctx_new(NFT_CTX_DEFAULT));
  tracing.table_ = fmt::format("tracepkt_{}", getpid());
  nft_ctx* context = tracing.context_.get();
  if (context == nullptr) {
    return failure("cannot open nftables");
  }
  nft_ctx_buffer_output(context);
  nft_ctx_buffer_error(context);
  const std::string command = fmt::format(
      "table inet {} {{\nflags owner\nchain no_packet_passes {{\nmeta nftrace set 1\n}}\n}}\n",
      tracing.table_);
  if (nft_run_cmd_from_buffer(context, command.c_str()) != 0) {
    std::string why = nft_ctx_get_error_buffer(context);
    return failure(fmt::format("--rules cannot put its table into nftables: {}",
                               why.substr(0, why.find('\n'))),
                   "it needs CAP_NET_ADMIN and Linux 5.12 or later; without --rules the chains "
                   "are told");
  }
  return tracing;
}

RuleTexts list_rules() {
  const std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> context(nft_ctx_new(NFT_CTX_DEFAULT),
                                                             nft_ctx_free);
  if (!context) {
    return {};
  }
  nft_ctx_output_set_flags(context.get(), NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_HANDLE);
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  if (nft_run_cmd_from_buffer(context.get(), "list ruleset") != 0) {
    return {};
  }
  RuleListing listing = parse_rules(nft_ctx_get_output_buffer(context.get()));
  name_foreign(listing, list_foreign);
  return std::move(listing.texts);
}

void name_foreign(RuleListing& listing,
                  const std::function<LegacyTexts(const std::string& family)>& list) {
  std::map<std::string, LegacyTexts> by_family;
  for (const ForeignRule& rule : listing.foreign) {
    const auto [it, is_new] = by_family.try_emplace(rule.chain.family);
    if (is_new) {
      it->second = list(rule.chain.family);
    }
    const auto key = [&](std::uint64_t number) {
      return legacy_key(rule.chain.table, rule.chain.chain, number);
    };
    const std::uint64_t last = listing.rules[rule.chain];
    if (is_rule(it->second, key(last)) && !is_rule(it->second, key(last + 1))) {
      listing.texts[rule.id] = it->second[key(rule.number)];
    }
  }
}

RuleListing parse_rules(std::string_view listing) {
  ListingReader reader;
  while (!listing.empty()) {
    reader.take(take_line(listing));
  }
  return std::move(reader).listing();
}

std::string NamespaceRules::text(std::uint32_t inode, const std::string& file, const RuleId& rule) {
  const auto now = std::chrono::steady_clock::now();
  const auto [it, is_new] = listings_.try_emplace(inode);
  Listing& listing = it->second;
  const auto known = listing.texts.find(rule);
  if (known != listing.texts.end() && !is_new) {
    return known->second;
  }
  if (!is_new && now - listing.taken < kListAgainAfter) {
    return "";
  }
  listing.taken = now;
  (void)run_in_netns_file(file, [&]() -> Status {
    listing.texts = list_rules();
    return {};
  });
  const auto found = listing.texts.find(rule);
  return found == listing.texts.end() ? "" : found->second;
}

}  // namespace tracepkt::kernel
