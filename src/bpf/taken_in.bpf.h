/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the IP layer took in last on each CPU: what is done to it is done there, and at once. */
#pragma once

#include "bpf/tracked.bpf.h"

/* By the address of its bytes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} taken_in SEC(".maps");

static __always_inline void keep_taken_in(__u64 head)
{
	__u32 key = 0;
	__u64 *last = bpf_map_lookup_elem(&taken_in, &key);

	if (last)
		*last = head;
}

static __always_inline __u64 last_taken_in(void)
{
	__u32 key = 0;
	const __u64 *last = bpf_map_lookup_elem(&taken_in, &key);

	return last ? *last : 0;
}
