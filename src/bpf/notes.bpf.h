/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What is told of a packet that is followed already, beside where it is: who sent it, what TCP and
 * ICMP make of it, which queue it left. A hook here begins no journey, and what it is given is
 * read as numbers: some of these tracepoints say NULL, which a verifier of 6.5 to 6.12 believes
 * impossible.
 */
#pragma once

#include "bpf/alone.bpf.h"
#include "bpf/emit.bpf.h"
#include "bpf/note_header.bpf.h"
#include "bpf/unbroken.bpf.h"

struct socket_note {
	struct record_header header;
	struct socket_section socket;
};

struct tcp_note_record {
	struct record_header header;
	struct tcp_section tcp;
	struct socket_section socket;
};

struct qdisc_note {
	struct record_header header;
	struct qdisc_section qdisc;
};

struct refusal_note {
	struct record_header header;
	struct refusal_section refusal;
};

/* Argument n of a tracepoint, of which nothing may be concluded. */
static __always_inline __u64 argument(const __u64 *ctx, int n)
{
	return number_at(ctx + n);
}

/* The packet in this skb, if it is one to tell of. */
static __always_inline struct tracked *find_noted(__u64 skb)
{
	if (!tracked_count || !skb)
		return NULL;
	return find_told(number_at(&((struct sk_buff *)skb)->head));
}

/* Who writes to a socket, by its inode: known from the first time that it was seen doing so. */
struct owner {
	__u32 pid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct owner);
} socket_owners SEC(".maps");

/* Descriptors that are looked through. Who has more is looked up in /proc, if it still is there. */
#define DESCRIPTORS_AT_ONCE 4
#define DESCRIPTORS_MAX 128

/*
 * Has the process that runs now this file open? A softirq that interrupts it sends for others, so
 * that it runs alone says nothing.
 */
static __always_inline int current_has_open(__u64 file)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 some[DESCRIPTORS_AT_ONCE] = {};
	struct files_struct *files = READ(task, files);
	struct fdtable *table;
	__u64 descriptors;
	__u32 count;

	if (!files || !file)
		return 0;
	table = READ(files, fdt);
	descriptors = (__u64)READ(table, fd);
	count = READ(table, max_fds); /* a multiple of 64 */
	for (__u32 i = 0; i < DESCRIPTORS_MAX; i += DESCRIPTORS_AT_ONCE) {
		if (i >= count ||
		    bpf_probe_read_kernel(some, sizeof(some), (void *)(descriptors + i * 8)))
			return 0;
		for (int k = 0; k < DESCRIPTORS_AT_ONCE; k++)
			if (some[k] == file)
				return 1;
	}
	return 0;
}

/* Of request sockets their listener, which is whole; of TIME_WAIT there is nobody any more. */
static __always_inline struct sock *whole_socket(struct sock *sk)
{
	__u8 state = READ(sk, __sk_common.skc_state);

	if (state == TCP_NEW_SYN_RECV)
		return READ(sk, __sk_common.skc_listener);
	return state == TCP_TIME_WAIT ? NULL : sk;
}

/*
 * The socket that this CPU told of last, whose process is known. To find all of that anew takes
 * some 200 ns.
 */
struct told_socket {
	__u64 sk; /* 0: none, or it is being written */
	__u32 writers;
	__u32 pad;
	struct socket_section section;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct told_socket);
} told_sockets SEC(".maps");

static __always_inline void copy_section(struct socket_section *to,
					 const struct socket_section *from)
{
	for (__u32 i = 0; i < sizeof(*to) / sizeof(__u64); i++)
		((__u64 *)to)[i] = ((volatile __u64 *)from)[i];
}

/* False: there is another socket, or what interrupts this has put one there; it may be filled in.
 */
static __always_inline bool take_told(struct socket_section *section, struct told_socket *told,
				      struct sock *sk, __u64 inode)
{
	if (!told || *(volatile __u64 *)&told->sk != (__u64)sk)
		return false;
	copy_section(section, &told->section);
	return section->inode == inode && *(volatile __u64 *)&told->sk == (__u64)sk;
}

