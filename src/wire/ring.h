/*
 * The ring of slots by which records come from the kernel side to the user side
 * (bpf/ring.bpf.h, ring/slot_ring.h). Plain C, read by both sides.
 */
#pragma once

#include <linux/types.h>

/* Four lines of the processor's cache: the longest record and what stands before it fit in. */
#define RING_SLOT_BYTES 256
#define RING_RECORD_MAX (RING_SLOT_BYTES - 8)

/* Position p of the ring is slot p % slots, in the lap p / slots; after 2^40 they begin anew. */
struct ring_slot {
  __u32 mark;      /* of the record that is whole in it; written last */
  __u32 next_mark; /* of the record that is being written */
  __u8 record[RING_RECORD_MAX];
};

/* A mark: whose lap's record it is, and its bytes; without any, it became none. Never 0. */
static inline __u32 ring_mark(__u64 lap, __u32 bytes) {
  __u32 number = 0x800000 | (lap & 0x7fffff);

  return number << 8 | bytes >> 3;
}

static inline __u32 ring_mark_bytes(__u32 mark) { return (mark & 0xff) << 3; }

static inline int ring_is_of_lap(__u32 mark, __u64 lap) {
  return mark >> 8 == ring_mark(lap, 0) >> 8;
}

/*
 * Both ends of the ring in one number, to be changed at once: the position of the next record, and
 * below it the last bits of the position whose slot may not be used again yet.
 */
#define RING_CONSUMED_BITS 24
#define RING_CONSUMED_MASK ((1U << RING_CONSUMED_BITS) - 1)
#define RING_POSITION_MASK (~0ULL >> RING_CONSUMED_BITS)

static inline __u64 ring_ends(__u64 produced, __u64 consumed) {
  return produced << RING_CONSUMED_BITS | (consumed & RING_CONSUMED_MASK);
}

static inline __u64 ring_produced(__u64 ends) { return ends >> RING_CONSUMED_BITS; }

static inline __u32 ring_in_use(__u64 ends) {
  return (ring_produced(ends) - ends) & RING_CONSUMED_MASK;
}

struct ring_state {
  __u64 ends;
  /* Set before the programs are loaded. */
  __u32 slots; /* a power of two, 2^22 at most */
  __u32 slots_log2;
  __u32 margin; /* slots kept free for who comes between another one's look and its claim */
  __u32 pad;
};
