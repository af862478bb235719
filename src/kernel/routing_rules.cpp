#include "kernel/routing_rules.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/result.h"
#include "kernel/netns_open.h"
#include "kernel/netns_scan.h"
#include "kernel/run_tool.h"

namespace tracepkt::kernel {
namespace {

// Packets that are routed by rules come often: the listing takes a tenth of the time at most.
constexpr auto kUsable = std::chrono::milliseconds(50);
constexpr std::size_t kMaxBytes = 16384;
constexpr std::size_t kMaxListings = 1024;

}  // namespace

const std::string& RoutingRules::list(std::uint32_t inode, const std::string& file,
                                      std::uint8_t family) {
  if (!tool_) {
    tool_ = find_tool("ip");
  }
  if (listings_.size() >= kMaxListings) {
    listings_.clear();
  }
  const auto now = std::chrono::steady_clock::now();
  const auto [it, is_new] = listings_.try_emplace({inode, family});
  Listing& listing = it->second;
  if (tool_->empty() || (!is_new && now < listing.usable_until)) {
    return listing.text;
  }
  (void)run_in_netns_file(file, [&]() -> Status {
    // In one that nothing is known of, the rules would be others.
    if (netns_inode_of_file("/proc/thread-self/ns/net") == inode) {
      listing.text =
          run_tool(*tool_, {"-N", family == AF_INET6 ? "-6" : "-4", "rule", "show"}).value_or("");
    }
    return {};
  });
  if (listing.text.size() > kMaxBytes) {
    listing.text.clear();
  }
  const auto end = std::chrono::steady_clock::now();
  listing.usable_until =
      end + std::max<std::chrono::steady_clock::duration>(kUsable, 10 * (end - now));
  return listing.text;
}

}  // namespace tracepkt::kernel
