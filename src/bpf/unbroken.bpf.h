/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Since 7.0 a program at a tracepoint may be preempted like the thread that it runs in (seen on
 * Debian's 7.2: the preempt count is 0 in fib_table_lookup's). Another of ours would find what is
 * kept for each CPU half written, and what levels there are of it would end in another order than
 * they began. So it is not to be, but for where the kernel itself enters and leaves it: who goes
 * then is missed by the others of that CPU until it comes back (program_busy). Global functions may
 * be called meanwhile since 6.15.
 *
 * SEC("hook/kfree_skb") int UNBROKEN(on_kfree_skb, __u64 *ctx) { ... }
 */
#pragma once

#include "bpf/maps.bpf.h"

#ifndef WITHOUT_KFUNCS
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

#define UNBROKEN(name, argument)                                                                   \
	name(argument);                                                                            \
	static __always_inline int name##_unbroken(argument);                                      \
	int name(argument)                                                                         \
	{                                                                                          \
		int result;                                                                        \
                                                                                                   \
		if (config.preempted)                                                              \
			bpf_preempt_disable();                                                     \
		result = name##_unbroken(ctx);                                                     \
		if (config.preempted)                                                              \
			bpf_preempt_enable();                                                      \
		return result;                                                                     \
	}                                                                                          \
	static __always_inline int name##_unbroken(argument)
#else
#define UNBROKEN(name, argument) name(argument)
#endif
