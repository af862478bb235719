/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* A packet at a hook: is it one to follow, and what does it look like there? */
#pragma once

#include "bpf/emit.bpf.h"
#include "bpf/moved.bpf.h"
#include "bpf/neighbour.bpf.h"
#include "bpf/notes.bpf.h"
#include "bpf/route.bpf.h"

struct crossing_record {
	struct record_header header;
	struct packet_section packet;
};

/* Received and taken in, in one. */
struct taken_in_record {
	struct record_header header;
	struct before_section before;
	struct packet_section packet;
};

/* With whose packet it is. */
struct sent_record {
	struct record_header header;
	struct socket_section socket;
	struct packet_section packet;
};

/*
 * Reads the packet's place and first bytes, and says which packet it is. Most packets are nobody's
 * concern, and nothing is read of those that does not tell it.
 */
static __always_inline struct sighting look(struct sk_buff *skb, enum stage_id stage,
					    enum view_kind kind, bool keep, bool leave_untold,
					    struct place *place, struct view *view, __u8 *window)
{
	*view = (struct view){};
	if (!find_packet(skb, kind, view)) {
		view->head = head_of(skb);
		*place = find_place(skb);
		return sight_again(skb, place, view, NULL, stage);
	}
	if (has_moving && tracked_count &&
	    (is_either(stage, STAGE_tx, STAGE_drop) || stage == STAGE_out))
		follow_moving(as_number((const __u64 *)&skb), head_of(skb), view->start);
	if (!may_match(view) && !find_tracked(head_of(skb)))
		return (struct sighting){};
	view->head = head_of(skb);
	view->linear = forgotten(view->linear);
	view->protocol = forgotten(view->protocol);
	*place = find_place(skb);
	if (!read_window(window, view->start, view->linear)) {
		count_loss(LOSS_unreadable);
		view->linear = 0;
		return sight_again(skb, place, view, NULL, stage);
	}
	if (is_either(stage, STAGE_tx, STAGE_drop) && tracked_count)
		follow_moved(view->head, view->start, (__u64)low_half_of(skb) << 32 | place->netns,
			     skb->skb_iif);
	if (is_either(stage, STAGE_rx, STAGE_drop) && copied_count)
		follow_copy(view->head, view->start, place->netns, READ(device_at(place), ifindex));
	return sight(skb, place, view, window, stage, keep, leave_untold);
}

/* The same where no packet is seen for the first time. */
static __always_inline struct sighting look_again(struct sk_buff *skb, const struct place *place,
						  enum stage_id stage, enum view_kind kind,
						  struct view *view)
{
	__u8 window[FILTER_WINDOW] __attribute__((aligned(8)));

	*view = (struct view){.head = head_of(skb)};
	if (!find_packet(skb, kind, view) || !read_window(window, view->start, view->linear)) {
		*view = (struct view){.head = head_of(skb)};
		return sight_again(skb, place, view, NULL, stage);
	}
	/* A router has changed it, and now refuses it. */
	if (tracked_count && stage == STAGE_icmp)
		follow_moved(view->head, view->start, (__u64)low_half_of(skb) << 32 | place->netns,
			     skb->skb_iif);
	return sight_again(skb, place, view, window, stage);
}

/* What the routing tables said of this packet before it came here, if they were asked. */
static __always_inline int tell_way(const struct record_header *header, const struct view *view,
				    __u64 skb)
{
	__u64 place = header->netns;

	if (header->stage == STAGE_drop)
		place |= PLACE_DROPPED;
	if (header->stage == STAGE_tx)
		place |= PLACE_LEAVES;
	return config.with_routes &&
	       tell_route(header->packet, view->start, skb, header->netns_cookie, place);
}

/* Tells that the packet is where the header says. */
static __always_inline void tell_crossing(const struct record_header *header, struct sk_buff *skb,
					  const struct view *view, const __u8 *window)
{
	struct crossing_record *record = room_for(sizeof(*record));

	if (!record)
		return;
	record->header = *header;
	fill_packet(&record->packet, skb, view, window);
	submit(record);
}

