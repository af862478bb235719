/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Which packet is this? The key is the address of its bytes (skb->head), which clones share. An
 * address is used again after the packet's end, an id never is: the entry goes when the end is
 * seen, and where an end is not seen, the next packet at the same address is told apart by what
 * is in it.
 */
#pragma once

#include "bpf/match.bpf.h"

struct tracked {
	__u64 id;
	__u64 seen_ns;
	__u64 fingerprint;
	__u32 stage; /* enum stage_id of its last sight */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct tracked);
} tracked_packets SEC(".maps");

/* Entries in tracked_packets: while there are none, nobody needs to look. */
__s64 tracked_count SEC(".data.tracked");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} next_id SEC(".maps");

struct sighting {
	__u64 id; /* 0: not a packet to follow */
	__u64 now_ns;
	bool first;
};

/* Time, then a counter of this CPU: two packets of one nanosecond differ as well. */
static __always_inline __u64 new_id(__u64 now_ns)
{
	__u32 key = 0;
	__u64 *counter = bpf_map_lookup_elem(&next_id, &key);
	__u64 count = counter ? ++*counter : 0;

	return now_ns << 16 | (bpf_get_smp_processor_id() & 0xff) << 8 | (count & 0xff);
}

/*
 * What stays the same while a packet crosses interfaces, routers and NAT, and differs from one
 * packet to the next: IPv4's id; of ICMP the type and sequence, of TCP the sequence number. Headers
 * with options or extensions are told apart by less.
 */
static __always_inline __u64 fingerprint(const __u8 *window)
{
	bool v4 = window[0] >> 4 == 4;
	__u8 protocol = v4 ? window[9] : window[6];
	const __u8 *transport = v4 ? window + 20 : window + 40;
	__u64 print = v4 ? (__u64) * (__u16 *)(window + 4) << 8 | protocol : protocol;

	if (v4 && window[0] != 0x45)
		return print;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return print | (__u64)transport[0] << 24 | (__u64) * (__u16 *)(transport + 6) << 32;
	if (protocol == 6)
		return print | (__u64) * (__u32 *)(transport + 4) << 24;
	if (protocol == 17)
		return print | (__u64) * (__u16 *)(transport + 4) << 24;
	return print;
}

/* What turns a packet into another one, a tunnel, does so at once. */
#define TRANSFORM_NS 5000000

/*
 * Is this another packet than the one that was seen at this address before, whose end no hook saw?
 * Where the kernel takes a packet in, many ends are silent; where it is on its way, few are.
 */
static __always_inline bool is_another(struct sk_buff *skb, const struct tracked *known,
				       __u64 print, enum stage_id stage, __u64 now_ns)
{
	bool same = known->fingerprint == print;
	bool at_once = now_ns - known->seen_ns < TRANSFORM_NS;

	if (known->stage == STAGE_in) {
		/* It leaves again as one that came in by some interface, or is new. */
		if (stage == STAGE_in || (stage == STAGE_tx && !skb->skb_iif))
			return true;
		/* Out of a tunnel comes another packet than went in. */
		if (stage == STAGE_rx)
			return same || !at_once;
		return !same && !(stage == STAGE_tx && at_once);
	}
	if (same)
		return false;
	return !at_once || (stage == STAGE_rx && known->stage == STAGE_rx);
}

static __always_inline void forget(__u64 head)
{
	if (!bpf_map_delete_elem(&tracked_packets, &head))
		__sync_fetch_and_add(&tracked_count, -1);
}

static __always_inline struct tracked *find_tracked(__u64 head)
{
	return tracked_count ? bpf_map_lookup_elem(&tracked_packets, &head) : NULL;
}

/*
 * The packet's id, if it is followed already. For where none begins, or where its bytes cannot be
 * read (`window` is null then).
 */
static __always_inline struct sighting sight_again(struct sk_buff *skb, const __u8 *window,
						   enum stage_id stage)
{
	__u64 head = (__u64)skb->head;
	struct tracked *known = find_tracked(head);
	struct sighting sighting = {};
	__u64 now_ns;

	if (!known)
		return sighting;
	now_ns = bpf_ktime_get_ns();
	if (window ? is_another(skb, known, fingerprint(window), stage, now_ns)
		   : stage == STAGE_drop || stage == STAGE_deliver) {
		forget(head);
		return sighting;
	}
	sighting.id = known->id;
	sighting.now_ns = now_ns;
	return sighting;
}

/* The packet's id; a new one for the first sight of a packet that matches. `keep`: follow it. */
static __always_inline struct sighting sight(struct sk_buff *skb, struct sock *sk,
					     const struct view *view, __u8 *window,
					     enum stage_id stage, bool keep)
{
	__u64 head = (__u64)skb->head;
	struct sighting sighting = {};
	struct tracked fresh = {};
	struct tracked *known = find_tracked(head);

	if (known) {
		sighting.now_ns = bpf_ktime_get_ns();
		fresh.fingerprint = fingerprint(window);
		if (!is_another(skb, known, fresh.fingerprint, stage, sighting.now_ns)) {
			/* Whatever it was turned into, it is still the packet that was matched. */
			known->fingerprint = fresh.fingerprint;
			known->seen_ns = sighting.now_ns;
			known->stage = stage;
			sighting.id = known->id;
			return sighting;
		}
	}
	if (!matches(skb, sk, view, window)) {
		if (known)
			forget(head);
		return sighting;
	}
	if (!known) {
		sighting.now_ns = bpf_ktime_get_ns();
		fresh.fingerprint = fingerprint(window);
	}
	fresh.seen_ns = sighting.now_ns;
	fresh.stage = stage;
	sighting.first = true;
	sighting.id = fresh.id = new_id(sighting.now_ns);
	if (known) {
		*known = fresh;
	} else if (keep) {
		if (bpf_map_update_elem(&tracked_packets, &head, &fresh, BPF_ANY))
			count_loss(LOSS_table_full);
		else
			__sync_fetch_and_add(&tracked_count, 1);
	}
	return sighting;
}

/* Does nobody else hold the packet's bytes? dataref's lower half counts the holders. */
static __always_inline bool is_last_holder(struct sk_buff *skb)
{
	struct skb_shared_info *info;
	int dataref = 1;

	if (!BPF_CORE_READ_BITFIELD(skb, cloned))
		return true;
	info = (struct skb_shared_info *)((__u64)skb->head + skb->end);
	bpf_core_read(&dataref, sizeof(dataref), &info->dataref.counter);
	return (dataref & 0xffff) == 1;
}
