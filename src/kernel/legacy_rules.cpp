#include "kernel/legacy_rules.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "kernel/netns_open.h"
#include "kernel/run_tool.h"

namespace tracepkt::kernel {
namespace {

// A table that was replaced twice may look like the first one.
constexpr auto kListAnyway = std::chrono::seconds(2);
constexpr auto kListAgainAfter = std::chrono::milliseconds(500);

// The lines of a listing. A comment may have a newline in it: within quotes it ends no line.
std::vector<std::string_view> lines_of(std::string_view listing) {
  std::vector<std::string_view> lines;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < listing.size(); ++i) {
    if (quoted && listing[i] == '\\') {
      ++i;
    } else if (listing[i] == '"') {
      quoted = !quoted;
    } else if (listing[i] == '\n' && !quoted) {
      lines.push_back(listing.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  return lines;
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

// ":INPUT ACCEPT [12:840]" without what is in brackets.
std::string_view without_counters(std::string_view line) { return line.substr(0, line.find(" [")); }

// Goes through a listing line by line.
class ListingReader {
 public:
  void take(std::string_view line) {
    if (line.starts_with('#')) {
      return;
    }
    if (line.starts_with('*')) {
      table_ = line.substr(1);
      chains_.clear();
    } else if (line.starts_with(':')) {
      chains_[std::string(first_word(line.substr(1)))] = {.end =
                                                              std::string(without_counters(line))};
    } else if (line.starts_with("-A ")) {
      const std::string name(first_word(line.substr(3)));
      texts_[legacy_key(table_, name, ++chains_[name].rules)] = line;
    } else if (line == "COMMIT") {
      for (const auto& [name, chain] : chains_) {
        texts_[legacy_key(table_, name, chain.rules + 1)] = chain.end;
      }
      chains_.clear();
    }
  }

  LegacyTexts texts() && { return std::move(texts_); }

 private:
  struct Chain {
    std::string end;  // what its declaration says
    std::uint64_t rules = 0;
  };

  LegacyTexts texts_;
  std::string table_;
  std::map<std::string, Chain> chains_;  // of the table
};

// Of the namespace that this thread is in.
LegacyTexts list_legacy_rules(const std::string& tool) {
  const auto listing = run_tool(tool);
  return listing ? parse_legacy_rules(*listing) : LegacyTexts();
}

}  // namespace

std::string legacy_key(std::string_view table, std::string_view chain, std::uint64_t number) {
  return fmt::format("{} {} {}", table, chain, number);
}

LegacyTexts parse_legacy_rules(std::string_view listing) {
  ListingReader reader;
  for (const std::string_view line : lines_of(listing)) {
    reader.take(line);
  }
  return std::move(reader).texts();
}

std::string legacy_tool(int family) {
  return find_tool(family == 6 ? "ip6tables-legacy-save" : "iptables-legacy-save");
}

std::string LegacyRules::text(std::uint32_t inode, const std::string& file, const Rule& rule) {
  if (!tools_.contains(rule.family)) {
    tools_[rule.family] = legacy_tool(rule.family);
  }
  const std::string& tool = tools_[rule.family];
  if (tool.empty()) {
    return "";
  }
  const std::string key = legacy_key(rule.table, rule.chain, rule.number);
  const auto now = Clock::now();
  const auto [it, is_new] = listings_.try_emplace({inode, rule.family});
  Listing& listing = it->second;
  const auto [generation, is_first] =
      listing.generations.try_emplace(std::string(rule.table), rule.generation);
  const bool replaced = generation->second != rule.generation;
  const auto known = listing.texts.find(key);
  const auto age = now - listing.taken;
  if (!is_new && !replaced &&
      (known != listing.texts.end() ? age < kListAnyway : age < kListAgainAfter)) {
    return known != listing.texts.end() ? known->second : "";
  }
  listing.taken = now;
  generation->second = rule.generation;
  (void)run_in_netns_file(file, [&]() -> Status {
    listing.texts = list_legacy_rules(tool);
    return {};
  });
  const auto found = listing.texts.find(key);
  return found == listing.texts.end() ? "" : found->second;
}

}  // namespace tracepkt::kernel
