/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * A packet whose receiver copies it and frees the original, and no hook is between: a veth with an
 * XDP program does where there is no room before the packet, or others hold its bytes
 * (veth_xdp_rcv_skb() in 5.10, veth_convert_skb_to_xdp_buff() since 5.18). It runs the program on
 * the copy. Where that lets it pass or drops it, the copy is the next packet that this CPU sees
 * there; where it sends it back or elsewhere, no hook sees it. One is kept for each CPU.
 */
#pragma once

#include "bpf/sighting.bpf.h"

/* The program between may take its time, and the machine be an emulated one. */
#define COPIED_MAX_AGE_NS 10000000

struct copied {
	struct tracked packet; /* seen_ns 0: there is none */
	int ifindex;
	int pad;
	__u64 bytes[FILTER_WINDOW / 8]; /* of the packet, zeros behind its end */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct copied);
} copied_packet SEC(".maps");

/* CPUs that keep one: while there are none, nobody needs to look. */
__s64 copied_count SEC(".data.copied");

static __always_inline struct copied *this_cpus_copied(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&copied_packet, &key);
}

/*
 * Freed where it has just arrived, as it was sent, by an interface with such a program; and no hook
 * has seen it there. Not so what leaves by that interface: a tunnel's outer packet, where the
 * tunnel is in another namespace; nor ARP that a bridge brought here, whose other clones, of the
 * same bytes, have left elsewhere since.
 */
static __always_inline bool is_copied(struct sk_buff *skb, const struct tracked *known,
				      const struct place *place)
{
	struct net_device *dev = device_at(place);

	if (known->stage != STAGE_tx || !place->dev || netns_of(place) == known->netns ||
	    skb->network_header != known->offset)
		return false;
	return READ(dev, xdp_state[DRIVER_XDP].prog) || READ(dev, xdp_state[DRIVER_XDP].link);
}

static __always_inline struct sighting
keep_copied(const struct tracked *known, const struct place *place, const struct view *view)
{
	struct sighting sighting = {.id = told_id(known), .now_ns = bpf_ktime_get_ns()};
	struct copied *copied = this_cpus_copied();

	if (!copied)
		return sighting;
	if (!copied->packet.seen_ns)
		__sync_fetch_and_add(&copied_count, 1);
	copied->packet = *known;
	copied->packet.netns = netns_of(place);
	copied->packet.seen_ns = sighting.now_ns;
	copied->ifindex = device_at(place)->ifindex;
	read_window((__u8 *)copied->bytes, view->start, view->linear);
	return sighting;
}

/*
 * Is a packet that is seen for the first time such a copy? It is the packet that it was then: all
 * that could be read of it is the same. What a program has changed is told as another one.
 */
static __always_inline bool take_copied(struct copied *copied, const struct place *place,
					const __u8 *window, struct tracked *now)
{
	const __u64 *words = (const __u64 *)window;
	bool is_copy = place->dev && copied->packet.netns == now->netns &&
		       now->seen_ns - copied->packet.seen_ns < COPIED_MAX_AGE_NS;
	__u64 other = 0;

	for (int i = 0; i < FILTER_WINDOW / 8; i++)
		other |= words[i] ^ copied->bytes[i];
	is_copy = is_copy && !other && device_at(place)->ifindex == copied->ifindex;
	if (is_copy) {
		now->id = copied->packet.id;
		now->tunnels = copied->packet.tunnels;
	}
	copied->packet.seen_ns = 0;
	__sync_fetch_and_add(&copied_count, -1);
	return is_copy;
}
