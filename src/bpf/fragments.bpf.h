/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Later fragments of a ping have no ICMP header: which ping they are of, the first one tells, by
 * addresses and id. They are not followed, as there may be 44 of them; that one is dropped is told,
 * of each ping once.
 */
#pragma once

#include "bpf/match.bpf.h"

/* Whose first fragment has been seen, and when; by fragments_key(). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u64);
} first_fragments SEC(".maps");

/* IPv4's ids come again after 65536 packets; a receiver waits for 60 s at most. */
#define FRAGMENTS_MAX_AGE_NS 60000000000

static __always_inline __u64 mixed(__u64 key, __u64 number)
{
	key = (key ^ number) * 0x9e3779b97f4a7c15ULL;
	return key ^ key >> 32;
}

/* What all fragments of an ICMP packet have in common, in one number; 0: it is no fragment. */
static __always_inline __u64 fragments_key(__u64 start)
{
	__u64 at_0 = number_at((void *)start);
	const __u8 *first = (const __u8 *)&at_0;
	__u64 key = 1, at_40;

	if (first[0] >> 4 == 4) {
		if (!(*(const __u16 *)(first + 6) & bpf_htons(0x3fff)))
			return 0;
		return mixed(mixed(key, *(const __u16 *)(first + 4)),
			     number_at((void *)(start + 12)));
	}
	if (first[6] != IPPROTO_FRAGMENT)
		return 0;
	for (int i = 8; i < IPV6_HEADER_BYTES; i += 8)
		key = mixed(key, number_at((void *)(start + i)));
	at_40 = number_at((void *)(start + IPV6_HEADER_BYTES));
	return mixed(key, *(const __u32 *)((const __u8 *)&at_40 + 4));
}

/* A packet of the ping's is at `start`. Global functions, and of numbers alone, as match_echo(). */
__attribute__((noinline)) int note_echo_fragments(__u64 start)
{
	__u64 key = fragments_key(start);
	__u64 now_ns = bpf_ktime_get_ns();

	if (key)
		bpf_map_update_elem(&first_fragments, &key, &now_ns, BPF_ANY);
	return 0;
}

/* Is a later fragment of such a packet at `start`? Of each packet one is. */
__attribute__((noinline)) int take_echo_fragment(__u64 start)
{
	__u64 key = fragments_key(start);
	const __u64 *seen_ns = key ? bpf_map_lookup_elem(&first_fragments, &key) : NULL;
	bool is_one = seen_ns && bpf_ktime_get_ns() - *seen_ns < FRAGMENTS_MAX_AGE_NS;

	if (is_one)
		bpf_map_delete_elem(&first_fragments, &key);
	return is_one;
}
