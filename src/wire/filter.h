/*
 * The packet filter's stubs in a BPF object: what the stub, its callers and the writer of its code
 * (filter/patch.h) must agree on. Plain C, read by both sides.
 */
#pragma once

#include <linux/types.h>

/* Bytes of the packet that a caller hands over, all of them readable. */
#define FILTER_WINDOW 64

/*
 * Instructions of a stub, before and after a filter is written into it: of the longest, and of one
 * that nearly every filter fits. The verifier looks at each stub in each program, so the length is
 * most of the time that a start takes.
 */
#define FILTER_INSNS 2048
#define FILTER_INSNS_SHORT 192

/*
 * Protocols of IP packets that a filter can match: bit p % 64 of word p / 64 (filter/protocols.h).
 * A packet with none of them is turned away before a byte of it is copied.
 */
struct protocol_sets {
  __u64 v4[4];
  __u64 v6[4];
};

/* What a stub answers. */
enum filter_verdict {
  FILTER_NO_MATCH = 0,
  FILTER_MATCH = 1,
  FILTER_NOT_LINEAR = 2, /* needs bytes of the packet that are not in its linear part */
};
