/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Asks the filter stubs about a packet that user space put into a map, and once as a program that
 * traces packets would, so that a test can see what the kernel makes of a filter.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/filter.bpf.h"
#include "filter/testing/trial.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct sk_buff {
  unsigned int len;
  unsigned int data_len;
  unsigned char* data;
} __attribute__((preserve_access_index));

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct trial);
} trials SEC(".maps");

static __always_inline struct trial* current_trial(void) {
  __u32 key = 0;
  struct trial* trial = bpf_map_lookup_elem(&trials, &key);

  /* Through memory: what comes back is a number, as it is for a real packet. */
  if (trial) *(volatile __u64*)&trial->address = (__u64)trial->bytes;
  return trial;
}

static __always_inline void fill(__u8* window, __u64 address, __u32 linear_len) {
  if (linear_len >= FILTER_WINDOW) {
    bpf_probe_read_kernel(window, FILTER_WINDOW, (const void*)address);
    return;
  }
  /* Or clang drops the mask, which it knows to be needless and older verifiers do not. */
  asm volatile("" : "+r"(linear_len));
  bpf_probe_read_kernel(window, linear_len & (FILTER_WINDOW - 1), (const void*)address);
}

SEC("raw_tp")
int trial_l2(void* ctx) {
  __u8 window[FILTER_WINDOW] __attribute__((aligned(8))) = {};
  struct trial* trial = current_trial();

  if (!trial) return -1;
  __u64 address = *(volatile __u64*)&trial->address;

  fill(window, address, trial->linear_len);
  return filter_l2(window, trial->packet_len, address, trial->linear_len);
}

SEC("raw_tp")
int trial_l3(void* ctx) {
  __u8 window[FILTER_WINDOW] __attribute__((aligned(8))) = {};
  struct trial* trial = current_trial();

  if (!trial) return -1;
  __u64 address = *(volatile __u64*)&trial->address;

  fill(window, address, trial->linear_len);
  return filter_l3(window, trial->packet_len, address, trial->linear_len);
}

__u64 verdicts[3];

SEC("tp_btf/net_dev_queue")
int BPF_PROG(trial_queue, struct sk_buff* skb) {
  __u8 window[FILTER_WINDOW] __attribute__((aligned(8))) = {};
  __u64 address = (__u64)skb->data;
  __u32 linear_len = skb->len - skb->data_len;
  int verdict;

  fill(window, address, linear_len);
  verdict = filter_l2(window, skb->len, address, linear_len);
  if (verdict >= 0 && verdict < 3) __sync_fetch_and_add(&verdicts[verdict], 1);
  return 0;
}
