/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Packets whose buffer others hold as well, such as a TCP segment that its sender keeps: a router
 * that has to change one gives it a buffer of its own (pskb_expand_head). It is the same skb still.
 */
#pragma once

#include "bpf/crossing.bpf.h"
#include "bpf/moved.bpf.h"
#include "bpf/unbroken.bpf.h"

/* Those that came in, by the address of the skb. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct former_buffer);
} shared_buffers SEC(".maps");

/* A program of its own, for where chains are seen; whether it comes to the IP layer is seen then.
 */
SEC("hook/netif_receive_skb") int UNBROKEN(keep_netif_receive_skb, __u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct former_buffer buffer = {.head = head_of(skb)};
	struct tracked *known = find_tracked(buffer.head);
	__u64 key = ctx[0];

	if (!known || !BPF_CORE_READ_BITFIELD(skb, cloned))
		return 0;
	buffer.id = known->id;
	bpf_map_update_elem(&shared_buffers, &key, &buffer, BPF_ANY);
	return 0;
}

/* Had this skb another buffer when it came in? */
static __always_inline bool had_other_buffer(__u64 skb, __u64 head)
{
	struct former_buffer *shared = bpf_map_lookup_elem(&shared_buffers, &skb);

	return shared && shared->head != head;
}

/*
 * The id of the packet with this skb, its buffer and its IP header there; 0 if it is not followed.
 * What another packet left at that address is forgotten.
 */
__attribute__((noinline)) __u64 id_in_buffer(__u64 skb, __u64 head, __u64 start)
{
	struct tracked *known = find_tracked(head);
	struct former_buffer *shared;
	__u64 before, print;

	print = print_at(start);
	if (known && may_be_same(known->fingerprint, print))
		return told_id(known);
	if (known)
		forget(head);
	shared = bpf_map_lookup_elem(&shared_buffers, &skb);
	if (!shared || shared->head == head)
		return 0;
	before = shared->head;
	known = find_tracked(before);
	if (!known || known->id != shared->id || known->stage != STAGE_in ||
	    !may_be_same(known->fingerprint, print))
		return 0;
	/* The buffer before is its sender's, and that he frees it says nothing of this packet. */
	if (!follow(head, known, false))
		return 0;
	forget(before);
	known = find_told(head);
	return known ? known->id : 0;
}