/* The same, of one whose sender is known: false if that must be told apart. */
static __always_inline bool tell_sent(const struct record_header *header, struct sk_buff *skb,
				      const struct view *view, const __u8 *window, __u64 socket)
{
	struct sock *sk = (struct sock *)socket;
	struct told_socket *told = find_told_socket(sk, header->netns);
	struct sent_record *record;
	bool is_told;

	if (!told || sizeof(*record) > RING_RECORD_MAX) {
		tell_crossing(header, skb, view, window);
		return false;
	}
	record = room_for(sizeof(*record));
	if (!record) {
		count_loss(LOSS_ring_full); /* the sender's, too */
		return true;
	}
	record->header = *header;
	is_told = take_told(&record->socket, told, sk, inode_of(sk));
	record->socket.section.id = SECTION_socket;
	record->socket.section.size = sizeof(record->socket);
	if (!is_told)
		record->socket.inode = 0;
	fill_packet(&record->packet, skb, view, window);
	submit(record);
	return is_told;
}

/* Tells that the packet is where the header says, and that it was received there before. */
static __always_inline void tell_taken_in(const struct record_header *header,
					  const struct sighting *sighting, struct sk_buff *skb,
					  const struct view *view, const __u8 *window)
{
	struct taken_in_record *record = room_for(sizeof(*record));

	if (!record) {
		count_loss(LOSS_ring_full); /* two events are */
		return;
	}
	record->header = *header;
	__builtin_memset(&record->before, 0, sizeof(record->before));
	record->before.section.id = SECTION_before;
	record->before.section.size = sizeof(record->before);
	record->before.cpu = sighting->rx_cpu;
	record->before.time_ns = sighting->rx_ns;
	record->before.hook = HOOK_netif_rx;
	record->before.stage = STAGE_rx;
	fill_packet(&record->packet, skb, view, window);
	submit(record);
}

/*
 * Tells, where the packet ends or goes another way than to the IP layer, that it was received
 * before: `header` is of the hook that sees it now, and has more to say of it.
 */
static __always_inline void tell_received(const struct record_header *header,
					  const struct sighting *sighting)
{
	struct record_header *record;

	if (!sighting->rx_ns)
		return;
	record = room_for(sizeof(*record));
	if (!record)
		return;
	*record = *header;
	record->hook = HOOK_netif_rx;
	record->stage = STAGE_rx;
	record->flags = 0;
	record->cpu = sighting->rx_cpu;
	record->time_ns = sighting->rx_ns;
	record->ports = 0;
	submit(record);
}

/*
 * Tells, where the packet ends in this namespace, what NAT made of it when it had come in: no hook
 * sees it between. `header` is of the hook that sees it now.
 */
static __always_inline void tell_translated(const struct record_header *header,
					    const struct view *view)
{
	struct crossing_record *record = room_for(sizeof(*record));

	if (!record)
		return;
	record->header = *header;
	record->header.stage = STAGE_nat;
	record->header.flags = 0;
	record->header.ports = 0;
	record->packet.section.id = SECTION_packet;
	record->packet.section.size = sizeof(record->packet);
	record->packet.len = view->len;
	record->packet.protocol = view->protocol;
	record->packet.captured = view->linear < FILTER_WINDOW ? view->linear : FILTER_WINDOW;
	record->packet.mark = 0;
	if (!read_window(record->packet.bytes, view->start, view->linear)) {
		discard(record);
		return;
	}
	submit(record);
}

/*
 * What netif_rx sees and the IP layer takes in gets there at once, as it is: one record is enough
 * for both hooks. Not so if others hold the packet's bytes, who may be seen before that, or where a
 * VLAN interface has it first.
 */
static __always_inline bool may_leave_untold(struct sk_buff *skb, enum hook_id hook)
{
	return hook == HOOK_netif_rx && config.with_untold &&
	       !BPF_CORE_READ_BITFIELD(skb, cloned) && !tag_of(skb);
}

/*
 * tc's mirred writes down the interface that it took the packet from as the one by which it came,
 * on its way out, too. By which it came is not known then.
 */
static __always_inline bool is_redirected_on_the_way_out(struct sk_buff *skb)
{
	return bpf_core_field_exists(skb->redirected) && BPF_CORE_READ_BITFIELD(skb, redirected) &&
	       !BPF_CORE_READ_BITFIELD(skb, from_ingress);
}