/*
 * Has this CPU told of this socket last, and is it whole and of this namespace? Then of whose it is
 * can be told with the packet.
 */
static __always_inline struct told_socket *find_told_socket(struct sock *sk, __u32 netns)
{
	struct told_socket *told;
	__u32 key = 0;

	told = bpf_map_lookup_elem(&told_sockets, &key);
	if (!told || *(volatile __u64 *)&told->sk != (__u64)sk ||
	    !is_whole_socket(READ(sk, __sk_common.skc_state)) ||
	    READ(sk, __sk_common.skc_net.net, ns.inum) != netns)
		return NULL;
	return told;
}

static __always_inline void keep_told(struct told_socket *told, struct sock *sk,
				      const struct socket_section *section)
{
	if (is_alone(&told->writers)) {
		*(volatile __u64 *)&told->sk = 0;
		asm volatile("" : : : "memory");
		copy_section(&told->section, section);
		asm volatile("" : : : "memory");
		*(volatile __u64 *)&told->sk = (__u64)sk;
	}
	leave(&told->writers);
}

/* Fills in the socket, and the process if it is known. False: none that a process could have. */
static __always_inline bool fill_socket(struct socket_section *section, struct sock *sk)
{
	struct owner *known, owner = {};
	struct told_socket *told;
	struct file *file;
	__u32 key = 0;
	__u64 inode;

	__builtin_memset(section, 0, sizeof(*section));
	sk = whole_socket(sk);
	if (!sk)
		return false;
	file = READ(sk, sk_socket, file);
	inode = READ(file, f_inode, i_ino);
	if (!file || !inode)
		return false;
	told = bpf_map_lookup_elem(&told_sockets, &key);
	if (take_told(section, told, sk, inode))
		return true;
	__builtin_memset(section, 0, sizeof(*section));
	section->section.id = SECTION_socket;
	section->section.size = sizeof(*section);
	section->family = READ(sk, __sk_common.skc_family);
	section->type = READ(sk, sk_type);
	section->protocol = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol);
	section->inode = inode;
	known = bpf_map_lookup_elem(&socket_owners, &inode);
	if (!known && current_has_open((__u64)file)) {
		owner.pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(owner.comm, sizeof(owner.comm));
		bpf_map_update_elem(&socket_owners, &inode, &owner, BPF_ANY);
		known = &owner;
	}
	if (known) {
		section->pid = known->pid;
		__builtin_memcpy(section->comm, known->comm, sizeof(section->comm));
		if (told)
			keep_told(told, sk, section);
	}
	return true;
}

/* Whose packet is it? For one that is made here, at first sight. */
__attribute__((noinline)) int tell_sender(__u64 packet, __u64 sk, __u64 time_ns)
{
	struct socket_note *note;

	if (!sk)
		return 0;
	note = room_for(sizeof(*note));
	if (!note)
		return 0;
	if (!fill_socket(&note->socket, (struct sock *)sk)) {
		discard(note);
		return 0;
	}
	fill_note_of(&note->header, HOOK_sender, STAGE_out, packet, time_ns);
	fill_net(&note->header, READ((struct sock *)sk, __sk_common.skc_net.net));
	submit(note);
	return 0;
}

/* `sk` and `skb` may be NULL. The socket's section ends the record, also where it says nothing. */
static __always_inline int tell_tcp(const struct tracked *known, struct tcp_section *tcp,
				    enum hook_id hook, __u64 sk, struct sk_buff *skb)
{
	struct tcp_note_record *note = room_for(sizeof(*note));

	if (!note)
		return 0;
	fill_note(&note->header, hook, STAGE_tcp, known->id);
	note->header.netns = known->netns;
	note->header.iif = skb ? READ(skb, skb_iif) : 0;
	tcp->section.id = SECTION_tcp;
	tcp->section.size = sizeof(*tcp);
	note->tcp = *tcp;
	__builtin_memset(&note->socket, 0, sizeof(note->socket));
	if (sk) {
		fill_net(&note->header, READ((struct sock *)sk, __sk_common.skc_net.net));
		fill_socket(&note->socket, (struct sock *)sk);
	}
	submit(note);
	return 0;
}

