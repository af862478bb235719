/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Packets that wait for their neighbour. What is made here is not seen by any hook before it leaves
 * or is dropped, which may take seconds: it is seen for the first time where it begins to wait.
 */
#pragma once

#include "bpf/crossing.bpf.h"
#include "bpf/unbroken.bpf.h"

/*
 * The packet is told once; that it waits, and for whom, in a record of its own. Another thread will
 * send it: its route is told here.
 */
static __always_inline void on_waiting(struct sk_buff *skb, __u64 neighbour)
{
	__u8 window[FILTER_WINDOW] __attribute__((aligned(8)));
	struct record_header header;
	struct sighting sighting;
	struct place place;
	struct view view;

	sighting = look(skb, STAGE_out, VIEW_OUT, true, false, &place, &view, window);
	if (!sighting.id)
		return;
	fill_header(&header, skb, &place, HOOK_neigh_event_send_done, STAGE_neigh, &sighting);
	if (sighting.first) {
		tell_crossing(&header, skb, &view, window);
		if (config.with_senders && !header.iif)
			tell_sender(sighting.id, as_number((const __u64 *)&place.sk),
				    sighting.now_ns);
	}
	tell_way(&header, &view, as_number((const __u64 *)&skb));
	tell_waiting(sighting.id, neighbour);
}

/*
 * A packet was given to a neighbour whose link address is not known (any more): it is the last in
 * its queue. Another CPU may have sent the queue by now.
 */
SEC("hook/neigh_event_send_done") int UNBROKEN(on_neigh_event_send_done, __u64 *ctx)
{
	struct neighbour *neigh = (struct neighbour *)ctx[0];
	__u64 neighbour = argument(ctx, 0);

	if (keep_wait(neighbour) && neigh->arp_queue.qlen)
		on_waiting(neigh->arp_queue.prev, neighbour);
	return 0;
}
