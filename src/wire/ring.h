/*
 * The ring of slots by which records come from the kernel side to the user side
 * (bpf/ring.bpf.h, ring/slot_ring.h). Plain C, read by both sides.
 */
#pragma once

#include <linux/types.h>

/* Four lines of the processor's cache: the longest record and what stands before it. */
#define RING_SLOT_BYTES 256

/* Position p of the ring is slot p % slots, in the lap p / slots + 1. */
struct ring_slot {
  __u16 lap;      /* of the record that is whole in it; written last */
  __u16 next_lap; /* of the record that is being written */
  __u32 size;     /* bytes of the record; 0: it became none */
  __u8 record[RING_SLOT_BYTES - 8];
};

/* What each side writes is in a line of the processor's cache of its own. */
struct ring_ends {
  __u64 produced; /* position of the next record; by the kernel side */
  __u8 pad[56];
  __u64 consumed; /* position whose slot may not be used again yet; by the user side */
  /* Set before the programs are loaded. */
  __u32 slots; /* a power of two */
  __u32 slots_log2;
  __u32 margin; /* slots kept free for who comes between another one's look at the room and its
                   claim */
  __u32 pad2;
};
