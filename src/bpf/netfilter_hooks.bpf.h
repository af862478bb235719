/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The programs at the functions that run a firewall's chains, one pair for each kind of firewall.
 */
#pragma once

#include "bpf/crossing.bpf.h"
#include "bpf/netfilter.bpf.h"
#include "bpf/shared_buffer.bpf.h"
#include "bpf/unbroken.bpf.h"

/* What is followed with these bytes, unless it was another packet, whose end was not seen. */
static __always_inline bool is_followed(__u64 head, __u64 start)
{
	struct tracked *known = find_tracked(head);

	return known && may_be_same(known->fingerprint, print_at(start));
}

/*
 * The id of the packet that comes to a chain, 0 if it is none to follow. What is made here meets
 * the firewall before any interface's hook: it is seen for the first time then. An interface's own
 * chain on the way out (5.16, 42df6e1d221d) is before that, too.
 */
static __always_inline __u64 id_at_chain(struct sk_buff *skb, const struct nf_hook_state *state,
					 enum hook_id hook)
{
	bool ip = state->pf == NFPROTO_IPV4 || state->pf == NFPROTO_IPV6;
	bool leaves = state->pf == NFPROTO_NETDEV && state->hook == NF_NETDEV_EGRESS;
	__u64 head = head_of(skb);
	__u64 start = head + skb->network_header;
	__u64 address = (__u64)skb;
	bool is_new = leaves && !is_followed(head, start);
	struct tracked *known;

	if (ip ? state->hook == NF_INET_LOCAL_OUT : is_new && !skb->skb_iif)
		on_crossing(skb, hook, STAGE_out, VIEW_OUT);
	if (!tracked_count)
		return 0;
	address = as_number(&address);
	/* What a router had to copy is known by its skb. */
	if (ip || (is_new && skb->skb_iif && had_other_buffer(address, head)))
		return id_in_buffer(address, head, start);
	known = find_told(head);
	return known ? known->id : 0;
}

static __always_inline struct netfilter_record *
enter_chain(struct sk_buff *skb, const struct nf_hook_state *state, enum hook_id hook)
{
	__u64 id = id_at_chain(skb, state, hook);
	struct netfilter_record *record = id ? netfilter_room_of(ROOM_CHAIN) : NULL;

	if (record)
		fill_netfilter(record, skb, state, hook, id);
	return record;
}

static __always_inline void keep_chain(struct sk_buff *skb, struct netfilter_record *record)
{
	__u64 key = (__u64)skb;

	bpf_map_update_elem(&chains_entered, &key, record, BPF_ANY);
}

SEC("fentry/nft_do_chain") int UNBROKEN(on_nft_do_chain, __u64 *ctx)
{
	struct nft_pktinfo *pkt = (struct nft_pktinfo *)ctx[0];
	struct sk_buff *skb = pkt->skb;
	struct netfilter_record *record = enter_chain(skb, pkt->state, HOOK_nft_do_chain);

	if (!record)
		return 0;
	name_nft_chain(&record->netfilter, (const struct nft_chain *)ctx[1]);
	keep_chain(skb, record);
	return 0;
}

SEC("fexit/nft_do_chain") int UNBROKEN(after_nft_do_chain, __u64 *ctx)
{
	struct nft_pktinfo *pkt = (struct nft_pktinfo *)ctx[0];

	leave_chain((__u64)pkt->skb, ctx[2]);
	return 0;
}

/*
 * All rules of a table are replaced at once, by others elsewhere in memory. Where that is is not
 * told: only that it is another place.
 */
static __always_inline __u32 generation_of(const void *rules)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), rules);
	return address * 0x9e3779b97f4a7c15 >> 32;
}

/* Legacy tables have the same kind of function each, with a name of its own. */
static __always_inline int on_xtables(struct sk_buff *skb, const struct nf_hook_state *state,
				      enum hook_id hook, __u8 family, const void *name,
				      const void *rules)
{
	struct netfilter_record *record = enter_chain(skb, state, hook);

	if (!record)
		return 0;
	record->netfilter.backend = NETFILTER_XTABLES;
	record->netfilter.family = family;
	bpf_probe_read_kernel_str(record->netfilter.table, sizeof(record->netfilter.table), name);
	record->netfilter.generation = generation_of(rules);
	keep_chain(skb, record);
	return 0;
}

/*
 * Their arguments, which came in another order before 5.16. Each is loaded in its own branch, and
 * kept apart there: an address in the context that depends on something is refused.
 */
struct xtables_arguments {
	__u64 skb;
	__u64 state;
	__u64 table;
};

static __always_inline struct xtables_arguments xtables_arguments_of(const __u64 *ctx)
{
	struct xtables_arguments arguments;

	if (config.xtables_table_last) {
		arguments.skb = ctx[0];
		arguments.state = ctx[1];
		arguments.table = ctx[2];
		asm volatile(""
			     : "+r"(arguments.skb), "+r"(arguments.state), "+r"(arguments.table));
	} else {
		arguments.table = ctx[0];
		arguments.skb = ctx[1];
		arguments.state = ctx[2];
		asm volatile(""
			     : "+r"(arguments.skb), "+r"(arguments.state), "+r"(arguments.table));
	}
	return arguments;
}

