// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The BPF programs of interfaces, XDP's and tc's: that a packet which is followed comes to one, and
 * with which verdict it leaves it. In an object of its own, which shares the tables of the one that
 * follows packets; loaded where there are such programs. It begins no journey.
 *
 * A pair of programs stands at the begin and the end of each (fentry, fexit; 5.6). For libbpf they
 * are raw tracepoints, which it loads without a target: kernel/program_tracer.cpp loads the same
 * instructions for each target. What they are given is read as numbers only, as the kernel tells no
 * types where it does not know those of the target.
 */
#include "bpf/maps.bpf.h"
#include "bpf/track.bpf.h"
#include "bpf/note_header.bpf.h"
#include "wire/device_program.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define ETH_HLEN 14
#define XDP_TX 3
#define XDP_REDIRECT 4

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct xdp_rxq_info {
	struct net_device *dev;
};

struct xdp_buff {
	void *data;
	void *data_end;
	void *data_hard_start;
	struct xdp_rxq_info *rxq;
};

/* The same as above, with what only this file reads. */
struct sk_buff___tc {
	__u8 tc_at_ingress : 1;
};

#pragma clang attribute pop

struct program_record {
	struct record_header header;
	struct program_section program;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEVICE_PROGRAMS_MAX);
	__type(key, __u32);
	__type(value, struct device_program);
} device_programs SEC(".maps");

/* A packet that a program has in hand, by the address of what that is given. */
struct program_run {
	__u64 packet;
	__u64 head; /* of an skb: where its bytes were before the program */
	__u32 slot;
	__u8 kind; /* of XDP */
	__u8 is_copy;
	__u16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct program_run);
} program_runs SEC(".maps");

/*
 * The packet that came to the IP layer last on this CPU: a generic XDP program is asked right after
 * that (__netif_receive_skb_core(), 5.2 to today), and given a larger buffer first where there is
 * too little room before the packet, or others hold its bytes.
 */
struct arrival {
	__u64 packet; /* 0: none that is followed */
	__u64 head;
	__u64 mac_len;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct arrival);
} last_arrival SEC(".maps");

static __always_inline struct arrival *this_cpus_arrival(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&last_arrival, &key);
}

/* Written in its place when the program is loaded for a target. */
static __always_inline __u32 own_slot(void)
{
	__u32 slot;

	asm volatile("%0 = %1" : "=r"(slot) : "i"(DEVICE_PROGRAM_SLOT));
	return slot;
}

static __always_inline bool is_print_at(__u64 fingerprint, __u64 start)
{
	return may_be_same(fingerprint, print_at(start));
}

/* The packet that is followed with its bytes at `head` and its IP header at `start`; else null. */
static __always_inline struct tracked *told_at(__u64 head, __u64 start)
{
	struct tracked *known = find_told(head);

	return known && is_print_at(known->fingerprint, start) ? known : NULL;
}

/* The packet's bytes are elsewhere now: who had to change them gave it a buffer of its own. */
static __always_inline void follow_to(__u64 packet, __u64 before, __u64 head)
{
	struct tracked *known = find_tracked(before);

	if (before == head || !known || told_id(known) != packet)
		return;
	/* What is there is another packet's, whose end was not seen. */
	if (find_tracked(head))
		forget(head);
	follow(head, known, false);
	forget(before);
}

static __always_inline void begin_run(__u64 context, const struct program_run *run)
{
	if (run->packet)
		bpf_map_update_elem(&program_runs, &context, run, BPF_ANY);
	else /* one whose end was missed */
		bpf_map_delete_elem(&program_runs, &context);
}

/* The run that this program began; null: it had no packet to follow in hand. */
static __always_inline struct program_run *run_of(__u64 context)
{
	struct program_run *run = bpf_map_lookup_elem(&program_runs, &context);

	return run && run->slot == own_slot() ? run : NULL;
}

static __always_inline void tell_verdict(const struct program_run *run, struct net_device *dev,
					 enum stage_id stage, __u8 kind, bool egress, __u32 verdict,
					 bool is_end)
{
	__u32 slot = run->slot;
	const struct device_program *program = bpf_map_lookup_elem(&device_programs, &slot);
	struct program_record *record;

	if (!program)
		return;
	record = room_for(sizeof(*record));
	if (!record)
		return;
	fill_note(&record->header, HOOK_device_program, stage, run->packet);
	fill_device(&record->header, dev);
	if (!egress)
		record->header.iif = record->header.ifindex;
	if (is_end)
		record->header.flags = RECORD_LAST;
	record->program.section.id = SECTION_program;
	record->program.section.size = sizeof(record->program);
	record->program.kind = kind ? kind : program->kind;
	record->program.egress = egress;
	record->program.pad = 0;
	record->program.verdict = verdict;
	record->program.id = program->id;
	__builtin_memcpy(record->program.name, program->name, sizeof(record->program.name));
	record->pad = 0;
	submit(record);
}

/* In front of the IP header there is one for Ethernet, and in it a VLAN's tag perhaps. */
static __always_inline __u64 behind_ethernet(__u64 data)
{
	__be16 protocol = 0;

	bpf_probe_read_kernel(&protocol, sizeof(protocol), (void *)(data + ETH_HLEN - 2));
	return data + ETH_HLEN + (is_vlan(bpf_ntohs(protocol)) ? VLAN_HLEN : 0);
}

/*
 * The packet that this CPU has just seen copied at that interface, if that is what begins at
 * `start`: see copied.bpf.h.
 */
static __always_inline struct copied *copied_at(struct net_device *dev, __u64 start, __u64 end)
{
	struct copied *copied = copied_count ? this_cpus_copied() : NULL;

	if (!copied || !told_id(&copied->packet) || start > end ||
	    !is_copy(start, BPF_CORE_READ(dev, nd_net.net, ns.inum), BPF_CORE_READ(dev, ifindex)))
		return NULL;
	return copied;
}

