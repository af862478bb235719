// SPDX-License-Identifier: MIT OR GPL-2.0
/* The programs: one per hook. What they have in common is in the headers, in order of the way. */
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/unbroken.bpf.h"
#include "bpf/packet.bpf.h"
#include "bpf/match.bpf.h"
#include "bpf/track.bpf.h"
#include "bpf/emit.bpf.h"
#include "bpf/route.bpf.h"
#include "bpf/crossing.bpf.h"
#include "bpf/icmp.bpf.h"
#include "bpf/waiting.bpf.h"
#include "bpf/netfilter.bpf.h"
#include "bpf/netfilter_hooks.bpf.h"
#include "bpf/netfilter_legacy.bpf.h"
#include "bpf/ipsec.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct drop_record {
	struct record_header header;
	struct drop_section drop;
	struct packet_section packet;
};

struct socket_record {
	struct record_header header;
	struct socket_section socket;
};

#define HOOK(id, name, stage, view, says)                                                          \
	SEC("hook/" #name) int UNBROKEN(on_##name, __u64 *ctx)                                     \
	{                                                                                          \
		return on_crossing((struct sk_buff *)ctx[0], HOOK_##name, STAGE_##stage, view);    \
	}
#include "wire/hooks.def"
#undef HOOK

/* It looked as if the IP layer would take it in, and no longer does: nobody else will tell. */
static __always_inline void on_turned_away(struct sk_buff *skb, const struct place *place)
{
	struct record_header header;
	struct sighting sighting;
	struct view view;

	sighting = look_again(skb, place, STAGE_rx, VIEW_IN, &view);
	if (!sighting.rx_ns)
		return;
	fill_header(&header, skb, place, HOOK_netif_rx, STAGE_rx, &sighting);
	tell_received(&header, &sighting);
}

SEC("hook/netif_receive_skb") int UNBROKEN(on_netif_receive_skb, __u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct tracked *known = find_tracked(head_of(skb));
	struct place place;

	/* Whatever comes in was seen by an interface's hook before: no first sight here. */
	if (!known)
		return 0;
	place = find_place(skb);
	if (!(goes_to_ip(skb, &place) && !tag_of(skb)) && !upper_to_ip(skb, &place)) {
		if (known->rx_ns)
			on_turned_away(skb, &place);
		return 0;
	}
	keep_taken_in(head_of(skb));
	return on_crossing(skb, HOOK_netif_receive_skb, STAGE_in, VIEW_IN);
}

static __always_inline __u64 socket_inode(const struct place *place)
{
	struct sock *sk = socket_at(place);

	return place->sk && is_whole_socket(sk->__sk_common.skc_state) ? inode_of(sk) : 0;
}

/* A reader copies the packet out of its socket. */
SEC("hook/skb_copy_datagram_iovec") int UNBROKEN(on_skb_copy_datagram_iovec, __u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct record_header header;
	struct socket_record *record;
	struct sighting sighting;
	struct place place;
	struct view view;
	struct sock *sk;

	if (!tracked_count)
		return 0;
	place = find_place(skb);
	sk = socket_at(&place);
	/* Who captures packets only looks on. */
	if (place.sk && sk->__sk_common.skc_family == AF_PACKET)
		return 0;
	sighting = look_again(skb, &place, STAGE_deliver, VIEW_OUT, &view);
	if (!sighting.id)
		return 0;
	fill_header(&header, skb, &place, HOOK_skb_copy_datagram_iovec, STAGE_deliver, &sighting);
	if (sighting.translated)
		tell_translated(&header, &view);
	tell_way(&header, &view, as_number(ctx));
	record = room_for(sizeof(*record));
	if (!record)
		return 0;
	record->header = header;
	__builtin_memset(&record->socket, 0, sizeof(record->socket));
	record->socket.section.id = SECTION_socket;
	record->socket.section.size = sizeof(record->socket);
	if (place.sk) {
		record->socket.family = sk->__sk_common.skc_family;
		record->socket.type = sk->sk_type;
		record->socket.protocol = sk->sk_protocol;
	}
	record->socket.inode = config.with_senders ? socket_inode(&place) : 0;
	record->socket.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(record->socket.comm, sizeof(record->socket.comm));
	submit(record);
	return 0;
}

/*
 * Has the IP layer not taken it in? The first that ip_rcv_core() and ip6_rcv_core() do with it is
 * to note in their part of cb (inet_skb_parm, inet6_skb_parm) which interface it came by. What was
 * there before is its length at most times. Nothing of that is left where a protocol had it.
 */
static __always_inline bool is_before_ip(struct sk_buff *skb)
{
	return skb->skb_iif && (__u32)number_at(skb->cb) != (__u32)skb->skb_iif;
}

/*
 * Was it sent to all on its link, or is it this machine's own copy of what goes out to many? Or was
 * it sent here for all on another link of this machine's?
 */
static __always_inline bool is_for_all(struct sk_buff *skb)
{
	__u32 type = BPF_CORE_READ_BITFIELD(skb, pkt_type);
	const struct rtable *route = (void *)(READ(skb, _skb_refdst) & ~SKB_DST_NOREF);

	if (type == PACKET_BROADCAST || type == PACKET_LOOPBACK)
		return true;
	return route && skb->skb_iif && skb->protocol == bpf_htons(ETH_P_IP) &&
	       !(READ(route, dst.flags) & DST_METADATA) && READ(route, rt_type) == RTN_BROADCAST;
}

/*
 * Of a broadcast or multicast that is made here this machine's own copy comes first, and has no
 * socket.
 */
static __always_inline bool is_sent_to_many(struct sk_buff *skb)
{
	const struct rtable *route = (void *)(READ(skb, _skb_refdst) & ~SKB_DST_NOREF);

	return route && skb->sk && skb->protocol == bpf_htons(ETH_P_IP) &&
	       (READ(route, rt_type) == RTN_BROADCAST || READ(route, rt_type) == RTN_MULTICAST);
}

/*
 * Dropped. A packet that no interface has seen yet, such as one that a firewall kept from leaving,
 * is matched here.
 */
SEC("hook/kfree_skb") int UNBROKEN(on_kfree_skb, __u64 *ctx)
{
	__u8 window[FILTER_WINDOW] __attribute__((aligned(8)));
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct record_header header;
	struct sighting sighting;
	struct drop_record *record;
	struct place place;
	struct view view;
	bool last;

	sighting =
	    look(skb, STAGE_drop, VIEW_OUT, !config.drops_only, false, &place, &view, window);
	last = is_last_holder(skb);
	if (!sighting.id) {
		if (sighting.silent && last)
			forget(view.head);
		return 0;
	}
	if (last)
		forget(view.head);
	fill_header(&header, skb, &place, HOOK_kfree_skb, STAGE_drop, &sighting);
	if (last)
		header.flags |= RECORD_LAST;
	tell_received(&header, &sighting);
	tell_way(&header, &view, as_number(ctx));
	if (config.with_neighbours)
		tell_lost_neighbour(sighting.id, as_number(ctx), view.start);
	if (config.with_senders && !header.iif &&
	    (sighting.first || (sighting.before == STAGE_drop && is_sent_to_many(skb))))
		tell_sender(sighting.id, as_number((const __u64 *)&place.sk), sighting.now_ns);
	record = room_for(sizeof(*record));
	if (!record)
		return 0;
	record->header = header;
	record->drop.section.id = SECTION_drop;
	record->drop.section.size = sizeof(record->drop);
	record->drop.location = ctx[1];
	record->drop.reason = 0;
	record->drop.has_reason = 0;
	record->drop.before_ip = forgotten(is_before_ip(skb));
	record->drop.broadcast = is_for_all(skb);
	record->drop.pad = 0;
	record->drop.socket = config.drops_only ? socket_inode(&place) : 0;
	/* The reason came with its enum (5.17, c504e5c2f964). */
	if (bpf_core_type_exists(enum skb_drop_reason)) {
		record->drop.has_reason = 1;
		record->drop.reason = ctx[2];
	}
	fill_packet(&record->packet, skb, &view, window);
	submit(record);
	return 0;
}

/* Freed without complaint. Only the last holder's going is an end. */
SEC("hook/consume_skb") int UNBROKEN(on_consume_skb, __u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	__u64 head = head_of(skb);
	struct tracked *known = find_tracked(head);
	struct record_header header;
	struct sighting sighting;
	struct place place;
	struct view view;
	bool last;

	if (!known)
		return 0;
	/* The bytes were last read on another CPU, and are on their way from there until needed. */
	fetch(head + skb->network_header);
	last = is_last_holder(skb);
	place = find_place(skb);
	if (is_copied(skb, known, &place) && find_packet(skb, VIEW_OUT, &view)) {
		sighting = keep_copied(known, &place, &view);
		if (last)
			forget(head);
		if (!sighting.id)
			return 0;
		/* It goes on from the interface that it has come to. */
		fill_header(&header, skb, &place, HOOK_consume_skb, STAGE_end, &sighting);
		header.iif = header.ifindex;
		tell(&header);
		return 0;
	}
	if (!last)
		return 0;
	sighting = look_again(skb, &place, STAGE_end, VIEW_OUT, &view);
	if (sighting.id || sighting.silent)
		forget(head);
	if (!sighting.id)
		return 0;
	fill_header(&header, skb, &place, HOOK_consume_skb, STAGE_end, &sighting);
	/* NAT may have given it another port since it came in. */
	if (skb->transport_header != 0xffff)
		header.ports = number_at((void *)(head + skb->transport_header));
	header.flags |= RECORD_LAST;
	if (sighting.translated)
		tell_translated(&header, &view);
	tell_received(&header, &sighting);
	tell_way(&header, &view, as_number(ctx));
	tell(&header);
	return 0;
}
