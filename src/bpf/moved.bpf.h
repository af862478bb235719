/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Packets that go on in another buffer: a router, a tunnel or IPsec makes room, or a device hands
 * on a copy. They are followed there.
 */
#pragma once

#include "bpf/track.bpf.h"

/*
 * A router that puts a header before a packet, or changes what others hold too (a TCP segment is
 * its sender's), makes room for it elsewhere (pskb_expand_head); the skb is the same one. Follows
 * there what was taken in as this skb, the lower half of whose address comes in one number with the
 * network namespace. `iif`: where it came in, 0 if it did not.
 */
__attribute__((noinline)) bool follow_moved(__u64 head, __u64 start, __u64 skb_and_netns, __u32 iif)
{
	__u64 from = iif ? last_taken_in() : head;
	struct tracked *before = from == head ? NULL : find_tracked(from);
	bool followed;
	__s64 id;

	if (!before || before->stage != STAGE_in || before->skb != skb_and_netns >> 32 ||
	    before->netns != (__u32)skb_and_netns ||
	    !is_same_print(before->fingerprint, print_at(start)))
		return false;
	id = before->id;
	before->offset = start - head;
	forget(head); /* of another packet */
	followed = follow(head, before, false);
	/* Meanwhile another CPU may have given its place to a packet of its own. */
	before = find_tracked(head);
	if (before && before->id != id)
		forget(head);
	forget(from);
	return followed;
}

/* Which packet an skb was, and in which buffer. */
struct former_buffer {
	__u64 head;
	__s64 id; /* as in struct tracked */
};

/* Of packets that are being encrypted, or put into a tunnel, by the address of the skb. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct former_buffer);
} moving_packets SEC(".maps");

/* Was there ever one? Else nobody needs to look. */
__u64 has_moving SEC(".data.moving");

__attribute__((noinline)) bool keep_moving(__u64 skb, __u64 head)
{
	struct tracked *known = find_tracked(head);
	struct former_buffer packet = {.head = head};

	if (!known)
		return false;
	packet.id = known->id;
	if (!has_moving)
		has_moving = 1;
	return !bpf_map_update_elem(&moving_packets, &skb, &packet, BPF_ANY);
}

/* ESP, AH, or ESP in UDP. */
__attribute__((noinline)) bool is_ipsec(__u64 start)
{
	__u64 print = print_at(start);
	__u8 protocol = print;

	if (protocol == IPPROTO_UDP) {
		__u64 first = number_at((void *)start);
		__u32 behind = *(const __u8 *)&first >> 4 == 4 ? 20 : IPV6_HEADER_BYTES;
		__u64 transport = number_at((void *)(start + behind));
		const __be16 *ports = (const __be16 *)&transport;

		return ports[0] == bpf_htons(4500) || ports[1] == bpf_htons(4500);
	}
	return protocol == IPPROTO_ESP || protocol == IPPROTO_AH;
}

/*
 * Where what was given to a tunnel's interface begins in the buffer where it is now; 0: it is not
 * in there.
 */
static __always_inline __u64 start_inside(__u64 skb, __u64 head, __u64 print)
{
	__u64 inside = head + READ((struct sk_buff *)skb, inner_network_header);

	return is_same_print(print_at(inside), print) ? inside : 0;
}

/*
 * Is the packet at `start`, with this skb, one that was followed before it was encrypted, or given
 * to a tunnel that had to make room for its header, in a buffer that it is no longer in? Then it is
 * followed there.
 */
__attribute__((noinline)) bool follow_moving(__u64 skb, __u64 head, __u64 start)
{
	struct former_buffer *packet = bpf_map_lookup_elem(&moving_packets, &skb);
	struct tracked *before;
	bool followed;
	__u64 from;

	if (!packet || packet->head == head)
		return false;
	from = packet->head;
	before = find_tracked(from);
	if (!before || before->id != packet->id)
		return false;
	if (before->stage == STAGE_tx) {
		start = start_inside(skb, head, before->fingerprint);
		if (!start)
			return false;
	} else if (before->stage == STAGE_out && is_ipsec(start)) {
		before->tunnels++;
	} else {
		return false;
	}
	before->offset = start - head;
	before->fingerprint = print_at(start);
	forget(head); /* of another packet */
	followed = follow(head, before, false);
	forget(from);
	return followed;
}

/*
 * What is at `start` may be a packet's copy (see copied.bpf.h): follows it then as that packet,
 * which has just come to this interface.
 */
__attribute__((noinline)) bool follow_copy(__u64 head, __u64 start, __u32 netns, __u32 ifindex)
{
	struct copied *copied = this_cpus_copied();
	__u64 now_ns = bpf_ktime_get_ns();
	bool followed;

	if (!copied || !copied->packet.seen_ns)
		return false;
	if (!is_copy(start, netns, ifindex)) {
		if (now_ns - copied->packet.seen_ns >= COPIED_MAX_AGE_NS)
			end_copied(copied);
		return false;
	}
	copied->packet.seen_ns = now_ns;
	copied->packet.fingerprint = print_at(start);
	copied->packet.offset = start - head;
	forget(head); /* of another packet */
	followed = follow(head, &copied->packet, false);
	end_copied(copied);
	return followed;
}
