/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Who changes what several write: is_alone(), the change if it is so, and leave() in any case.
 * Another CPU is there for some ten nanoseconds; a program that ours interrupted stays.
 */
#pragma once

#include "bpf/kernel_types.bpf.h"

/*
 * Atomic additions return something since 5.12 (5ca419f2864a); without, of two that come at the
 * same time both may be turned away.
 */
static __always_inline bool is_alone(__u32 *writers)
{
#ifndef WITHOUT_KFUNCS
	return __sync_fetch_and_add(writers, 1) == 0;
#else
	__sync_fetch_and_add(writers, 1);
	return *(volatile __u32 *)writers == 1;
#endif
}

static __always_inline void leave(__u32 *writers)
{
	__sync_fetch_and_add(writers, -1);
}
