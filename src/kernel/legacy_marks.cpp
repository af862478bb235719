#include "kernel/legacy_marks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "kernel/netns_open.h"
#include "kernel/netns_scan.h"

namespace tracepkt::kernel {
namespace {

// In what a packet may travel, which is one journey with it; and IPv6's extensions.
constexpr std::array<int, 7> kOuter = {IPPROTO_IPIP, IPPROTO_UDP, IPPROTO_IPV6, IPPROTO_GRE,
                                       IPPROTO_ESP,  IPPROTO_AH,  115 /* L2TP */};
constexpr std::array<int, 4> kExtensions = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
                                            IPPROTO_DSTOPTS};

constexpr int kProtocols = 256;

std::string one_rule(std::string_view all, std::string_view field, const __u64 (&set)[4],
                     std::string_view action) {
  std::string numbers;
  int count = 0;
  for (int protocol = 0; protocol < kProtocols; ++protocol) {
    if ((set[protocol / 64] >> (protocol % 64) & 1) != 0) {
      numbers += fmt::format("{}{}", count == 0 ? "" : ", ", protocol);
      ++count;
    }
  }
  return count == kProtocols ? fmt::format("{} {}\n", all, action)
                             : fmt::format("{} {{ {} }} {}\n", field, numbers, action);
}

// The rest is about the namespace that this thread is in. What /proc/sys/net shows is, too.

std::string word_in(const std::string& path) {
  const std::string text = read_small_file(path);
  return text.substr(0, text.find('\n'));
}

bool has_legacy_tables() {
  return !read_small_file("/proc/thread-self/net/ip_tables_names").empty() ||
         !read_small_file("/proc/thread-self/net/ip6_tables_names").empty();
}

// Who is told of rules beside us, as nf_log_trace() finds him. What the kernel logs by itself, it
// does for the initial namespace alone, where this switch is, unless that says otherwise.
constexpr const char* kAllLogged = "/proc/sys/net/netfilter/nf_log_all_netns";

std::string bound_logger(bool all_logged) {
  for (const int family : {AF_INET, AF_INET6}) {
    std::string logger = word_in(fmt::format("/proc/sys/net/netfilter/nf_log/{}", family));
    const bool writes = logger == "nfnetlink_log" || all_logged || access(kAllLogged, F_OK) == 0;
    if (!logger.empty() && logger != "NONE" && writes) {
      return logger;
    }
  }
  return "";
}

// A file for each namespace that can be found.
NetnsPaths find_namespaces() {
  NetnsPaths files = scan_named_netns("", netns_inode_of_file);
  files.merge(scan_netns_mounts(""));
  for (const auto& [inode, pids] : scan_netns_processes("")) {
    if (!pids.empty()) {
      files.try_emplace(inode, fmt::format("/proc/{}/ns/net", pids.front()));
    }
  }
  return files;
}

}  // namespace

void LegacyMarks::Free::operator()(nft_ctx* context) const { nft_ctx_free(context); }

LegacyMarks::LegacyMarks(const protocol_sets& protocols)
    : table_(fmt::format("tracepkt_{}_marks", getpid())),
      protocols_(protocols),
      all_logged_(word_in(kAllLogged) == "1") {
  const auto add = [](__u64(&set)[4], int protocol) {
    set[protocol / 64] |= __u64{1} << (protocol % 64);
  };
  for (const int protocol : kOuter) {
    add(protocols_.v4, protocol);
    add(protocols_.v6, protocol);
  }
  for (const int protocol : kExtensions) {
    add(protocols_.v6, protocol);
  }
}

std::string mark_rules(const protocol_sets& protocols, bool limited) {
  const std::string action =
      limited ? fmt::format("limit rate {0}/second burst {0} packets meta nftrace set 1",
                            kLoggedPerSecond)
              : "meta nftrace set 1";
  return one_rule("meta nfproto ipv4", "ip protocol", protocols.v4, action) +
         one_rule("meta nfproto ipv6", "ip6 nexthdr", protocols.v6, action);
}

std::vector<LegacyMarks::Marked> LegacyMarks::mark_all() {
  std::vector<Marked> all;
  std::vector<std::pair<std::uint32_t, std::string>> files;
  const std::uint32_t own = netns_inode_of_file("/proc/thread-self/ns/net");
  files.emplace_back(own, "");
  for (const auto& [inode, file] : find_namespaces()) {
    if (inode != own) {
      files.emplace_back(inode, file);
    }
  }
  for (const auto& [inode, file] : files) {
    bool has_tables = false;
    // Where we may not go, a packet's event will tell that there are tables.
    (void)run_in_netns_file(file, [&]() -> Status {
      has_tables = has_legacy_tables();
      return {};
    });
    if (has_tables) {
      if (auto marked = mark(inode, file)) {
        all.push_back(*std::move(marked));
      }
    }
  }
  std::ranges::sort(all, {}, &Marked::inode);
  return all;
}

std::optional<LegacyMarks::Marked> LegacyMarks::mark(std::uint32_t inode, const std::string& file) {
  const auto [it, is_new] = places_.try_emplace(inode);
  if (!is_new) {
    return std::nullopt;
  }
  Place& place = it->second;
  place.file = file;
  Marked marked{.inode = inode, .logger = {}, .error = {}};
  const Status entered = run_in_netns_file(file, [&]() -> Status {
    marked = mark_here(inode, place);
    return {};
  });
  if (!entered) {
    marked.error = entered.error().what;
  }
  return marked;
}

std::vector<LegacyMarks::Marked> LegacyMarks::look_again() {
  std::vector<Marked> all;
  for (auto& entry : places_) {
    const std::uint32_t inode = entry.first;
    Place& place = entry.second;
    if (!place.context || !place.logger.empty()) {
      continue;
    }
    (void)run_in_netns_file(place.file, [&]() -> Status {
      // A file may be another namespace by now.
      if (netns_inode_of_file("/proc/thread-self/ns/net") == inode &&
          !bound_logger(all_logged_).empty()) {
        place.context.reset();  // its table goes with it
        all.push_back(mark_here(inode, place));
      }
      return {};
    });
  }
  return all;
}

LegacyMarks::Marked LegacyMarks::mark_here(std::uint32_t inode, Place& place) {
  Marked marked{.inode = inode, .logger = bound_logger(all_logged_), .error = {}};
  Context context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context) {
    marked.error = "cannot open nftables";
    return marked;
  }
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  const std::string rules = mark_rules(protocols_, !marked.logger.empty());
  const std::string command = fmt::format(
      "table inet {0} {{\nflags owner\n"
      "chain incoming {{\ntype filter hook prerouting priority -350; policy accept;\n{1}}}\n"
      "chain outgoing {{\ntype filter hook output priority -350; policy accept;\n{1}}}\n}}\n",
      table_, rules);
  if (nft_run_cmd_from_buffer(context.get(), command.c_str()) != 0) {
    const std::string why = nft_ctx_get_error_buffer(context.get());
    marked.error = why.substr(0, why.find('\n'));
    return marked;
  }
  place.context = std::move(context);
  place.logger = marked.logger;
  return marked;
}

}  // namespace tracepkt::kernel