/* Is it asked by the kernel's generic part about the packet that has just arrived? */
static __always_inline bool is_arrival(struct arrival *arrival, __u64 head, __u64 data)
{
	struct tracked *known;

	if (!arrival || !arrival->packet)
		return false;
	known = find_told(arrival->head);
	if (!known || told_id(known) != arrival->packet ||
	    !is_print_at(known->fingerprint, data + arrival->mac_len))
		return false;
	follow_to(arrival->packet, arrival->head, head);
	return true;
}

/* Its bytes lie where the skb's do also in a driver that runs it on one: veth, 4.19 to today. */
SEC("raw_tp/before_xdp") int before_xdp(__u64 *ctx)
{
	__u64 address = ctx[0];
	struct xdp_buff *xdp = (struct xdp_buff *)as_number(&address);
	struct arrival *arrival;
	struct program_run run = {};
	struct tracked *known;
	struct copied *copied;
	__u64 data, start;

	if (!tracked_count && !copied_count)
		return 0;
	run.slot = own_slot();
	run.head = (__u64)BPF_CORE_READ(xdp, data_hard_start);
	data = (__u64)BPF_CORE_READ(xdp, data);
	arrival = this_cpus_arrival();
	if (is_arrival(arrival, run.head, data)) {
		run.packet = arrival->packet;
		run.kind = PROGRAM_XDP_GENERIC;
		arrival->packet = 0;
		begin_run((__u64)xdp, &run);
		return 0;
	}
	run.kind = PROGRAM_XDP_NATIVE;
	start = behind_ethernet(data);
	known = told_at(run.head, start);
	if (known) {
		run.packet = known->id;
	} else {
		copied = copied_at(BPF_CORE_READ(xdp, rxq, dev), start,
				   (__u64)BPF_CORE_READ(xdp, data_end));
		if (copied) {
			run.packet = copied->packet.id;
			run.is_copy = true;
		}
	}
	begin_run((__u64)xdp, &run);
	return 0;
}

/* What it sends back or elsewhere leaves as a frame without skb, which no hook sees. */
static __always_inline bool ends_copy(const struct program_run *run, __u32 verdict)
{
	struct copied *copied;

	if (!run->is_copy || (verdict != XDP_TX && verdict != XDP_REDIRECT))
		return false;
	copied = this_cpus_copied();
	if (copied && copied->packet.seen_ns && told_id(&copied->packet) == run->packet)
		end_copied(copied);
	return true;
}

static __always_inline int after_xdp_of(__u64 address, __u32 verdict)
{
	__u64 context = as_number(&address);
	struct xdp_buff *xdp = (struct xdp_buff *)context;
	struct program_run *run = run_of(context);

	if (!run)
		return 0;
	tell_verdict(run, BPF_CORE_READ(xdp, rxq, dev), STAGE_xdp, run->kind, false, verdict,
		     ends_copy(run, verdict));
	bpf_map_delete_elem(&program_runs, &context);
	return 0;
}

SEC("raw_tp/before_tc") int before_tc(__u64 *ctx)
{
	__u64 address = ctx[0];
	struct sk_buff *skb = (struct sk_buff *)as_number(&address);
	struct program_run run = {};
	struct tracked *known;

	if (!tracked_count)
		return 0;
	run.slot = own_slot();
	run.head = (__u64)BPF_CORE_READ(skb, head);
	known = told_at(run.head, run.head + BPF_CORE_READ(skb, network_header));
	if (known)
		run.packet = known->id;
	begin_run((__u64)skb, &run);
	return 0;
}

static __always_inline int after_tc_of(__u64 address, __u32 verdict)
{
	__u64 context = as_number(&address);
	struct sk_buff *skb = (struct sk_buff *)context;
	struct sk_buff___tc *tc = (struct sk_buff___tc *)context;
	struct program_run *run = run_of(context);

	if (!run)
		return 0;
	follow_to(run->packet, run->head, (__u64)BPF_CORE_READ(skb, head));
	tell_verdict(run, BPF_CORE_READ(skb, dev), STAGE_tc, 0,
		     !BPF_CORE_READ_BITFIELD_PROBED(tc, tc_at_ingress), verdict, false);
	bpf_map_delete_elem(&program_runs, &context);
	return 0;
}

/*
 * What the target returned comes behind its arguments: its context, or, where the kernel knows no
 * types of it, all that there may be (btf_distill_func_proto()).
 */
#define AFTER(kind)                                                                                \
	SEC("raw_tp/after_" #kind) int after_##kind(__u64 *ctx)                                    \
	{                                                                                          \
		return after_##kind##_of(ctx[0], ctx[1]);                                          \
	}                                                                                          \
	SEC("raw_tp/after_" #kind "_untyped") int after_##kind##_untyped(__u64 *ctx)               \
	{                                                                                          \
		return after_##kind##_of(ctx[0], ctx[5]);                                          \
	}

AFTER(xdp)
AFTER(tc)

SEC("tp_btf/netif_receive_skb") int arrives_netif_receive_skb(__u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct arrival *arrival = this_cpus_arrival();
	struct tracked *known;

	if (!arrival)
		return 0;
	arrival->packet = 0;
	/* By calls: to verifiers since 6.18 a number that was such a pointer is none. */
	arrival->head = number_at(&skb->head);
	known = find_told(arrival->head);
	if (!known)
		return 0;
	arrival->mac_len = number_at(&skb->data) - arrival->head - skb->mac_header;
	arrival->packet = known->id;
	return 0;
}
