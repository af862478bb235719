// Marks packets, so that legacy iptables tells the rules that match them: the kernel calls
// nf_log_trace for each, of packets whose skb->nf_trace is set alone, and nothing but a rule sets
// it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/filter.h"

struct nft_ctx;

namespace tracepkt::kernel {

// A table of nftables in each namespace that has tables of legacy iptables or ip6tables. It comes
// before all else (priority -350), marks (`meta nftrace set 1`) and lets everything pass. It
// belongs to this process (`flags owner`, Linux 5.12), and goes with it, however that ends.
class LegacyMarks {
 public:
  // Marks packets of these protocols, and of those that may hold such a packet inside.
  explicit LegacyMarks(const protocol_sets& protocols);

  // The name of the tables, to tell the user.
  const std::string& table() const { return table_; }

  // A namespace in which packets are marked from now on, or that cannot be done.
  struct Marked {
    std::uint32_t inode = 0;
    std::string logger;  // who writes a line for each rule somewhere else, too; empty: nobody
    std::string error;   // empty: they are marked
  };

  // In every namespace that has such tables now.
  std::vector<Marked> mark_all();
  // Looks whether somebody logs by now where nobody did, and marks fewer packets there.
  std::vector<Marked> look_again();
  bool knows(std::uint32_t inode) const { return places_.contains(inode); }
  // In this one, whose file is `file`, empty for ours. Null where that was tried before.
  std::optional<Marked> mark(std::uint32_t inode, const std::string& file);

 private:
  struct Free {
    void operator()(nft_ctx* context) const;
  };
  using Context = std::unique_ptr<nft_ctx, Free>;

  struct Place {
    std::string file;
    std::string logger;
    Context context;  // null where it failed
  };

  Marked mark_here(std::uint32_t inode, Place& place);

  std::string table_;
  protocol_sets protocols_;
  bool all_logged_ = false;                // net.netfilter.nf_log_all_netns
  std::map<std::uint32_t, Place> places_;  // by namespace
};

// Of how many packets a second at most, where each rule is written to a log, too.
inline constexpr int kLoggedPerSecond = 100;

// The rules of such a table, as nft(8) takes them.
std::string mark_rules(const protocol_sets& protocols, bool limited);

}  // namespace tracepkt::kernel
