/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* A packet at a hook: is it one to follow, and what does it look like there? */
#pragma once

#include "bpf/emit.bpf.h"
#include "bpf/neighbour.bpf.h"
#include "bpf/notes.bpf.h"
#include "bpf/route.bpf.h"

struct crossing_record {
	struct record_header header;
	struct packet_section packet;
};

/*
 * Reads the packet's place and first bytes, and says which packet it is. Most packets are nobody's
 * concern, and nothing is read of those that does not tell it.
 */
static __always_inline struct sighting look(struct sk_buff *skb, enum stage_id stage,
					    enum view_kind kind, bool keep, struct place *place,
					    struct view *view, __u8 *window)
{
	view->len = 0;
	view->linear = 0;
	view->protocol = 0;
	view->start = 0;
	if (!find_packet(skb, kind, view)) {
		view->head = head_of(skb);
		*place = find_place(skb);
		return sight_again(skb, place, view, NULL, stage);
	}
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
	return sight(skb, place, view, window, stage, keep);
}

/* The same where no packet is seen for the first time. */
static __always_inline struct sighting look_again(struct sk_buff *skb, const struct place *place,
						  enum stage_id stage, struct view *view)
{
	__u8 window[FILTER_WINDOW] __attribute__((aligned(8)));

	view->head = head_of(skb);
	if (!find_packet(skb, VIEW_OUT, view) || !read_window(window, view->start, view->linear)) {
		view->start = 0;
		return sight_again(skb, place, view, NULL, stage);
	}
	return sight_again(skb, place, view, window, stage);
}

/* What the routing tables said of this packet before it came here, if they were asked. */
static __always_inline int tell_way(const struct record_header *header, const struct view *view)
{
	return config.with_routes &&
	       tell_route(header->packet, view->start, header->iif, header->netns_cookie,
			  header->netns | (header->stage == STAGE_drop ? PLACE_DROPPED : 0));
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

/* A packet at an interface, or on its way from one to the IP layer. */
static __always_inline int on_crossing(struct sk_buff *skb, enum hook_id hook, enum stage_id stage,
				       enum view_kind kind)
{
	__u8 window[FILTER_WINDOW] __attribute__((aligned(8)));
	struct record_header header;
	struct sighting sighting;
	struct place place;
	struct view view;

	sighting = look(skb, stage, kind, true, &place, &view, window);
	if (!sighting.id)
		return 0;
	/* Who comes by several chains on the way out is told once. */
	if (stage == STAGE_out && !sighting.first)
		return 0;
	fill_header(&header, skb, &place, hook, stage, &sighting);
	tell_crossing(&header, skb, &view, window);
	if (stage != STAGE_tx && stage != STAGE_out)
		return 0;
	if (stage == STAGE_tx) {
		if (!tell_way(&header, &view) && config.with_routes && place.sk && !header.iif &&
		    (sighting.first || sighting.before == STAGE_out))
			tell_kept_route(sighting.id, view.start,
					as_number((const __u64 *)&place.sk), sighting.now_ns);
		if (config.with_neighbours)
			tell_found_neighbour(&header);
	}
	if (config.with_senders && sighting.first && !header.iif)
		tell_sender(sighting.id, as_number((const __u64 *)&place.sk), sighting.now_ns);
	return 0;
}
