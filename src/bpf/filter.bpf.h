/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The packet filter: two functions whose bodies filter/patch.h writes before libbpf opens the
 * object. As compiled, they match every packet.
 */
#pragma once

#include <linux/types.h>

#include "wire/filter.h"

#ifndef FILTER_STUB_INSNS
#define FILTER_STUB_INSNS FILTER_INSNS
#endif

#define FILTER_TEXT_(text) #text
#define FILTER_TEXT(text) FILTER_TEXT_(text)

/*
 * As long as the code that takes its place. The branch is never taken, but makes the padding
 * reachable; the kernel removes both. The compiler appends two instructions more, which return.
 */
#define FILTER_PADDING (FILTER_STUB_INSNS - 5)
#define FILTER_STUB_BODY                                                                           \
	"r0 = 1\n"                                                                                 \
	"if r0 != 1 goto +1\n"                                                                     \
	"exit\n"                                                                                   \
	".rept " FILTER_TEXT(FILTER_PADDING) "\n"                                                  \
					     "r0 = 0\n"                                            \
					     ".endr\n"

/* Weak: the compiler knows nothing about the body. Hidden: libbpf makes it static again. */
#define FILTER_STUB __attribute__((noinline, weak, visibility("hidden")))

/*
 * Does the packet match? Returns enum filter_verdict.
 * window: FILTER_WINDOW bytes, initialised, at a multiple of 8 on the caller's stack or in a map;
 * the packet from its MAC header on, as far as it is linear; what is behind that is not looked at.
 * packet_len: bytes of the packet from there on, below 2^31.
 * address: where the window was copied from. linear_len: bytes from there on that can be read.
 * Takes at most 96 bytes of stack.
 */
FILTER_STUB int filter_l2(const __u8 *window, __u32 packet_len, __u64 address, __u32 linear_len)
{
	asm volatile(FILTER_STUB_BODY ::: "memory");
	return FILTER_MATCH;
}

/* The same from the IP header on. */
FILTER_STUB int filter_l3(const __u8 *window, __u32 packet_len, __u64 address, __u32 linear_len)
{
	asm volatile(FILTER_STUB_BODY ::: "memory");
	return FILTER_MATCH;
}
