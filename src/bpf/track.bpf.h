/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Which packet is this? The key is the address of its bytes (skb->head), which clones share. An
 * address is used again after the packet's end, an id never is: the entry goes when the end is
 * seen, and where an end is not seen, the next packet at the same address is told apart by what
 * is in it.
 */
#pragma once

#ifdef WITH_COMMAND
#include "bpf/command.bpf.h"
#endif
#include "bpf/copied.bpf.h"
#include "bpf/fragments.bpf.h"
#include "bpf/match.bpf.h"
#include "bpf/taken_in.bpf.h"
#include "bpf/upper.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} next_id SEC(".maps");

/*
 * A counter of this CPU, under its number. Another program may interrupt this one between reading
 * the counter and writing it back; the time is later then. After 2^36 packets of one CPU an id
 * could come again: of a packet that is long gone.
 */
static __always_inline __u64 new_id(__u64 now_ns)
{
	__u32 key = 0;
	__u64 *counter = bpf_map_lookup_elem(&next_id, &key);
	__u64 count = counter ? ++*counter : 0;

	return (__u64)bpf_get_smp_processor_id() << 48 | (count & 0xfffffffff) << 12 |
	       (now_ns & 0xfff);
}

/*
 * What stays the same while a packet crosses interfaces, routers and NAT, and differs from one
 * packet to the next: IPv4's id; of ICMP the type and sequence, of TCP the sequence number. Headers
 * with options or extensions are told apart by less. The first fragment of an IPv6 packet has the
 * print of the packet, which it is made of and becomes again: its fragment header is put before
 * what follows in the same buffer (ip6_fragment()), and taken out there (ip6_frag_reasm(),
 * nf_ct_frag6_reasm()). Takes the packet's bytes 0, 8, 20, 40 and 48 and the seven after each.
 *
 * This and is_another_packet() are global functions, and of numbers alone, as is match_echo().
 */
__attribute__((noinline)) __u64 packet_print(__u64 at_0, __u64 at_8, __u64 at_20, __u64 at_40,
					     __u64 at_48)
{
	const __u8 *first = (const __u8 *)&at_0;
	bool v4 = first[0] >> 4 == 4;
	__u8 protocol = v4 ? ((const __u8 *)&at_8)[1] : first[6];
	__u64 transport = v4 ? at_20 : at_40;
	const __u8 *bytes = (const __u8 *)&transport;
	__u64 print = v4 ? (__u64) * (const __u16 *)(first + 4) << 8 | protocol : protocol;

	if (v4 && first[0] != 0x45)
		return print;
	if (!v4 && protocol == IPPROTO_FRAGMENT) {
		if (*(const __u16 *)(bytes + 2) & bpf_htons(0xfff8))
			return print;
		print = protocol = bytes[0];
		transport = at_48;
	}
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return print | (__u64)bytes[0] << 24 | (__u64) * (const __u16 *)(bytes + 6) << 32;
	if (protocol == IPPROTO_TCP)
		return print | (__u64) * (const __u32 *)(bytes + 4) << 24;
	if (protocol == IPPROTO_UDP)
		return print | (__u64) * (const __u16 *)(bytes + 4) << 24;
	return print;
}

static __always_inline __u64 fingerprint(const __u8 *window)
{
	return packet_print(*(const __u64 *)window, *(const __u64 *)(window + 8),
			    *(const __u32 *)(window + 20) | (__u64) * (const __u32 *)(window + 24)
								<< 32,
			    *(const __u64 *)(window + 40), *(const __u64 *)(window + 48));
}

/* The same of a packet that is not in a window. */
static __always_inline __u64 print_at(__u64 start)
{
	return packet_print(number_at((void *)start), number_at((void *)(start + 8)),
			    number_at((void *)(start + 20)), number_at((void *)(start + 40)),
			    number_at((void *)(start + 48)));
}

/* How many of a packet's bytes its print is made of. */
static __always_inline __u32 printed_bytes(__u64 start)
{
	__u64 at_0 = number_at((void *)start);
	const __u8 *first = (const __u8 *)&at_0;

	if (first[0] >> 4 == 4)
		return 28;
	return first[6] == IPPROTO_FRAGMENT ? 56 : 48;
}

static __always_inline bool is_same_print(__u64 a, __u64 b)
{
	/* What is behind the IP header may have been out of reach at first. */
	return a == b || ((__u32)(a ^ b) << 8 == 0 && (!(a >> 24) || !(b >> 24)));
}