/* A segment at the socket of an established connection. */
SEC("hook/tcp_probe") int UNBROKEN(on_tcp_probe, __u64 *ctx)
{
	__u64 skb = argument(ctx, 1);
	struct tracked *known = find_noted(skb);
	struct tcp_section tcp = {};

	/*
	 * The IP layer has just seen it, or a device upon another (a macvlan) has taken it there
	 * unseen: if not, what is known of this address is another packet.
	 */
	if (!known ||
	    !(known->stage == STAGE_in || (known->stage == STAGE_rx && known->skb == (__u32)skb)))
		return 0;
	tcp.note = TCP_ARRIVED;
	return tell_tcp(known, &tcp, HOOK_tcp_probe, argument(ctx, 0), (struct sk_buff *)skb);
}

SEC("hook/tcp_send_reset") int UNBROKEN(on_tcp_send_reset, __u64 *ctx)
{
	__u64 skb = argument(ctx, 1);
	struct tracked *known = find_noted(skb);
	struct tcp_section tcp = {};

	if (!known || known->stage != STAGE_in)
		return 0;
	tcp.note = TCP_RESET_SENT;
	/* The reason came with its enum (6.10, b533fb9cf4f7). */
	if (bpf_core_type_exists(enum sk_rst_reason)) {
		tcp.has_reason = 1;
		tcp.reason = argument(ctx, 2);
	}
	return tell_tcp(known, &tcp, HOOK_tcp_send_reset, argument(ctx, 0), (struct sk_buff *)skb);
}

/* TCP's header of what the IP layer took in last on this CPU, if it is this one. */
static __always_inline bool is_reset_for(__u64 header, struct sock *sk, bool v4)
{
	__u8 first = 0, flags = 0;
	__be16 port = 0;

	bpf_probe_read_kernel(&first, sizeof(first), (void *)header);
	/* A reset has no extensions but for what nobody sends. */
	header += v4 ? (first & 0xf) * 4 : 40;
	bpf_probe_read_kernel(&port, sizeof(port), (void *)(header + 2));
	bpf_probe_read_kernel(&flags, sizeof(flags), (void *)(header + 13));
	return flags & 4 && bpf_ntohs(port) == READ(sk, __sk_common.skc_num);
}

/*
 * A reset that fits its connection. The tracepoint knows the socket alone: the packet is the one
 * that came in last on this CPU. One that had to wait for its socket, because a process was at it,
 * is not told.
 */
SEC("hook/tcp_receive_reset") int UNBROKEN(on_tcp_receive_reset, __u64 *ctx)
{
	struct sock *sk = (struct sock *)argument(ctx, 0);
	__u64 head = last_taken_in();
	struct tracked *known = head ? find_told(head) : NULL;
	struct tcp_section tcp = {};
	__u8 first = 0;

	if (!known || known->stage != STAGE_in)
		return 0;
	bpf_probe_read_kernel(&first, sizeof(first), (void *)(head + known->offset));
	if (!is_reset_for(head + known->offset, sk, first >> 4 == 4))
		return 0;
	tcp.note = TCP_RESET_RECEIVED;
	return tell_tcp(known, &tcp, HOOK_tcp_receive_reset, (__u64)sk, NULL);
}

/*
 * It came with the tracepoint's third argument, in 6.17: a segment that could not be sent is told
 * since then.
 */
static __always_inline bool tells_errors(const struct trace_event_raw_tcp_retransmit_skb *event)
{
	return bpf_core_field_exists(event->err);
}

