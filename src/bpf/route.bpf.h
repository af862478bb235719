/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the routing tables answered. The hooks have no packet: an answer is kept under where it is
 * asked for, and told with the next that is seen of a packet that goes there.
 */
#pragma once

#include "bpf/emit.bpf.h"

#define LOOPBACK_IFINDEX 1
#define RTN_UNREACHABLE 7
#define ENETUNREACH 101

/* What waits for its neighbour's address is first seen when that is found: after 3 s at most. */
#define ROUTE_MAX_AGE_NS 5000000000

/* Namespaces number their interfaces alike: an ARP request for the destination is looked up there
 * too. */
struct route_key {
	__u8 daddr[16];
	__u32 iif; /* LOOPBACK_IFINDEX for packets that are made here */
	__u32 family;
	__u32 netns; /* inode, of the next hop's device; 0 where there is none */
};

struct route_answer {
	__u64 time_ns;
	struct route_section route;
};

struct route_record {
	struct record_header header;
	struct route_section route;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct route_key);
	__type(value, struct route_answer);
} route_answers SEC(".maps");

/*
 * Could it be about a packet that is asked for? One that came in is under way already. Of one that
 * sets out the protocol is known, unless a program only asks for the route.
 */
static __always_inline bool may_concern(const struct flowi_common *flow, const volatile __u64 *set)
{
	if (flow->flowic_iif != LOOPBACK_IFINDEX)
		return tracked_count != 0;
	if (config.mode != MATCH_ECHO && !config.filter_has_l3)
		return true;
	return !flow->flowic_proto || is_in(set, flow->flowic_proto);
}

static __always_inline void fill_next_hop(struct route_key *key, struct route_answer *answer,
					  const struct fib_nh_common *next)
{
	struct net_device *dev;

	if (!next)
		return;
	answer->route.scope = BPF_CORE_READ(next, nhc_scope);
	answer->route.via_family = BPF_CORE_READ(next, nhc_gw_family);
	if (answer->route.via_family)
		BPF_CORE_READ_INTO(&answer->route.via, next, nhc_gw.ipv6);
	dev = BPF_CORE_READ(next, nhc_dev);
	if (!dev)
		return;
	key->netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
	answer->route.ifindex = BPF_CORE_READ(dev, ifindex);
	BPF_CORE_READ_INTO(&answer->route.ifname, dev, name);
}

static __always_inline void keep_answer(const struct route_key *key, struct route_answer *answer)
{
	answer->time_ns = bpf_ktime_get_ns();
	answer->route.section.id = SECTION_route;
	answer->route.section.size = sizeof(answer->route);
	answer->route.family = key->family;
	bpf_map_update_elem(&route_answers, key, answer, BPF_ANY);
}

SEC("tp_btf/fib_table_lookup") int on_fib_table_lookup(__u64 *ctx)
{
	const struct flowi4 *flow = (const struct flowi4 *)ctx[1];
	struct route_answer answer = {};
	struct route_key key = {};

	if (!may_concern(&flow->__fl_common, config.protocols.v4))
		return 0;
	key.family = AF_INET;
	key.iif = flow->__fl_common.flowic_iif;
	*(__be32 *)key.daddr = flow->daddr;
	answer.route.table = ctx[0];
	answer.route.error = (__s32)ctx[3];
	fill_next_hop(&key, &answer, (const struct fib_nh_common *)ctx[2]);
	keep_answer(&key, &answer);
	return 0;
}

SEC("tp_btf/fib6_table_lookup") int on_fib6_table_lookup(__u64 *ctx)
{
	const struct net *net = (const struct net *)ctx[0];
	const struct fib6_result *result = (const struct fib6_result *)ctx[1];
	const struct fib6_table *table = (const struct fib6_table *)ctx[2];
	const struct flowi6 *flow = (const struct flowi6 *)ctx[3];
	struct route_answer answer = {};
	struct route_key key = {};

	if (!may_concern(&flow->__fl_common, config.protocols.v6))
		return 0;
	key.family = AF_INET6;
	key.iif = flow->__fl_common.flowic_iif;
	answer.route.table = table->tb6_id;
	__builtin_memcpy(key.daddr, flow->daddr.in6_u.u6_addr8, sizeof(key.daddr));
	if (result->f6i == net->ipv6.fib6_null_entry) {
		answer.route.error = -ENETUNREACH;
	} else {
		answer.route.type = result->fib6_type;
		fill_next_hop(&key, &answer, &result->nh->nh_common);
	}
	keep_answer(&key, &answer);
	return 0;
}

/* Tells the answer for the packet whose IP header is at `start`, if there is one of late. */
__attribute__((noinline)) int tell_route(__u64 packet, __u64 start, __u32 iif, __u64 cookie,
					 __u32 netns)
{
	struct route_key key = {.netns = netns}, nowhere;
	struct route_answer *answer, *refusal;
	struct route_record *record;
	__u8 version = 0;

	key.iif = iif ? iif : LOOPBACK_IFINDEX;
	bpf_probe_read_kernel(&version, sizeof(version), (void *)start);
	if (version >> 4 == 4) {
		key.family = AF_INET;
		bpf_probe_read_kernel(key.daddr, 4, (void *)(start + 16));
	} else if (version >> 4 == 6) {
		key.family = AF_INET6;
		bpf_probe_read_kernel(key.daddr, 16, (void *)(start + 24));
	} else {
		return 0;
	}
	answer = bpf_map_lookup_elem(&route_answers, &key);
	nowhere = key;
	nowhere.netns = 0;
	refusal = bpf_map_lookup_elem(&route_answers, &nowhere);
	/* Tables are asked one after the other: the last has the say. */
	if (!answer || (refusal && refusal->time_ns > answer->time_ns))
		answer = refusal;
	if (!answer)
		return 0;
	if (bpf_ktime_get_ns() - answer->time_ns < ROUTE_MAX_AGE_NS) {
		record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
		if (!record) {
			count_loss(LOSS_ring_full);
			return 0;
		}
		__builtin_memset(&record->header, 0, sizeof(record->header));
		record->header.hook =
		    key.family == AF_INET ? HOOK_fib_table_lookup : HOOK_fib6_table_lookup;
		record->header.stage = STAGE_route;
		record->header.cpu = bpf_get_smp_processor_id();
		record->header.time_ns = answer->time_ns;
		record->header.packet = packet;
		record->header.netns_cookie = cookie;
		record->header.netns = netns;
		__builtin_memcpy(&record->route, &answer->route, sizeof(record->route));
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	}
	bpf_map_delete_elem(&route_answers, &key);
	bpf_map_delete_elem(&route_answers, &nowhere);
	return 0;
}