#define XTABLES(function, family, table_type)                                                      \
	SEC("fentry/" #function) int UNBROKEN(on_##function, __u64 *ctx)                           \
	{                                                                                          \
		struct xtables_arguments arguments = xtables_arguments_of(ctx);                    \
                                                                                                   \
		return on_xtables((struct sk_buff *)arguments.skb,                                 \
				  (const struct nf_hook_state *)arguments.state, HOOK_##function,  \
				  family,                                                          \
				  (const void *)arguments.table +                                  \
				      bpf_core_field_offset(struct table_type, name),              \
				  (const void *)arguments.table +                                  \
				      bpf_core_field_offset(struct table_type, private));          \
	}                                                                                          \
	SEC("fexit/" #function) int UNBROKEN(after_##function, __u64 *ctx)                         \
	{                                                                                          \
		leave_chain(xtables_arguments_of(ctx).skb, ctx[3]);                                \
		return 0;                                                                          \
	}

XTABLES(ipt_do_table, NFPROTO_IPV4, xt_table)
XTABLES(ip6t_do_table, NFPROTO_IPV6, xt_table)
XTABLES(arpt_do_table, NFPROTO_ARP, xt_table)
XTABLES(ebt_do_table, NFPROTO_BRIDGE, ebt_table)

/*
 * Dropped in a chain. A program of its own, before the one that tells the drop (programs run in the
 * order in which they are attached): that one has no room left on its stack, and no use for this
 * where chains are not seen.
 */
SEC("hook/kfree_skb") int UNBROKEN(in_chain_kfree_skb, __u64 *ctx)
{
	if (tracked_count)
		leave_chain(ctx[0], NF_DROP);
	return 0;
}

/*
 * With -vv: what is made here is seen for the first time where the IP layer begins to send it, so
 * that the functions on its way out are told as well.
 */
SEC("fentry/__ip_local_out") int UNBROKEN(on_ip_local_out, __u64 *ctx)
{
	return on_crossing((struct sk_buff *)ctx[2], HOOK_ip_local_out, STAGE_out, VIEW_OUT);
}

SEC("fentry/__ip6_local_out") int UNBROKEN(on_ip6_local_out, __u64 *ctx)
{
	return on_crossing((struct sk_buff *)ctx[2], HOOK_ip6_local_out, STAGE_out, VIEW_OUT);
}

/* `rule` is a number: the verifier would follow a pointer from rule to rule. */
struct rule_walk {
	__u64 rule;
	__u64 chain_offset; /* in the last rule */
	const struct nft_chain *chain;
};

/*
 * Reads struct nft_rule_dp (is_last:1, dlen:12, handle:42, the same since it came with 5.17)
 * without its type: that is in a module, and for a function that is no program libbpf looks all
 * types up at every load, which for modules takes CAP_SYS_ADMIN.
 */
static long step_to_last_rule(__u32 index, struct rule_walk *walk)
{
	__u64 rule = 1;

	bpf_probe_read_kernel(&rule, sizeof(rule), (void *)walk->rule);
	if (rule & 1) {
		bpf_probe_read_kernel(&walk->chain, sizeof(walk->chain),
				      (void *)(walk->rule + walk->chain_offset));
		return 1;
	}
	walk->rule += sizeof(rule) + (rule >> 1 & 0xfff);
	return 0;
}

static __always_inline void tell_rule(struct sk_buff *skb, const struct nf_hook_state *state,
				      const struct nft_chain *chain, const struct nft_rule_dp *rule,
				      const struct nft_verdict *verdict, __u32 type)
{
	struct tracked *known = find_told(head_of(skb));
	struct netfilter_record *record = known ? netfilter_room_of(ROOM_RULE) : NULL;

	if (!record || !chain)
		return;
	fill_netfilter(record, skb, state, HOOK_nft_trace_packet, known->id);
	name_nft_chain(&record->netfilter, chain);
	record->netfilter.kind = type == NFT_TRACETYPE_POLICY	? NETFILTER_POLICY
				 : type == NFT_TRACETYPE_RETURN ? NETFILTER_RETURN
								: NETFILTER_RULE;
	if (rule && !BPF_CORE_READ_BITFIELD_PROBED(rule, is_last))
		record->netfilter.rule = BPF_CORE_READ_BITFIELD_PROBED(rule, handle);
	if (verdict)
		record->netfilter.verdict = BPF_CORE_READ(verdict, code);
	emit_netfilter(record);
}

/*
 * Called for each rule that matches, as long as any rule anywhere has `meta nftrace set`. Until 6.3
 * its arguments are (info, chain, type), since then (pkt, verdict, rule, info, type).
 */
SEC("fentry/__nft_trace_packet") int UNBROKEN(on_nft_trace_packet, __u64 *ctx)
{
	struct nft_traceinfo *info = (struct nft_traceinfo *)ctx[0];
	struct rule_walk walk = {};
	__u64 rule;

	if (bpf_core_field_exists(info->pkt)) {
		const struct nft_pktinfo *pkt = info->pkt;

		tell_rule(pkt->skb, pkt->state, (const struct nft_chain *)ctx[1], info->rule,
			  info->verdict, ctx[2]);
		return 0;
	}
	if (!find_told(head_of(((struct nft_pktinfo *)ctx[0])->skb)))
		return 0;
	rule = ctx[2];
	walk.rule = as_number(&rule);
	walk.chain_offset = bpf_core_field_offset(struct nft_rule_dp_last, chain);
	if (walk.rule)
		bpf_loop(RULES_MAX, step_to_last_rule, &walk, 0);
	else
		walk.chain = &((struct nft_traceinfo *)ctx[3])->basechain->chain;
	tell_rule(((struct nft_pktinfo *)ctx[0])->skb, ((struct nft_pktinfo *)ctx[0])->state,
		  walk.chain, (const struct nft_rule_dp *)ctx[2],
		  (const struct nft_verdict *)ctx[1], ctx[4]);
	return 0;
}
