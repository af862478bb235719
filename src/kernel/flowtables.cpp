#include "kernel/flowtables.h"

#include <nftables/libnftables.h>

#include <algorithm>
#include <memory>

#include "base/lines.h"
#include "base/result.h"
#include "kernel/netns_open.h"

namespace tracepkt::kernel {
namespace {

// Packets that are forwarded so are many: the listing takes a tenth of the time at most.
constexpr auto kUsable = std::chrono::milliseconds(50);
constexpr std::size_t kMaxListings = 1024;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t,\"");
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(" \t,\"") + 1 - begin);
}

// "KEYWORD REST {": REST; empty: it is no such line.
std::string_view opened_by(std::string_view line, std::string_view keyword) {
  line = trimmed(line);
  return line.starts_with(keyword) && line.ends_with('{')
             ? trimmed(line.substr(keyword.size(), line.size() - keyword.size() - 1))
             : std::string_view();
}

// Of the namespace that this thread is in.
std::vector<Flowtable> list_flowtables() {
  const std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> context(nft_ctx_new(NFT_CTX_DEFAULT),
                                                             nft_ctx_free);
  if (!context) {
    return {};
  }
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  if (nft_run_cmd_from_buffer(context.get(), "list flowtables") != 0) {
    return {};
  }
  return parse_flowtables(nft_ctx_get_output_buffer(context.get()));
}

}  // namespace

std::vector<Flowtable> parse_flowtables(std::string_view listing) {
  std::vector<Flowtable> flowtables;
  std::string table;
  while (!listing.empty()) {
    const std::string_view line = take_line(listing);
    if (const std::string_view opened = opened_by(line, "table "); !opened.empty()) {
      table = opened;
    } else if (const std::string_view name = opened_by(line, "flowtable "); !name.empty()) {
      flowtables.push_back({.name = table + ' ' + std::string(name), .devices = {}});
    } else if (trimmed(line).starts_with("devices = {") && !flowtables.empty()) {
      std::string_view rest = line.substr(line.find('{') + 1);
      rest = rest.substr(0, rest.find('}'));
      while (!rest.empty()) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        flowtables.back().devices.emplace_back(trimmed(rest.substr(0, comma)));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
      }
    }
  }
  return flowtables;
}

std::string flowtable_of(const std::vector<Flowtable>& flowtables, std::string_view device) {
  const auto means = [&](const std::string& name) {
    return name.ends_with('*')
               ? device.starts_with(std::string_view(name).substr(0, name.size() - 1))
               : name == device;
  };
  const auto it = std::ranges::find_if(flowtables, [&](const Flowtable& flowtable) {
    return std::ranges::any_of(flowtable.devices, means);
  });
  return it != flowtables.end() ? it->name : "";
}

std::string NamespaceFlowtables::find(std::uint32_t inode, const std::string& file,
                                      std::string_view device) {
  if (listings_.size() >= kMaxListings) {
    listings_.clear();
  }
  const auto now = std::chrono::steady_clock::now();
  const auto [it, is_new] = listings_.try_emplace(inode);
  Listing& listing = it->second;
  if (is_new || now >= listing.usable_until) {
    (void)run_in_netns_file(file, [&]() -> Status {
      listing.flowtables = list_flowtables();
      return {};
    });
    const auto end = std::chrono::steady_clock::now();
    listing.usable_until =
        end + std::max<std::chrono::steady_clock::duration>(kUsable, 10 * (end - now));
  }
  return flowtable_of(listing.flowtables, device);
}

}  // namespace tracepkt::kernel
