// SPDX-License-Identifier: MIT OR GPL-2.0
/* Empty programs at the hooks that tracepkt ping and trace use: what being there costs. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define EMPTY(name) \
  SEC("tp_btf/" #name) int on_##name(void* ctx) { return 0; }

#define HOOK(id, name, stage, view, says) EMPTY(name)
#include "wire/hooks.def"
#undef HOOK
EMPTY(netif_receive_skb)
EMPTY(skb_copy_datagram_iovec)
EMPTY(kfree_skb)
EMPTY(consume_skb)