/* Called when the segment's clone has been handed to the device. */
SEC("hook/tcp_retransmit_skb") int UNBROKEN(on_tcp_retransmit_skb, __u64 *ctx)
{
	__u64 skb = argument(ctx, 1);
	struct tracked *known = find_noted(skb);
	struct inet_connection_sock *connection = (struct inet_connection_sock *)argument(ctx, 0);
	struct tcp_section tcp = {};

	/* EBUSY: it waits for its neighbour or in a queue as it is. */
	if (!known || (tells_errors(NULL) && (__s32)argument(ctx, 2)))
		return 0;
	tcp.note = TCP_RETRANSMITTED;
	tcp.ca_state = BPF_CORE_READ_BITFIELD_PROBED(connection, icsk_ca_state);
	tcp.tries = READ(connection, icsk_retransmits);
	return tell_tcp(known, &tcp, HOOK_tcp_retransmit_skb, (__u64)connection,
			(struct sk_buff *)skb);
}

/* Tells of the packet in this skb, if it is one to tell of, that it is put into or taken out. */
static __always_inline void tell_queue(__u64 skb, struct Qdisc *qdisc, enum hook_id hook)
{
	struct tracked *known = find_noted(skb);
	struct qdisc_note *note;

	if (!known || known->stage != STAGE_tx)
		return;
	note = room_for(sizeof(*note));
	if (!note)
		return;
	fill_note(&note->header, hook, STAGE_qdisc, known->id);
	fill_device(&note->header, READ(qdisc, dev_queue, dev));
	__builtin_memset(&note->qdisc, 0, sizeof(note->qdisc));
	note->qdisc.section.id = SECTION_qdisc;
	note->qdisc.section.size = sizeof(note->qdisc);
	note->qdisc.handle = READ(qdisc, handle);
	BPF_CORE_READ_INTO(&note->qdisc.kind, qdisc, ops, id);
	submit(note);
}

/*
 * Since 5.15. Who finds the queue empty may go past it. Of several segments in one a queue may have
 * made packets by now (tbf, cake), and freed it.
 */
SEC("hook/qdisc_enqueue") int UNBROKEN(on_qdisc_enqueue, __u64 *ctx)
{
	__u64 skb = argument(ctx, 2);
	struct sk_buff *packet = (struct sk_buff *)skb;
	struct skb_shared_info *info;

	if (!tracked_count)
		return 0;
	info = (struct skb_shared_info *)(number_at(&packet->head) + READ(packet, end));
	if (!READ(info, gso_size))
		tell_queue(skb, (struct Qdisc *)argument(ctx, 0), HOOK_qdisc_enqueue);
	return 0;
}

/* What leaves a queue together is a list. */
#define DEQUEUED_MAX 16

SEC("hook/qdisc_dequeue") int UNBROKEN(on_qdisc_dequeue, __u64 *ctx)
{
	struct Qdisc *qdisc = (struct Qdisc *)argument(ctx, 0);
	__u64 skb = argument(ctx, 3);

	for (int i = 0; i < DEQUEUED_MAX && skb; i++) {
		tell_queue(skb, qdisc, HOOK_qdisc_dequeue);
		skb = (__u64)READ((struct sk_buff *)skb, next);
	}
	return 0;
}

/*
 * An interface's driver has answered. With any other code but this one the skb is freed by now, and
 * its memory may be another's: if it was dropped, kfree_skb has told that.
 */
#define NETDEV_TX_BUSY 0x10

SEC("hook/net_dev_xmit") int UNBROKEN(on_net_dev_xmit, __u64 *ctx)
{
	struct refusal_note *note;
	struct tracked *known;

	if ((__s32)ctx[1] != NETDEV_TX_BUSY)
		return 0;
	known = find_noted(argument(ctx, 0));
	if (!known)
		return 0;
	note = room_for(sizeof(*note));
	if (!note)
		return 0;
	fill_note(&note->header, HOOK_net_dev_xmit, STAGE_driver, known->id);
	fill_device(&note->header, (struct net_device *)argument(ctx, 2));
	note->refusal.section.id = SECTION_refusal;
	note->refusal.section.size = sizeof(note->refusal);
	note->refusal.code = NETDEV_TX_BUSY;
	submit(note);
	return 0;
}