/* Between two hooks of one namespace: GRO may have made it longer, which UDP's header says. */
static __always_inline bool may_be_same(__u64 a, __u64 b)
{
	return is_same_print(a, b) || ((a & 0xff) == IPPROTO_UDP && (__u32)(a ^ b) << 8 == 0);
}

/* What turns a packet into another one does so at once; an emulated machine is slower. */
#define TRANSFORM_NS 20000000

/*
 * The headers that a tunnel puts before a packet, and what it may put behind it (padding, and what
 * authenticates it).
 */
#define OUTER_HEADERS_MAX 96
#define OUTER_TRAILER_MAX 64

/* Where a packet is seen, in one number. */
static __always_inline __u64 spot(const struct tracked *seen)
{
	return (__u64)seen->netns << 32 | (__u64)seen->offset << 16 | seen->stage;
}

static __always_inline __u32 spot_netns(__u64 spot)
{
	return spot >> 32;
}
static __always_inline __u16 spot_offset(__u64 spot)
{
	return spot >> 16;
}
static __always_inline __u16 spot_stage(__u64 spot)
{
	return spot;
}

/* What is_another_packet() is told beside the age. */
#define SEEN_CAME_IN 1	/* it flows on from an interface, or from a bridge to its port */
#define SEEN_AROUND 2	/* it begins some headers before the known packet, and reaches over it */
#define SEEN_CARRYING 4 /* the known packet is still in it */
#define SEEN_INSIDE 8	/* it begins behind headers of the known packet, which are still there */
#define SEEN_SAME_DEVICE 16
#define SEEN_SAME_SKB 32 /* TCP sends clones, which come from a cache of their own */
#define SEEN_CLONED 64	 /* others may hold its bytes */
#define SEEN_LOOPED 128	 /* see is_looped() */
#define SEEN_BITS 8

/*
 * Is what is seen now another packet than the one that was seen at this address before, `age`
 * ns ago, whose end no hook saw? Where the kernel takes a packet in, many ends are silent, and so
 * are those of what TCP has sent and keeps until it is acknowledged. The buffer is used again soon.
 */
__attribute__((noinline)) int is_another_packet(__u64 known_print, __u64 known_spot,
						__u64 now_print, __u64 now_spot, __u64 age_and_seen)
{
	bool came_in = age_and_seen & SEEN_CAME_IN;
	bool same = is_same_print(known_print, now_print);
	bool same_netns = spot_netns(known_spot) == spot_netns(now_spot);
	bool at_once = age_and_seen >> SEEN_BITS < TRANSFORM_NS;
	bool carrying = age_and_seen & SEEN_CARRYING;
	/* What is encrypted can no longer be seen in the outer packet, but is in the same skb. */
	bool is_around = carrying || (age_and_seen & SEEN_AROUND && age_and_seen & SEEN_SAME_SKB);
	/* No header that a tunnel puts before a packet is TCP's. */
	bool is_outer = (at_once || carrying) && is_around && (now_print & 0xff) != IPPROTO_TCP;
	bool is_inner = at_once && age_and_seen & SEEN_INSIDE;
	/* A queue may duplicate it (netem): the other one comes by the same way. */
	bool is_duplicate = same && age_and_seen & SEEN_CLONED && !(age_and_seen & SEEN_SAME_SKB);
	__u16 before = spot_stage(known_spot);
	__u16 now = spot_stage(now_spot);
	bool goes_out = now == STAGE_tx || now == STAGE_out;

	/* That copy is made before the packet goes anywhere. */
	if (age_and_seen & SEEN_LOOPED)
		return !same || (now == STAGE_rx && before != STAGE_out);
	/*
	 * It is where it was, but for NAT, or is in a tunnel's; how it came into this buffer tells
	 * nothing.
	 */
	if (now == STAGE_icmp)
		return !(same || is_outer);
	if (before == STAGE_in) {
		/* Of a packet that a bridge floods, another copy elsewhere. */
		if (now == STAGE_in)
			return !at_once || (same_netns && !is_duplicate) || !same;
		/* It leaves again from there, as one that came in by some interface, or is new. */
		if (goes_out)
			return !came_in || !same_netns || !(same || is_outer || is_inner);
		/*
		 * Out of a tunnel comes what was inside the packet that went in; and the parent of
		 * a macvlan hands copies of what it took to its children.
		 */
		if (now == STAGE_rx)
			return !at_once || (same ? same_netns && !is_duplicate : !is_inner);
		return !same && !is_inner;
	}
	/*
	 * GRO frees unseen what it has made a part of another: what is received into its memory,
	 * or made there, may look the same. No interface receives a packet twice.
	 */
	if (before == STAGE_rx && now == STAGE_rx)
		return !at_once ||
		       (same_netns && age_and_seen & SEEN_SAME_DEVICE && !is_duplicate) ||
		       !(same || is_inner);
	/* But a macvlan that sends one to all gives its siblings clones before it does. */
	if (before == STAGE_rx && now != STAGE_in && !came_in)
		return !same || (goes_out && !(at_once && same_netns && is_duplicate));
	if (same)
		return false;
	if (before == STAGE_drop || before == STAGE_deliver || now == STAGE_rx)
		return true;
	/*
	 * What was handed to an interface changes no more, or goes into a tunnel: at once, or when
	 * it has waited in the queue of one.
	 */
	if (before == STAGE_tx || goes_out)
		return !is_outer;
	/* What has come to the IP layer may be longer, by GRO. */
	return !at_once;
}

