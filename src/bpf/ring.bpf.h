/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The records' way to the reader, who looks by itself and is never woken: room_for(), then submit()
 * or discard(). All of it is one ring, in the order in which room was asked for.
 *
 * A ring of our own (wire/ring.h). The kernel's takes a lock for the room, and a locked instruction
 * at the end of each record waits until all of it has arrived in memory. That is some 40 ns more
 * for a record, of which a packet leaves three or four. Ours needs atomic additions that return
 * something (5.12, 5ca419f2864a), so that the objects for old kernels have the kernel's
 * (KERNEL_RING).
 */
#pragma once

#include "bpf/kernel_types.bpf.h"
#include "bpf/losses.bpf.h"
#include "wire/ring.h"

/* The user side sets the size (--buffer). */
#ifdef KERNEL_RING
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

static __always_inline void *claim(__u32 size)
{
	return bpf_ringbuf_reserve(&events, size, 0);
}

static __always_inline void submit(void *record)
{
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

static __always_inline void discard(void *record)
{
	bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
}

static __always_inline bool is_ring_filling(void)
{
	__u64 size = bpf_ringbuf_query(&events, BPF_RB_RING_SIZE);

	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= size - size / 4;
}
#else
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct ring_slot);
} events SEC(".maps");

struct ring_state ring SEC(".data.ring");

static __always_inline __u32 slots_in_use(void)
{
	return ring_in_use(*(volatile __u64 *)&ring.ends);
}

static __always_inline void *claim(__u32 size)
{
	__u32 slots = ring.slots;
	struct ring_slot *slot;
	__u64 position;
	__u32 key;

	if (slots_in_use() >= slots - ring.margin)
		return NULL;
	position = ring_produced(__sync_fetch_and_add(&ring.ends, 1ULL << RING_CONSUMED_BITS));
	key = position & (slots - 1);
	slot = bpf_map_lookup_elem(&events, &key);
	if (!slot)
		return NULL;
	slot->next_mark = ring_mark(position >> ring.slots_log2, size);
	return slot->record;
}

static __always_inline struct ring_slot *slot_of(void *record)
{
	return record - __builtin_offsetof(struct ring_slot, record);
}

/*
 * The reader believes what a slot holds when its mark is right: x86 keeps the order of stores. The
 * mark is read back from a store that is still under way, which is quick; to add to the one of the
 * last lap would wait for the line of the cache.
 */
static __always_inline void submit(void *record)
{
	struct ring_slot *slot = slot_of(record);

	asm volatile("" : : : "memory");
	*(volatile __u32 *)&slot->mark = *(volatile __u32 *)&slot->next_mark;
}

static __always_inline void discard(void *record)
{
	slot_of(record)->next_mark &= ~0xff;
	submit(record);
}

static __always_inline bool is_ring_filling(void)
{
	return slots_in_use() >= ring.slots - ring.slots / 4;
}
#endif

/* Room for a record; counts it where there is none. `size` is a constant, a multiple of 8. */
static __always_inline void *room_for(__u32 size)
{
	void *record = claim(size);

	if (!record)
		count_loss(LOSS_ring_full);
	return record;
}
