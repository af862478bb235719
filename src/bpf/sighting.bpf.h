/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What a hook makes of a packet: whether it is followed, under which id, and where it is. */
#pragma once

#include "bpf/packet.bpf.h"
#include "bpf/tracked.bpf.h"

/*
 * Is a stage, which is known as this is compiled, one of two? The compiler leaves two comparisons
 * of a number with || between them for when the program runs, and with them what need not be in it.
 */
static __always_inline bool is_either(enum stage_id stage, enum stage_id a, enum stage_id b)
{
	return 1U << stage & (1U << a | 1U << b);
}

struct sighting {
	__u64 id; /* 0: not a packet to follow */
	__u64 now_ns;
	bool first;
	bool silent;	 /* it is known, and not told */
	__u8 before;	 /* the stage of the hook that saw it last, where it is told again */
	bool untold;	 /* that it is here is for the next hook to tell */
	bool translated; /* NAT has changed it since the IP layer took it in */
	__u32 rx_cpu;
	__u64
	    rx_ns; /* if not 0, where it was received and when is still to be told, by this hook */
};

static __always_inline struct sighting seen_again(const struct tracked *now, __u8 before)
{
	struct sighting sighting = {.id = told_id(now), .now_ns = now->seen_ns, .before = before};

	if (now->id < 0 && now->stage == STAGE_drop) {
		sighting.id = -now->id;
		sighting.first = true;
	}
	sighting.silent = !sighting.id;
	return sighting;
}
