/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Fills records and hands them to the reader, who looks by itself and is never woken. */
#pragma once

#include "bpf/track.bpf.h"

static __always_inline void fill_header(struct record_header *header, struct sk_buff *skb,
					const struct place *place, enum hook_id hook,
					enum stage_id stage, const struct sighting *sighting)
{
	struct net_device *dev = device_at(place);
	struct net *net = NULL;

	header->hook = hook;
	header->stage = stage;
	header->flags = sighting->first ? RECORD_FIRST : 0;
	header->cpu = bpf_get_smp_processor_id();
	header->time_ns = sighting->now_ns;
	header->packet = sighting->id;
	header->netns_cookie = 0;
	header->netns = 0;
	header->ifindex = 0;
	header->iif = skb->skb_iif;
	header->ports = 0;
	__builtin_memset(header->ifname, 0, sizeof(header->ifname));
	if (place->dev) {
		header->ifindex = dev->ifindex;
		__builtin_memcpy(header->ifname, dev->name, sizeof(header->ifname));
		net = dev->nd_net.net;
	} else if (place->sk) {
		net = socket_at(place)->__sk_common.skc_net.net;
	}
	if (net) {
		header->netns = net->ns.inum;
		if (bpf_core_field_exists(net->net_cookie))
			header->netns_cookie = net->net_cookie;
	}
}

/*
 * The section around the window, which `bytes` already begins with. A packet that may quote another
 * one gets all the room there is. Returns how many bytes of the section are in use.
 */
static __always_inline __u32 fill_packet(struct packet_section *packet, struct sk_buff *skb,
					 const struct view *view)
{
	__u32 captured = view->linear;
	__u8 *more = packet->bytes + FILTER_WINDOW;

	__builtin_memset(more, 0, WINDOW_BYTES - FILTER_WINDOW);
	if (captured > FILTER_WINDOW) {
		captured -= FILTER_WINDOW;
		if (!may_be_icmp(packet->bytes))
			captured = 0;
		if (captured > WINDOW_BYTES - FILTER_WINDOW)
			captured = WINDOW_BYTES - FILTER_WINDOW;
		if (captured &&
		    bpf_probe_read_kernel(more, captured, (void *)(view->start + FILTER_WINDOW)))
			captured = 0;
		captured += FILTER_WINDOW;
	}
	packet->section.id = SECTION_packet;
	packet->section.size = offsetof(struct packet_section, bytes) + captured;
	packet->len = view->len;
	packet->protocol = view->protocol;
	packet->captured = captured;
	packet->mark = skb->mark;
	return packet->section.size;
}

/* The packet's section is the record's last, so that the record ends where its bytes end. */
static __always_inline void emit(void *record, __u64 size, __u32 max_size)
{
	/* The compiler knows that size fits; the verifier of 5.10 does not, and wants to see it. */
	asm volatile("" : "+r"(size));
	if (size > max_size)
		return;
	if (bpf_ringbuf_output(&events, record, size, BPF_RB_NO_WAKEUP))
		count_loss(LOSS_ring_full);
}
