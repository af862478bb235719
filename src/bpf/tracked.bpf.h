/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The packets that are followed, by the address of their bytes (skb->head). See track.bpf.h.
 *
 * A table of our own: the kernel's hash map takes some 50 ns to find an entry, 150 to add and
 * remove one, and that was a third of what following a packet cost.
 */
#pragma once

#include "bpf/alone.bpf.h"
#include "wire/record.h"
#include "wire/tracked.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1 << TRACKED_SETS_BITS);
	__type(key, __u32);
	__type(value, struct tracked_set);
} tracked_sets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TRACKED_MAX);
	__type(key, __u32);
	__type(value, struct tracked);
} tracked_packets SEC(".maps");

/* Entries in tracked_packets: while there are none, nobody needs to look. */
__s64 tracked_count SEC(".data.tracked");

/* No index of an entry. */
#define NOWHERE (~0U)

/* Which set an address belongs to: buffers lie at multiples of 64 and more. */
static __always_inline __u32 set_of(__u64 head)
{
	return (head * 0x9e3779b97f4a7c15ULL) >> (64 - TRACKED_SETS_BITS);
}

/* Global functions, and of numbers alone, so that the verifier goes through them once. */
__attribute__((noinline)) __u32 index_of(__u64 head)
{
	__u32 key = set_of(head);
	struct tracked_set *set = bpf_map_lookup_elem(&tracked_sets, &key);

	for (int way = 0; set && way < TRACKED_WAYS; way++)
		if (set->heads[way] == head)
			return TRACKED_INDEX(key, way);
	return NOWHERE;
}

#define TRIES 4

/* Puts `to` where `from` is, in the set of the packet with this head. */
__attribute__((noinline)) __u32 exchange_head(__u64 head, __u64 from, __u64 to)
{
	__u32 key = set_of(head);
	struct tracked_set *set = bpf_map_lookup_elem(&tracked_sets, &key);
	bool alone = false;

	if (!set)
		return NOWHERE;
	for (int i = 0; i < TRIES; i++) {
		alone = is_alone(&set->writers);
		if (alone)
			break;
		leave(&set->writers);
	}
	for (int way = 0; alone && way < TRACKED_WAYS; way++)
		if (set->heads[way] == from) {
			set->heads[way] = to;
			leave(&set->writers);
			return TRACKED_INDEX(key, way);
		}
	if (alone)
		leave(&set->writers);
	return NOWHERE;
}

static __always_inline struct tracked *find_tracked(__u64 head)
{
	__u32 index;

	if (!tracked_count)
		return NULL;
	index = index_of(head);
	return bpf_map_lookup_elem(&tracked_packets, &index);
}

/* What the IP layer took in so long ago is gone, as like as not. */
#define GONE_AFTER_NS 100000000

/* Did the IP layer take in long ago what is in this place? */
static __always_inline bool is_gone(__u32 key, __u32 way, __u64 now_ns)
{
	__u32 index = TRACKED_INDEX(key, way);
	const struct tracked *known = bpf_map_lookup_elem(&tracked_packets, &index);

	return known && known->stage == STAGE_in &&
	       (__s64)(now_ns - known->seen_ns) > GONE_AFTER_NS;
}

/* The packet in a set that the IP layer took in longest ago; 0: none. */
__attribute__((noinline)) __u64 oldest_in(__u32 key)
{
	const struct tracked_set *set = bpf_map_lookup_elem(&tracked_sets, &key);
	__u64 oldest_ns = ~0ULL, oldest = 0;

	for (int way = 0; set && way < TRACKED_WAYS; way++) {
		__u32 index = TRACKED_INDEX(key, way);
		const struct tracked *known = bpf_map_lookup_elem(&tracked_packets, &index);

		if (known && known->stage == STAGE_in && known->seen_ns < oldest_ns) {
			oldest_ns = known->seen_ns;
			oldest = set->heads[way];
		}
	}
	return oldest;
}

/*
 * Claims in the set of a packet the place of one that the IP layer took in long ago, or else
 * longest ago. What a reader frees at once on another CPU than the sender's no hook sees (6.18,
 * skb_attempt_defer_free()), and a flood of it fills the table in 0.2 s. Each that is looked at is
 * another line of memory, so one comes first, a place further each time: where places are filled
 * one after the other it is the oldest.
 */
__attribute__((noinline)) __u32 replace_old(__u64 head, __u64 now_ns)
{
	__u32 key = set_of(head);
	struct tracked_set *set = bpf_map_lookup_elem(&tracked_sets, &key);
	__u64 replaced;
	__u32 hand;

	if (!set)
		return NOWHERE;
	hand = set->hand + 1;
	if (hand >= TRACKED_WAYS)
		hand = 0;
	set->hand = hand;
	if (is_gone(key, hand, now_ns)) {
		replaced = set->heads[hand];
		return replaced > TRACKED_CLAIMED ? exchange_head(head, replaced, TRACKED_CLAIMED)
						  : NOWHERE;
	}
	replaced = oldest_in(key);
	return replaced > TRACKED_CLAIMED ? exchange_head(head, replaced, TRACKED_CLAIMED)
					  : NOWHERE;
}

/*
 * Claims a place for the packet with this head; `anew`: that of another one with this head, if that
 * is still there. The index of its entry, which show() then lets be found.
 */
__attribute__((noinline)) __u32 claim_place(__u64 head, __u64 now_ns, __u32 anew)
{
	__u32 index = anew ? exchange_head(head, head, TRACKED_CLAIMED) : NOWHERE;

	if (index != NOWHERE)
		return index;
	index = exchange_head(head, 0, TRACKED_CLAIMED);
	if (index == NOWHERE)
		return replace_old(head, now_ns);
	__sync_fetch_and_add(&tracked_count, 1);
	return index;
}

__attribute__((noinline)) bool show(__u64 head, __u32 index)
{
	__u32 key = index >> 3;
	struct tracked_set *set = bpf_map_lookup_elem(&tracked_sets, &key);

	if (!set)
		return false;
	set->heads[index & 7] = head;
	return true;
}

/* `anew`: in the place of another one with this head. False: no room. */
static __always_inline bool keep_tracked(__u64 head, const struct tracked *now, bool anew)
{
	__u32 index = claim_place(head, now->seen_ns, anew);
	struct tracked *room = bpf_map_lookup_elem(&tracked_packets, &index);

	if (!room)
		return false;
	*room = *now;
	asm volatile("" ::: "memory");
	return show(head, index);
}

/* False: there is none. */
__attribute__((noinline)) bool forget(__u64 head)
{
	if (exchange_head(head, head, 0) == NOWHERE)
		return false;
	__sync_fetch_and_add(&tracked_count, -1);
	return true;
}

/* The id under which what happens to it is told; 0: it is not told. */
static __always_inline __u64 told_id(const struct tracked *known)
{
	return known->id > 0 ? known->id : 0;
}

static __always_inline struct tracked *find_told(__u64 head)
{
	struct tracked *known = find_tracked(head);

	return known && told_id(known) ? known : NULL;
}
