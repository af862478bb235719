#include "kernel/nftables.h"

#include <fmt/format.h>
#include <nftables/libnftables.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/lines.h"
#include "kernel/netns_open.h"

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

// Goes through a listing line by line; it is indented by a tab a level.
class ListingReader {
 public:
  void take(std::string_view line) {
    if (line.starts_with("table ") && line.find('{') != std::string_view::npos) {
      table_ = handle_of_table(line);
      in_chain_ = false;
    } else if (line.starts_with("\tchain ")) {
      in_chain_ = true;
      rule_.clear();
    } else if (line == "\t}" || line == "}") {
      in_chain_ = false;
    } else if (in_chain_) {
      take_rule(trimmed(line));
    }
  }

  RuleTexts texts() && { return std::move(texts_); }

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
      texts_.insert_or_assign({.table = table_, .rule = split->handle}, std::move(rule_));
      rule_.clear();
    }
  }

  RuleTexts texts_;
  std::uint64_t table_ = 0;  // its handle
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
  return parse_rules(nft_ctx_get_output_buffer(context.get()));
}

RuleTexts parse_rules(std::string_view listing) {
  ListingReader reader;
  while (!listing.empty()) {
    reader.take(take_line(listing));
  }
  return std::move(reader).texts();
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
