/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Fills records and hands them to the reader, who looks by itself and is never woken. */
#pragma once

#include "bpf/track.bpf.h"

static __always_inline void fill_header(struct record_header *header, struct sk_buff *skb,
					const struct place *place, enum hook_id hook,
					enum stage_id stage, const struct sighting *sighting)
{
	struct net_device *dev = device_at(place);

	header->hook = hook;
	header->stage = stage;
	header->flags = sighting->first ? RECORD_FIRST : 0;
	header->cpu = bpf_get_smp_processor_id();
	header->time_ns = sighting->now_ns;
	header->packet = sighting->id;
	header->netns_cookie = place->netns_cookie;
	header->netns = place->netns;
	header->ifindex = 0;
	header->iif = skb->skb_iif;
	header->ports = 0;
	__builtin_memset(header->ifname, 0, sizeof(header->ifname));
	if (place->dev) {
		header->ifindex = dev->ifindex;
		/* The kernel's own is as long, and lies at a multiple of 8 as ours does. */
		*(__u64 *)header->ifname = number_at(dev->name);
		*(__u64 *)(header->ifname + 8) = number_at(dev->name + 8);
	}
}

/* A record without sections. */
static __always_inline void tell(const struct record_header *header)
{
	struct record_header *record = room_for(sizeof(*record));

	if (!record)
		return;
	*record = *header;
	submit(record);
}

/*
 * The section with the packet's first bytes, of which `window` has some. Of a packet that may quote
 * another one there are more, where there is room for them.
 */
static __always_inline void fill_packet(struct packet_section *packet, struct sk_buff *skb,
					const struct view *view, const __u8 *window)
{
	__u32 captured = view->linear;

	for (int i = 0; i < FILTER_WINDOW; i += sizeof(__u64))
		*(__u64 *)(packet->bytes + i) = *(const __u64 *)(window + i);
	if (captured > FILTER_WINDOW) {
		captured -= FILTER_WINDOW;
		if (!may_be_icmp(window))
			captured = 0;
		if (captured > WINDOW_BYTES - FILTER_WINDOW)
			captured = WINDOW_BYTES - FILTER_WINDOW;
		if (captured && bpf_probe_read_kernel(packet->bytes + FILTER_WINDOW, captured,
						      (void *)(view->start + FILTER_WINDOW)))
			captured = 0;
		captured += FILTER_WINDOW;
	}
	packet->section.id = SECTION_packet;
	packet->section.size = sizeof(*packet);
	packet->len = view->len;
	packet->protocol = view->protocol;
	packet->captured = captured;
	packet->mark = skb->mark;
}
