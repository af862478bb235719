/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the programs share with each other and with the user side. */
#pragma once

#include "bpf/kernel_types.bpf.h"
#include "wire/record.h"

/* Alone in its section: the user side writes it at offset 0 before the programs are loaded. */
const volatile struct probe_config config SEC(".rodata.config");

/* Records on their way to the reader. The user side sets the size (--buffer). */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

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

/* Room for a record in the ring, for submit(); counts it where there is none. */
static __always_inline void *room_for(__u64 size)
{
	void *record = bpf_ringbuf_reserve(&events, size, 0);

	if (!record)
		count_loss(LOSS_ring_full);
	return record;
}

static __always_inline void submit(void *record)
{
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}
