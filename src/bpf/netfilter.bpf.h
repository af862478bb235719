/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What firewalls say. A base chain's verdict is told when it is through, or when the packet is
 * dropped in it: since 6.1 nftables frees what it drops by itself (NF_DROP_REASON, e0d4593140b0),
 * so that nothing is left of the packet when its chain returns.
 */
#pragma once

#include "bpf/emit.bpf.h"

#define NFPROTO_IPV4 2
#define NFPROTO_ARP 3
#define NFPROTO_NETDEV 5
#define NFPROTO_BRIDGE 7
#define NFPROTO_IPV6 10
#define NF_INET_LOCAL_OUT 3
#define NF_NETDEV_EGRESS 1
#define NF_DROP 0
#define NF_VERDICT_MASK 0xff
#define NFCT_INFOMASK 7
#define IP_CT_UNTRACKED 7

/* enum nft_verdicts */
#define NFT_CONTINUE (-1)

/* enum nft_trace_types, the same in all kernels */
#define NFT_TRACETYPE_POLICY 1
#define NFT_TRACETYPE_RETURN 2

/* Chains have names of up to 255 characters and hold any number of rules; more is not looked at. */
#define RULES_MAX 65536

struct netfilter_record {
	struct record_header header;
	struct netfilter_section netfilter;
};

/* The chain that a packet is in, by the address of its skb. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct netfilter_record);
} chains_entered SEC(".maps");

/* Where the record is put together: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, struct netfilter_record);
} netfilter_room SEC(".maps");

enum netfilter_room_id {
	ROOM_CHAIN, /* of programs at a chain's begin */
	ROOM_RULE,  /* of the program that sees rules of nftables */
	ROOM_LEGACY_RULE,
};

static __always_inline struct netfilter_record *netfilter_room_of(__u32 id)
{
	return bpf_map_lookup_elem(&netfilter_room, &id);
}

static __always_inline void fill_connection(struct netfilter_section *netfilter, __u64 nfct)
{
	struct nf_conn *connection = (struct nf_conn *)(nfct & ~(__u64)NFCT_INFOMASK);

	netfilter->has_ct = 0;
	netfilter->ct_info = 0;
	netfilter->ct_mark = 0;
	netfilter->ct_zone = 0;
	/* What is not to be tracked says so without one (4.12, cc41c84b7e7f). */
	netfilter->ct_info = nfct & NFCT_INFOMASK;
	netfilter->has_ct = connection || netfilter->ct_info == IP_CT_UNTRACKED;
	if (!connection)
		return;
	/* Fields that a kernel may be built without, of a type that is in a module. */
	if (bpf_core_field_exists(connection->mark))
		netfilter->ct_mark = BPF_CORE_READ(connection, mark);
	if (bpf_core_field_exists(connection->zone.id))
		netfilter->ct_zone = BPF_CORE_READ(connection, zone.id);
}

/* All that does not depend on whose chain it is. `id` of a packet that is followed. */
static __always_inline void fill_netfilter(struct netfilter_record *record, struct sk_buff *skb,
					   const struct nf_hook_state *state, enum hook_id hook,
					   __u64 id)
{
	struct sighting sighting = {};
	struct place place = find_place(skb);

	/* What the kernel makes by itself, such as the reset of a REJECT, leaves without a socket.
	 */
	if (!place.netns)
		set_net(&place, &state->net);
	sighting.id = id;
	sighting.now_ns = bpf_ktime_get_ns();
	fill_header(&record->header, skb, &place, hook, STAGE_netfilter, &sighting);
	record->netfilter.section.id = SECTION_netfilter;
	record->netfilter.section.size = sizeof(record->netfilter);
	record->netfilter.kind = NETFILTER_CHAIN;
	record->netfilter.pf = state->pf;
	record->netfilter.hook = state->hook;
	record->netfilter.pad = 0;
	record->netfilter.pad2 = 0;
	record->netfilter.generation = 0;
	record->netfilter.verdict = 0;
	record->netfilter.rule = 0;
	fill_connection(&record->netfilter, as_number((const __u64 *)&skb->_nfct));
	__builtin_memset(record->netfilter.table, 0, sizeof(record->netfilter.table));
	__builtin_memset(record->netfilter.chain, 0, sizeof(record->netfilter.chain));
}

static __always_inline void name_nft_chain(struct netfilter_section *netfilter,
					   const struct nft_chain *chain)
{
	struct nft_table *table = BPF_CORE_READ(chain, table);

	netfilter->backend = NETFILTER_NFTABLES;
	netfilter->family = BPF_CORE_READ_BITFIELD_PROBED(table, family);
	netfilter->generation = BPF_CORE_READ(table, handle);
	bpf_probe_read_kernel_str(netfilter->table, sizeof(netfilter->table),
				  BPF_CORE_READ(table, name));
	bpf_probe_read_kernel_str(netfilter->chain, sizeof(netfilter->chain),
				  BPF_CORE_READ(chain, name));
}

static __always_inline void emit_netfilter(struct netfilter_record *record)
{
	struct netfilter_record *room = room_for(sizeof(*record));

	if (!room)
		return;
	__builtin_memcpy(room, record, sizeof(*room));
	submit(room);
}

/* Tells the verdict of the chain that the packet is in, if it is in one. */
static __always_inline void leave_chain(__u64 skb, __s32 verdict)
{
	struct netfilter_record *entered = bpf_map_lookup_elem(&chains_entered, &skb);

	if (!entered)
		return;
	entered->header.time_ns = bpf_ktime_get_ns();
	entered->netfilter.verdict = verdict & NF_VERDICT_MASK;
	emit_netfilter(entered);
	bpf_map_delete_elem(&chains_entered, &skb);
}
