/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * A packet whose receiver copies it and frees the original, and no hook is between: a veth with an
 * XDP program does where there is no room before the packet, or others hold its bytes
 * (veth_xdp_rcv_skb() in 5.10, veth_convert_skb_to_xdp_buff() since 5.18). It runs the program on
 * the copy, and hands that on or frees it, before it looks at another packet: one is kept for each
 * CPU.
 */
#pragma once

#include "bpf/sighting.bpf.h"

/* The program between may take its time, and the machine be an emulated one. */
#define COPIED_MAX_AGE_NS 10000000

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tracked);
} copied_packet SEC(".maps");

/* CPUs that keep one: while there are none, nobody needs to look. */
__s64 copied_count SEC(".data.copied");

/*
 * Freed where it has just arrived, by an interface with such a program, and no hook has seen it
 * there. A bridge's clones share their bytes: of ARP that one of them brought here, the last that
 * was seen may be another one's leaving.
 */
static __always_inline bool is_copied(const struct tracked *known, const struct place *place)
{
	struct net_device *dev = device_at(place);

	if (known->stage != STAGE_tx || !place->dev || netns_of(place) == known->netns)
		return false;
	return BPF_CORE_READ(dev, xdp_state[DRIVER_XDP].prog) ||
	       BPF_CORE_READ(dev, xdp_state[DRIVER_XDP].link);
}

static __always_inline struct sighting keep_copied(const struct tracked *known, __u32 netns)
{
	struct sighting sighting = {.id = told_id(known), .now_ns = bpf_ktime_get_ns()};
	__u32 key = 0;
	struct tracked *copied = bpf_map_lookup_elem(&copied_packet, &key);

	if (!copied)
		return sighting;
	if (!copied->seen_ns)
		__sync_fetch_and_add(&copied_count, 1);
	*copied = *known;
	copied->netns = netns;
	copied->seen_ns = sighting.now_ns;
	return sighting;
}

/* Is a packet that is seen for the first time such a copy? It is the packet that it was then. */
static __always_inline bool take_copied(struct tracked *now)
{
	__u32 key = 0;
	struct tracked *copied = bpf_map_lookup_elem(&copied_packet, &key);
	bool is_copy;

	if (!copied || !copied->seen_ns)
		return false;
	is_copy = copied->netns == now->netns && copied->fingerprint == now->fingerprint &&
		  now->seen_ns - copied->seen_ns < COPIED_MAX_AGE_NS;
	if (is_copy) {
		now->id = copied->id;
		now->tunnels = copied->tunnels;
	}
	copied->seen_ns = 0;
	__sync_fetch_and_add(&copied_count, -1);
	return is_copy;
}
