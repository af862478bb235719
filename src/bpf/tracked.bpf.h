/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The packets that are followed, by the address of their bytes (skb->head). See track.bpf.h. */
#pragma once

#include "bpf/kernel_types.bpf.h"
#include "wire/tracked.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRACKED_MAX);
	__type(key, __u64);
	__type(value, struct tracked);
} tracked_packets SEC(".maps");

/* Entries in tracked_packets: while there are none, nobody needs to look. */
__s64 tracked_count SEC(".data.tracked");

static __always_inline struct tracked *find_tracked(__u64 head)
{
	return tracked_count ? bpf_map_lookup_elem(&tracked_packets, &head) : NULL;
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