/* Of an IP packet, by its header; 0: it is none. */
static __always_inline __u32 ip_length(__u64 start)
{
	__u64 first = number_at((void *)start);
	const __u8 *bytes = (const __u8 *)&first;

	if (bytes[0] >> 4 == 4)
		return bpf_ntohs(*(const __u16 *)(bytes + 2));
	if (bytes[0] >> 4 == 6)
		return bpf_ntohs(*(const __u16 *)(bytes + 4)) + IPV6_HEADER_BYTES;
	return 0;
}

/*
 * What fou_recv_pull() and gue_udp_recv() take off the packet's length beside its front: UDP's
 * header; and GUE's, without options.
 */
#define FOU_HEADER_BYTES 8
#define GUE_HEADER_BYTES 12

/*
 * Is the packet that begins at offset `now`, and ends at `tail`, in a tunnel's header around the
 * known one, which began at `known`; or is it what was inside that?
 */
__attribute__((noinline)) __u64 look_around(__u64 head, __u32 known, __u32 now, __u32 tail,
					    __u64 known_print)
{
	bool is_near = (now < known ? known - now : now - known) <= OUTER_HEADERS_MAX;
	bool is_there = is_same_print(print_at(head + known), known_print);
	__u32 known_end, length;

	if (now < known) {
		__u64 seen = is_near && known < tail ? SEEN_AROUND : 0;

		/* Behind the end may be what was there before. */
		if (is_there && known + printed_bytes(head + known) <= tail)
			seen |= SEEN_CARRYING;
		return seen;
	}
	known_end = known + ip_length(head + known);
	length = ip_length(head + now);
	if ((known_print & 0xff) == IPPROTO_UDP && (now + length == known_end + FOU_HEADER_BYTES ||
						    now + length == known_end + GUE_HEADER_BYTES))
		known_end = now + length;
	if (!is_near || !is_there || now + length > known_end)
		return 0;
	return !length || known_end - now - length <= OUTER_TRAILER_MAX ? SEEN_INSIDE : 0;
}

/* Takes SEEN_CAME_IN or 0, and of the known packet and of what is seen now skb and device. */
__attribute__((noinline)) __u64 seen_alike(__u32 came_in, __u64 known, __u64 now)
{
	return came_in | ((__u32)known == (__u32)now ? SEEN_SAME_DEVICE : 0) |
	       (known >> 32 == now >> 32 ? SEEN_SAME_SKB : 0);
}

/*
 * Of a broadcast or multicast that is sent here, this machine gets a copy by the interface that it
 * leaves by, and before it does (dev_loopback_xmit). That is known as what it is a copy of: what
 * goes out still has no hop of its own then.
 */
#define STAGE_LOOPED STAGE_route

static __always_inline bool is_looped(struct sk_buff *skb, enum stage_id stage)
{
	return is_either(stage, STAGE_rx, STAGE_in) &&
	       BPF_CORE_READ_BITFIELD(skb, pkt_type) == PACKET_LOOPBACK;
}

static __always_inline bool is_another(struct sk_buff *skb, const struct place *place,
				       const struct tracked *known, const struct tracked *now)
{
	/* Nothing begins at the port of a bridge. */
	bool came_in = skb->skb_iif || (now->stage == STAGE_tx && is_bridge_port(place));
	__u64 seen =
	    seen_alike(came_in ? SEEN_CAME_IN : 0, (__u64)known->skb << 32 | known->ifindex,
		       (__u64)now->skb << 32 | now->ifindex);

	if (BPF_CORE_READ_BITFIELD(skb, cloned))
		seen |= SEEN_CLONED;
	if (is_looped(skb, now->stage))
		seen |= SEEN_LOOPED;
	if (now->offset != known->offset)
		seen |= look_around(head_of(skb), known->offset, now->offset, skb->tail,
				    known->fingerprint);
	return is_another_packet(known->fingerprint, spot(known), now->fingerprint, spot(now),
				 (now->seen_ns - known->seen_ns) << SEEN_BITS | seen);
}

