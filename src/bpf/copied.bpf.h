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
	__u32 ifindex;
	__u32 pad;
	__u64 bytes[FILTER_WINDOW / 8]; /* of the packet */
	__u64 read[FILTER_WINDOW / 8];	/* ones where they could be read */
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

	if (known->stage != STAGE_tx || !place->dev || place->netns == known->netns ||
	    skb->network_header != known->offset)
		return false;
	return READ(dev, xdp_state[DRIVER_XDP].prog) || READ(dev, xdp_state[DRIVER_XDP].link);
}

/* Ones in the first `count` bytes of a word. */
__attribute__((noinline)) __u64 first_bytes(int count)
{
	if (count <= 0)
		return 0;
	return count < 8 ? (1ULL << count * 8) - 1 : ~0ULL;
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
	copied->packet.netns = place->netns;
	copied->packet.seen_ns = sighting.now_ns;
	copied->ifindex = device_at(place)->ifindex;
	read_window((__u8 *)copied->bytes, view->start, view->linear);
	for (int i = 0; i < FILTER_WINDOW / 8; i++)
		copied->read[i] = first_bytes((int)view->linear - i * 8);
	return sighting;
}

static __always_inline void end_copied(struct copied *copied)
{
	copied->packet.seen_ns = 0;
	__sync_fetch_and_add(&copied_count, -1);
}

/*
 * Is the packet at `start` such a copy? It is the packet that it was then: all that could be read
 * of it is the same, and of the copy, which is in one piece, there is more to read. What a program
 * has changed is told as another one.
 */
__attribute__((noinline)) bool is_copy(__u64 start, __u32 netns, __u32 ifindex)
{
	const struct copied *copied = this_cpus_copied();
	__u64 other = 0;

	if (!copied || !copied->packet.seen_ns || copied->packet.netns != netns ||
	    copied->ifindex != ifindex ||
	    bpf_ktime_get_ns() - copied->packet.seen_ns >= COPIED_MAX_AGE_NS)
		return false;
#pragma clang loop unroll(disable)
	for (int i = 0; i < FILTER_WINDOW / 8; i++)
		other |= (number_at((void *)(start + i * 8)) ^ copied->bytes[i]) & copied->read[i];
	return !other;
}
