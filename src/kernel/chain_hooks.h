// Which of the functions that run a firewall's chains, or IPsec, this kernel lets us attach to.
#pragma once

#include <string>
#include <vector>

namespace tracepkt::kernel {

struct ChainHooks {
  // "nft_do_chain", ...: those of the firewalls that are loaded. A firewall that is not has no
  // chain that a packet could pass.
  std::vector<std::string> functions;
  // Why what is loaded is not in `functions`; empty: all is.
  std::string why;
  // Why rules of legacy iptables cannot be told; empty: they can.
  std::string why_no_legacy_rules;
  // Programs can be attached to functions at all.
  bool takes_fentry = false;
  // There may be IPsec: ESP is loaded, or a part of the kernel itself.
  bool has_esp = false;

  bool sees_ipsec() const { return takes_fentry && has_esp; }

  bool has(const std::string& function) const;
};

ChainHooks find_chain_hooks();

}  // namespace tracepkt::kernel
