/*
 * What the kernel side keeps of a packet that it follows. The user side removes the entries whose
 * packets' end no hook saw. Plain C, read by both sides.
 */
#pragma once

#include <linux/types.h>

/* Twice the journeys that the user side holds, and small enough for a processor's cache. */
#define TRACKED_MAX 16384

/* As it was at the last hook that saw it. */
struct tracked {
  __s64 id;      /* 0: only its answers are told; negative: only its drop is (see sight()) */
  __u64 seen_ns; /* CLOCK_MONOTONIC */
  __u64 fingerprint;
  __u32 netns;  /* inode; 0 where it was on no device and no socket */
  __u16 offset; /* of its IP header from the start of the buffer */
  __u8 stage;   /* enum stage_id */
  __u8 tunnels; /* headers in front of what was there at first sight */
};
