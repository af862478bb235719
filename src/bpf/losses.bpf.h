/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the kernel side could not hand over or follow, counted by its cause. */
#pragma once

#include "bpf/kernel_types.bpf.h"
#include "wire/record.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

static __always_inline void count_loss(__u32 cause)
{
	__u64 *count = bpf_map_lookup_elem(&losses, &cause);

	if (count)
		*count += 1;
}