/* In the place of another packet if `anew`. False, and counted, if there is no room. */
static __always_inline bool follow(__u64 head, const struct tracked *now, bool anew)
{
	if (keep_tracked(head, now, anew))
		return true;
	count_loss(LOSS_table_full);
	return false;
}

/* Of its address. The verifier wants to see a pointer cut before anything else is made of it. */
static __always_inline __u32 low_half_of(const struct sk_buff *skb)
{
	__u32 low;

	asm volatile("%0 = %1" : "=w"(low) : "w"((__u32)(__u64)skb));
	return low;
}

/* What NAT changes, in one number. Headers with options or extensions are told apart by less. */
static __always_inline __u32 ends_in(const __u8 *window)
{
	const __u64 factor = 0x9e3779b97f4a7c15ULL;
	__u64 ends = 0;

	if (window[0] >> 4 == 4) {
		for (int i = 12; i < 24; i += sizeof(__u32))
			ends = (ends ^ *(const __u32 *)(window + i)) * factor;
	} else {
		for (int i = 8; i < 40; i += sizeof(__u64))
			ends = (ends ^ *(const __u64 *)(window + i)) * factor;
		ends = (ends ^ *(const __u32 *)(window + 40)) * factor;
	}
	return ends >> 32;
}

/* The packet as it is at this hook; without an id yet. */
static __always_inline struct tracked sighted(struct sk_buff *skb, const struct place *place,
					      const struct view *view, const __u8 *window,
					      enum stage_id stage)
{
	struct tracked now = {
	    .seen_ns = bpf_ktime_get_ns(),
	    .fingerprint = fingerprint(window),
	    .netns = place->netns,
	    .offset = view->start - view->head,
	    .stage = stage,
	    .skb = low_half_of(skb),
	    .ifindex = stage == STAGE_rx ? READ(device_at(place), ifindex) : 0,
	    .ends = stage == STAGE_in || stage == STAGE_deliver || stage == STAGE_end
			? ends_in(window)
			: 0,
	};

	return now;
}

/*
 * Of a fragment that is freed. What was put together of fragments frees them when they are in no
 * namespace any more; and of a bridge's copies for everybody those go who are not meant.
 */
static __always_inline bool is_lost(struct sk_buff *skb, const struct place *place)
{
	return place->dev && (BPF_CORE_READ_BITFIELD(skb, pkt_type) != PACKET_OTHERHOST ||
			      has_master(device_at(place)));
}

static __always_inline bool matches(struct sk_buff *skb, const struct place *place,
				    const struct view *view, const __u8 *window,
				    enum stage_id stage)
{
	if (config.mode != MATCH_ECHO)
		return matches_filter(skb, view);
	if (!may_be_icmp(window))
		return false;
	return matches_echo(place, view) ||
	       (stage == STAGE_drop && is_lost(skb, place) && take_echo_fragment(view->start));
}

enum asked {
	ASKED_NOT,
	ASKED_FOR,
	ASKED_SILENTLY, /* not to be told, but what it is the answer to, or what answers it, may be
			 */
};

static __always_inline enum asked is_asked_for(struct sk_buff *skb, const struct place *place,
					       const struct view *view, const __u8 *window,
					       enum stage_id stage)
{
#ifdef WITH_COMMAND
	__u64 start = view->start;
	__u64 sk = as_number((const __u64 *)&place->sk);
	__u64 dev = as_number((const __u64 *)&place->dev);
	__u64 outgoing = !is_either(stage, STAGE_rx, STAGE_in);

	if (!is_of_command(start, view->linear, sk, dev, outgoing << 32 | place->netns))
		return ASKED_NOT;
	return matches(skb, place, view, window, stage) ? ASKED_FOR : ASKED_SILENTLY;
#else
	return matches(skb, place, view, window, stage) ? ASKED_FOR : ASKED_NOT;
#endif
}

/* A packet of the command, seen again: its answer will come by here. */
static __always_inline void keep_flow(const struct tracked *known, struct tracked *now,
				      const struct view *view)
{
#ifdef WITH_COMMAND
	/* Other packets go through a tunnel with the same header. */
	now->tunnels = known->tunnels;
	if (now->offset < known->offset)
		now->tunnels++;
	else if (now->offset > known->offset && now->tunnels)
		now->tunnels--;
	if (!now->tunnels)
		follow_flow(view->start, view->linear, now->netns);
#endif
}

