/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Reading the kernel's memory by address, of which nothing may be concluded: it need not be valid.
 * Since 6.2 by a load (bpf_rdonly_cast), of which a bad address makes zero; before by a helper,
 * which takes some 20 ns each time.
 *
 * READ(pointer, a, b.c): pointer->a->b.c.
 */
#pragma once

#include "bpf/kernel_types.bpf.h"

#ifndef WITHOUT_KFUNCS
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym;

#define POINTER_TO(type, address)                                                                  \
	((type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(type)))
#define READ(from, ...) ___arrow(POINTER_TO(typeof(*(from)), from), __VA_ARGS__)

static __always_inline __u64 number_at(const void *address)
{
	return POINTER_TO(struct timespec64, address)->tv_sec;
}
#else
#define READ(from, ...) BPF_CORE_READ(from, __VA_ARGS__)

static __always_inline __u64 number_at(const void *address)
{
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), address);
	return number;
}
#endif

/* Has the processor begin to load what is at `address`. */
static __always_inline void fetch(__u64 address)
{
#ifndef WITHOUT_KFUNCS
	__u64 number = number_at((void *)address);

	asm volatile("" : : "r"(number));
#endif
}

/* A number that came out of a pointer is no number to the verifier of 6.18: launders it. */
static __always_inline __u64 as_number(const __u64 *from)
{
	return number_at(from);
}
