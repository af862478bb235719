/*
 * What the kernel side keeps of the packets that it follows, by the address of their bytes. The
 * user side removes the entries whose packets' end no hook saw. Plain C, read by both sides.
 */
#pragma once

#include <linux/types.h>

/*
 * An address has its place in one set, which has room for seven: a line of the processor's cache.
 * There are more than three times as many places as the user side holds journeys (8192); with so
 * many packets under way one in 1000 sets is full.
 */
#define TRACKED_SETS_BITS 12
#define TRACKED_WAYS 7

/* The address of a packet whose entry is being written. */
#define TRACKED_CLAIMED 1

struct tracked_set {
  __u64 heads[TRACKED_WAYS]; /* 0: free */
  __u32 writers;             /* who gets this from 0 to 1 may change the set; see tracked.bpf.h */
  __u32 hand;                /* the place that was looked at last for one to replace */
};

/* Where an address of `way` in `set` has its entry. */
#define TRACKED_INDEX(set, way) ((set) << 3 | (way))
#define TRACKED_MAX TRACKED_INDEX(1 << TRACKED_SETS_BITS, 0)

/* As it was at the last hook that saw it. */
struct tracked {
  __s64 id;      /* 0: only its answers are told; negative: only its drop is (see sight()) */
  __u64 seen_ns; /* CLOCK_MONOTONIC */
  __u64 fingerprint;
  __u32 netns;   /* inode; 0 where it was on no device and no socket */
  __u16 offset;  /* of its IP header from the start of the buffer */
  __u8 stage;    /* enum stage_id */
  __u8 tunnels;  /* headers in front of what was there at first sight */
  __u64 rx_ns;   /* when it was received, for whoever sees it next to tell; 0: told already */
  __u32 rx_cpu;  /* and where */
  __u32 skb;     /* the lower half of its address */
  __u32 ifindex; /* where it was received; 0 elsewhere */
  __u32 ends;    /* what its addresses and ports come to, where the IP layer took it in */
};