/*
 * The packet's id, if it is followed already. For where none begins, or where its bytes cannot be
 * read (`window` is null then).
 */
static __always_inline struct sighting sight_again(struct sk_buff *skb, const struct place *place,
						   const struct view *view, const __u8 *window,
						   enum stage_id stage)
{
	__u64 head = view->head;
	struct tracked *known = find_tracked(head);
	struct sighting sighting = {};
	struct tracked now;

	if (!known)
		return sighting;
	if (window) {
		now = sighted(skb, place, view, window, stage);
		sighting.now_ns = now.seen_ns;
	} else {
		sighting.now_ns = bpf_ktime_get_ns();
	}
	if (window ? is_another(skb, place, known, &now)
		   : stage == STAGE_drop || stage == STAGE_deliver || stage == STAGE_end) {
		forget(head);
		return sighting;
	}
	sighting.id = told_id(known);
	sighting.silent = !sighting.id;
	if (window && (stage == STAGE_deliver || stage == STAGE_end) && known->stage == STAGE_in &&
	    known->offset == now.offset && known->fingerprint == now.fingerprint) {
		sighting.translated = known->ends != now.ends;
		known->ends = now.ends;
	}
	sighting.rx_ns = known->rx_ns;
	sighting.rx_cpu = known->rx_cpu;
	known->rx_ns = 0;
	return sighting;
}

/*
 * The last quarter of the ring buffer is for what is followed already, and for drops: a packet
 * whose way would have holes is better not followed. It is counted.
 */
static __always_inline bool is_too_fast(void)
{
	if (!is_ring_filling())
		return false;
	count_loss(LOSS_not_followed);
	return true;
}

/*
 * The packet's id; a new one for the first sight of a packet that matches. `keep`: follow it;
 * `leave_untold`: if it is followed already, the next hook will tell of this one.
 */
static __always_inline struct sighting sight(struct sk_buff *skb, const struct place *place,
					     const struct view *view, const __u8 *window,
					     enum stage_id stage, bool keep, bool leave_untold)
{
	__u64 head = view->head;
	struct sighting sighting = {};
	struct tracked *known = find_tracked(head);
	enum asked asked = ASKED_NOT;
	struct tracked now;

	if (!known) {
		asked = is_asked_for(skb, place, view, window, stage);
		if (!asked)
			return sighting;
	}
	now = sighted(skb, place, view, window, stage);
	if (known) {
		if (!is_another(skb, place, known, &now)) {
			/* Whatever it was turned into, it is still the packet that was matched. */
			now.id = known->id;
			keep_flow(known, &now, view);
			sighting = seen_again(&now, known->stage);
			/* What becomes of the copy is nothing of what goes out. */
			if (is_looped(skb, stage) || (known->stage == STAGE_LOOPED &&
						      !is_either(stage, STAGE_tx, STAGE_out)))
				now.stage = known->stage;
			sighting.rx_ns = known->rx_ns;
			sighting.rx_cpu = known->rx_cpu;
			sighting.untold = leave_untold && sighting.id && !sighting.rx_ns &&
					  goes_to_ip(skb, place);
			if (sighting.untold) {
				now.rx_ns = now.seen_ns;
				now.rx_cpu = bpf_get_smp_processor_id();
			}
			*known = now;
			return sighting;
		}
		/* What is known there was another packet, whose end was not seen. */
		asked = is_asked_for(skb, place, view, window, stage);
		if (!(asked && keep))
			forget(head);
		if (!asked)
			return sighting;
	}
	sighting.now_ns = now.seen_ns;
	if (asked == ASKED_FOR) {
		now.id = new_id(now.seen_ns);
		if (keep && stage != STAGE_drop && is_too_fast())
			now.id = -now.id;
		sighting.id = told_id(&now);
		sighting.first = sighting.id;
	}
	if (is_looped(skb, stage))
		now.stage = STAGE_LOOPED;
	/* Without room every hook would take it for a new one. */
	if (keep && !follow(head, &now, known) && stage != STAGE_drop)
		sighting = (struct sighting){};
	return sighting;
}

/* Does nobody else hold the packet's bytes? dataref's lower half counts the holders. */
static __always_inline bool is_last_holder(struct sk_buff *skb)
{
	struct skb_shared_info *info;
	int dataref;

	if (!BPF_CORE_READ_BITFIELD(skb, cloned))
		return true;
	info = (struct skb_shared_info *)(head_of(skb) + skb->end);
	dataref = READ(info, dataref.counter);
	return (dataref & 0xffff) == 1;
}
