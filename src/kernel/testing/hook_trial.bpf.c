// SPDX-License-Identifier: MIT OR GPL-2.0
/* What kernel/hook_programs.h has to do with: programs that are taken, one that is refused, one
 * whose tracepoint there is not. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 seen = 0;

/* A function of its own, which the kernel knows by what is told of the program's functions. */
__attribute__((noinline)) int count_one(__u64 more) {
  __sync_fetch_and_add(&seen, more);
  return 0;
}

SEC("hook/sys_enter") int counts(void* ctx) { return count_one(1); }

SEC("hook/sys_exit") int does_nothing(void* ctx) { return 0; }

SEC("hook/sys_exit") int reads_what_it_may_not(__u64* ctx) { return *(int*)(ctx[0] | 1) != 0; }

SEC("hook/no_such_tracepoint") int has_no_tracepoint(void* ctx) { return 0; }
