/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Packets that nobody asked for: is it for a port that a socket of the command is bound to, and for
 * this machine? */
#pragma once

#include "bpf/addresses.bpf.h"
#include "bpf/command_flow.bpf.h"

/* Packets to the port that this socket is bound to are the command's. */
__attribute__((noinline)) int learn_port(__u64 socket)
{
	struct sock *sk = (struct sock *)socket;
	struct scratch *my = taken_scratch();
	__u16 family;

	if (!my)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	my->port.port = bpf_htons(BPF_CORE_READ(sk, __sk_common.skc_num));
	if (!my->port.port || BPF_CORE_READ(sk, sk_type) == SOCK_RAW)
		return 0;
	my->port_owner.v6only = 0;
	if (family == AF_INET) {
		my->port.address[0] = 0;
		my->port.address[1] = v4_mapped(BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	} else if (family == AF_INET6) {
		BPF_CORE_READ_INTO(&my->port.address, sk, __sk_common.skc_v6_rcv_saddr);
		my->port_owner.v6only =
		    BPF_CORE_READ_BITFIELD_PROBED(&sk->__sk_common, skc_ipv6only);
	} else {
		return 0;
	}
	my->port.protocol = BPF_CORE_READ(sk, sk_protocol);
	my->port.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	my->port_owner.sk = sk;
	my->port_owner.inode = owner_inode(sk);
	bpf_map_update_elem(&command_ports, &my->port, &my->port_owner, BPF_ANY);
	return 0;
}

/*
 * Is a socket of the command bound to it? A socket that was closed is found out here: its memory
 * has no such inode any more.
 */
__attribute__((noinline)) int has_port(__u64 high, __u64 low, __u32 netns, __u32 port_protocol,
				       __u32 v4)
{
	struct port_owner *owner;
	struct port_key key;

	key.address[0] = high;
	key.address[1] = low;
	key.netns = netns;
	key.port = port_protocol >> 16;
	key.protocol = port_protocol;
	owner = bpf_map_lookup_elem(&command_ports, &key);
	if (!owner)
		return 0;
	if (owner_inode(owner->sk) != owner->inode) {
		bpf_map_delete_elem(&command_ports, &key);
		return 0;
	}
	return !(v4 && owner->v6only && !low);
}

/* Does a socket of the command wait for it at its port? */
static __always_inline bool is_for_port(const struct flow *flow, __u64 dev)
{
	__u64 high = flow->to.address[0];
	__u64 low = flow->to.address[1];
	__u32 port = (__u32)flow->to.port << 16 | flow->protocol;
	bool v4 = !high && (__u32)low == 0xffff0000;

	if (!dev)
		return false;
	if (has_port(high, low, flow->netns, port, v4))
		return true;
	if (!has_port(0, 0, flow->netns, port, v4) &&
	    !(v4 && has_port(0, v4_mapped(0), flow->netns, port, v4)))
		return false;
	/* It may only come through here. */
	return v4 ? is_local_v4(dev, low >> 32) : is_local_v6(dev, high, low);
}
