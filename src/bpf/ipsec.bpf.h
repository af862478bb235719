/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * IPsec. What is made here goes into ESP before any interface is given it, so it is seen for the
 * first time before that; and what came in ESP, in transport mode, goes on to its protocol without
 * another hook. The skb stays the same, its buffer need not: encrypting a TCP segment, whose bytes
 * its sender keeps, takes a new one (skb_cow_data()).
 */
#pragma once

#include "bpf/crossing.bpf.h"
#include "bpf/unbroken.bpf.h"

/* err: 1 where a packet begins to be encrypted, else what became of that (an asynchronous cipher).
 */
SEC("fentry/xfrm_output_resume") int UNBROKEN(on_xfrm_output_resume, __u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[1];
	__u64 head;

	if ((int)ctx[2] <= 0)
		return 0;
	head = head_of(skb);
	if (tracked_count && skb->skb_iif) {
		struct place place = find_place(skb);

		/* A router has made room for the header. */
		follow_moved(head, head + skb->network_header,
			     (__u64)low_half_of(skb) << 32 | place.netns, skb->skb_iif);
	}
	on_crossing(skb, HOOK_xfrm_output_resume, STAGE_out, VIEW_OUT);
	if (tracked_count)
		keep_moving(argument(ctx, 1), head_of(skb));
	return 0;
}

/*
 * The buffer with which this packet came in as ESP, followed there; 0: none is. It is another one
 * now where somebody else held it.
 */
__attribute__((noinline)) __u64 head_of_esp(__u64 head, __u64 skb_and_netns)
{
	struct tracked *known = find_tracked(head);
	__u64 from = head;

	if (!known) {
		from = last_taken_in();
		known = find_tracked(from);
		if (!known || known->skb != skb_and_netns >> 32)
			return 0;
	}
	return known->stage == STAGE_in && known->netns == (__u32)skb_and_netns ? from : 0;
}

/*
 * The packet is out of ESP. `protocol`: of what is inside, where the IP header does not say so yet;
 * else 0. Tells it, if it is followed and this was not told before.
 */
static __always_inline int on_decrypted(struct sk_buff *skb, enum hook_id hook, __u32 protocol)
{
	__u8 window[FILTER_WINDOW] __attribute__((aligned(8)));
	struct record_header header;
	struct sighting sighting;
	struct tracked *known, now;
	struct place place;
	struct view view = {};
	__u64 from;

	if (!tracked_count)
		return 0;
	place = find_place(skb);
	view.head = head_of(skb);
	from = head_of_esp(view.head, (__u64)low_half_of(skb) << 32 | place.netns);
	if (!from || !find_packet(skb, VIEW_OUT, &view) ||
	    !read_window(window, view.start, view.linear))
		return 0;
	if (protocol && window[0] >> 4 == 4) {
		window[9] = protocol;
		*(__be16 *)(window + 2) = bpf_htons(view.len);
	} else if (protocol) {
		window[6] = protocol;
		*(__be16 *)(window + 4) = bpf_htons(view.len - IPV6_HEADER_BYTES);
	}
	now = sighted(skb, &place, &view, window, STAGE_in);
	known = find_tracked(from);
	if (!known || (from == view.head && known->offset == now.offset &&
		       known->fingerprint == now.fingerprint))
		return 0;
	now.id = known->id;
	now.tunnels = known->tunnels ? known->tunnels - 1 : 0;
	sighting = seen_again(&now, STAGE_in);
	if (from == view.head) {
		*known = now;
	} else {
		forget(from);
		follow(view.head, &now, false);
	}
	if (!sighting.id)
		return 0;
	fill_header(&header, skb, &place, hook, STAGE_in, &sighting);
	tell_crossing(&header, skb, &view, window);
	return 0;
}

/*
 * In transport mode, before the firewall's prerouting chains see the packet: its protocol is still
 * ESP, and what it will be is in the control block.
 */
static __always_inline int on_transport_finish(struct sk_buff *skb, enum hook_id hook)
{
	__u8 protocol = 0;

	/* Not in 5.10: such chains cannot be seen there. */
	if (!bpf_core_type_exists(struct xfrm_mode_skb_cb))
		return 0;
	bpf_probe_read_kernel(&protocol, sizeof(protocol),
			      (void *)&skb->cb +
				  bpf_core_field_offset(struct xfrm_mode_skb_cb, protocol));
	return protocol ? on_decrypted(skb, hook, protocol) : 0;
}

SEC("fentry/xfrm4_transport_finish") int UNBROKEN(on_xfrm4_transport_finish, __u64 *ctx)
{
	return on_transport_finish((struct sk_buff *)ctx[0], HOOK_xfrm_transport_finish);
}

SEC("fentry/xfrm6_transport_finish") int UNBROKEN(on_xfrm6_transport_finish, __u64 *ctx)
{
	return on_transport_finish((struct sk_buff *)ctx[0], HOOK_xfrm_transport_finish);
}

/* Behind those chains; it is a packet as any other from here on. */
SEC("fentry/xfrm_trans_queue") int UNBROKEN(on_xfrm_trans_queue, __u64 *ctx)
{
#ifdef WITH_COMMAND
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	__u64 head = head_of(skb);
	struct tracked *known;
#endif

	on_decrypted((struct sk_buff *)ctx[0], HOOK_xfrm_trans_queue, 0);
#ifdef WITH_COMMAND
	/* Its answer will come by here. */
	known = find_tracked(head);
	if (known && !known->tunnels)
		follow_flow(head + skb->network_header, skb->len, known->netns);
#endif
	return 0;
}

/*
 * What nobody asked for as ESP may be asked for now. Which of two programs at a function runs first
 * depends on the kernel.
 */
SEC("fentry/xfrm_trans_queue") int UNBROKEN(first_xfrm_trans_queue, __u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];

	if (tracked_count) {
		struct place place = find_place(skb);

		if (head_of_esp(head_of(skb), (__u64)low_half_of(skb) << 32 | place.netns))
			return 0;
	}
	return on_crossing(skb, HOOK_xfrm_trans_queue, STAGE_in, VIEW_OUT);
}
