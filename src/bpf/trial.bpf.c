// SPDX-License-Identifier: MIT OR GPL-2.0
/* Empty programs, one per kind of probe: `tracepkt doctor` tries each for real. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tp_btf/kfree_skb") int try_tp_btf(void *ctx)
{
	return 0;
}

SEC("fentry/ip_rcv") int try_fentry(void *ctx)
{
	return 0;
}

SEC("kprobe/ip_rcv") int try_kprobe(void *ctx)
{
	return 0;
}

SEC("kprobe.multi/ip_rcv") int try_kprobe_multi(void *ctx)
{
	return 0;
}
