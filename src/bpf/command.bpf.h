/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Which packets does a command send and receive? Its processes are known from their first moment
 * on, their sockets from the system calls that make them, and what these send by the packet's
 * socket. What comes back has no socket yet where it is first seen: it is known by its flow, turned
 * round, in each namespace that a packet of the flow came through; what nobody asked for by the
 * port that a socket of the command is bound to.
 */
#pragma once

#include "bpf/command_port.bpf.h"
#include "bpf/command_process.bpf.h"

/*
 * The steps below are functions of their own so that none of them needs more stack than the program
 * leaves, on 5.10 512 bytes for all that are under way. First, what packet it is: look_at_flow().
 */
enum belongs {
	BELONGS_NOT,
	BELONGS,
	BELONGS_WITH_PORT,	   /* and what comes to the socket's port does, too */
	BELONGS_IF_SOMEBODY_WAITS, /* at its port */
};

/* Second: has it a socket, or a flow, of the command? */
__attribute__((noinline)) int belongs(void)
{
	struct scratch *my = taken_scratch();
	struct sock *sk;
	bool is_new;

	if (!my)
		return BELONGS_NOT;
	sk = my->sk;
	my->inode = sk ? owner_inode(sk) : 0;
	if (my->inode && bpf_map_lookup_elem(&command_sockets, &my->inode)) {
		if (my->kind != FLOW_OWN)
			return BELONGS;
		is_new = note_flow(my, my->outgoing ? my->inode : 0);
		return is_new && my->outgoing && BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM
			   ? BELONGS_WITH_PORT
			   : BELONGS;
	}
	if (my->kind == FLOW_NONE)
		return BELONGS_NOT;
	if (is_known_flow(my))
		return BELONGS;
	return my->outgoing || my->kind != FLOW_OWN ? BELONGS_NOT : BELONGS_IF_SOMEBODY_WAITS;
}

/* Third: does somebody wait for it? */
__attribute__((noinline)) int somebody_waits(void)
{
	struct scratch *my = taken_scratch();

	return my && is_for_port(&my->flow, my->dev);
}

/* From now on, what is on the same flow is the command's. */
__attribute__((noinline)) int learn_flow(void)
{
	struct scratch *my = taken_scratch();

	if (my && my->kind == FLOW_OWN)
		note_flow(my, 0);
	return 0;
}

/*
 * Does the command send or receive the packet whose IP header is at `start`? `where`: the
 * namespace's inode, and 1 << 32 where it sets out or is on its way.
 */
static __always_inline bool is_of_command(__u64 start, __u32 linear, __u64 sk, __u64 dev,
					  __u64 where)
{
	int verdict;

	if (!look_at_flow(start, linear, sk, dev, where))
		return false;
	verdict = belongs();
	if (verdict == BELONGS_WITH_PORT) {
		learn_port(sk);
	} else if (verdict == BELONGS_IF_SOMEBODY_WAITS) {
		verdict = somebody_waits();
		if (verdict)
			learn_flow();
	}
	done_looking();
	return verdict != BELONGS_NOT;
}

/*
 * A packet of the command came through this namespace with these addresses, which NAT may have
 * given it: so will the answer.
 */
static __always_inline void follow_flow(__u64 start, __u32 linear, __u32 netns)
{
	if (!look_at_flow(start, linear, 0, 0, netns))
		return;
	learn_flow();
	done_looking();
}
