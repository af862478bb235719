/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Rules of legacy iptables and ip6tables. Of a packet that is marked (kernel/legacy_marks.h) the
 * kernel tells each rule that matches to whoever logs, by
 * nf_log_trace(net, pf, hook, skb, in, out, loginfo, format, table, chain, comment, number):
 * six arguments in registers, the others on the stack behind the address of the return.
 */
#pragma once

#include "bpf/netfilter.bpf.h"

/* What a kprobe is given on x86-64: the registers, in an order that never changes. */
struct registers {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	__u64 orig_ax, ip, cs, flags, sp, ss;
};

struct legacy_words {
	__u64 format, table, chain, comment;
	__u32 number;
};
#define LEGACY_WORDS_AT 16 /* from the stack pointer: behind the return and loginfo */

#define TRACE_FORMAT 0x25203a4543415254 /* "TRACE: %" */

/* "rule", "return" and "policy" is what the kernel says. Of the two others it says it also where a
 * rule without any condition accepts, drops or returns (get_chainname_rulenum): the number tells.
 */
static __always_inline enum netfilter_kind legacy_kind(const char *comment)
{
	if (comment[0] == 'p')
		return NETFILTER_POLICY;
	return comment[0] == 'r' && comment[1] == 'e' ? NETFILTER_RETURN : NETFILTER_RULE;
}

SEC("kprobe/nf_log_trace") int on_nf_log_trace(struct registers *ctx)
{
	__u64 skb = ctx->cx;
	/* It is in a chain, or nobody follows it. */
	const struct netfilter_record *entered = bpf_map_lookup_elem(&chains_entered, &skb);
	struct netfilter_record *record = entered ? netfilter_room_of(ROOM_LEGACY_RULE) : NULL;
	struct legacy_words words = {};
	char comment[8] = {};
	__u64 format = 0;

	if (!record ||
	    bpf_probe_read_kernel(&words, sizeof(words), (void *)(ctx->sp + LEGACY_WORDS_AT)) ||
	    bpf_probe_read_kernel(&format, sizeof(format), (void *)words.format) ||
	    format != TRACE_FORMAT)
		return 0;
	*record = *entered;
	record->header.hook = HOOK_nf_log_trace;
	record->header.cpu = bpf_get_smp_processor_id();
	record->header.time_ns = bpf_ktime_get_ns();
	bpf_probe_read_kernel_str(comment, sizeof(comment), (void *)words.comment);
	record->netfilter.kind = legacy_kind(comment);
	record->netfilter.verdict = NFT_CONTINUE; /* what it led to, the next one tells */
	record->netfilter.rule = words.number;
	bpf_probe_read_kernel_str(record->netfilter.chain, sizeof(record->netfilter.chain),
				  (void *)words.chain);
	emit_netfilter(record);
	return 0;
}