/*
 * It comes to the IP layer as that device's, in its namespace, whatever has received it below; 0:
 * there is none.
 */
static __always_inline void move_to_upper(struct record_header *header, __u64 head, __u64 device)
{
	struct net_device *upper = (struct net_device *)device;
	struct tracked *known;
	struct net *net;

	if (!device)
		return;
	header->ifindex = header->iif = READ(upper, ifindex);
	BPF_CORE_READ_INTO(&header->ifname, upper, name);
	net = READ(upper, nd_net.net);
	header->netns = READ(net, ns.inum);
	if (bpf_core_field_exists(net->net_cookie))
		header->netns_cookie = READ(net, net_cookie);
	known = find_tracked(head);
	if (known)
		known->netns = header->netns;
}

/* A packet at an interface, or on its way from one to the IP layer. */
static __always_inline int on_crossing(struct sk_buff *skb, enum hook_id hook, enum stage_id stage,
				       enum view_kind kind)
{
	bool is_sender_told = true, is_made;
	__u8 window[FILTER_WINDOW] __attribute__((aligned(8)));
	struct record_header header;
	struct sighting sighting;
	struct place place;
	struct view view;

	sighting = look(skb, stage, kind, true, may_leave_untold(skb, hook), &place, &view, window);
	if (!sighting.id || sighting.untold)
		return 0;
	if (config.mode == MATCH_ECHO)
		note_echo_fragments(view.start);
	/* Who comes by several chains on the way out is told once. */
	if (stage == STAGE_out && !sighting.first && hook != HOOK_xfrm_output_resume)
		return 0;
	fill_header(&header, skb, &place, hook, stage, &sighting);
	if (stage == STAGE_tx && header.iif && is_redirected_on_the_way_out(skb))
		header.iif = 0;
	if (hook == HOOK_xfrm_output_resume && !sighting.first) {
		/* What became of it before, its chains and routes, was about it as it is here. */
		header.stage = STAGE_tunnel;
		tell_crossing(&header, skb, &view, window);
		return 0;
	}
	if (hook == HOOK_napi_gro_receive_entry || hook == HOOK_napi_gro_frags_entry)
		header.flags |= forgotten(is_seen_after_gro(skb, &place) ? RECORD_TO_IP : 0);
	/* What a flowtable forwards has come past conntrack. */
	if (stage == STAGE_tx && bpf_core_field_exists(skb->_nfct))
		header.flags |= forgotten(skb->_nfct ? RECORD_TRACKED : 0);
	if (stage == STAGE_in)
		move_to_upper(&header, view.head, upper_to_ip(skb, &place));
	if (stage == STAGE_in && sighting.rx_ns) {
		tell_taken_in(&header, &sighting, skb, &view, window);
		return 0;
	}
	/* Twice: a CPU was taken down, and what waited for it goes to another (dev_cpu_dead). */
	if (hook == HOOK_netif_rx)
		tell_received(&header, &sighting);
	is_made = (sighting.first || sighting.before == STAGE_LOOPED) && !header.iif;
	if (is_either(stage, STAGE_tx, STAGE_out) && config.with_senders && is_made)
		is_sender_told =
		    tell_sent(&header, skb, &view, window, as_number((const __u64 *)&place.sk));
	else
		tell_crossing(&header, skb, &view, window);
	if (!is_either(stage, STAGE_tx, STAGE_out))
		return 0;
	if (stage == STAGE_tx) {
		if (READ(device_at(&place), needed_headroom))
			keep_moving(as_number((const __u64 *)&skb), view.head);
		if (!tell_way(&header, &view, as_number((const __u64 *)&skb)) &&
		    config.with_routes && place.sk &&
		    (is_made || (sighting.before == STAGE_out && !header.iif)))
			tell_kept_route(sighting.id, view.start,
					as_number((const __u64 *)&place.sk), sighting.now_ns);
		if (config.with_neighbours)
			tell_found_neighbour(&header);
	}
	if (!is_sender_told)
		tell_sender(sighting.id, as_number((const __u64 *)&place.sk), sighting.now_ns);
	return 0;
}
