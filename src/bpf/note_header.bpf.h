/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The header of a record of a packet that is followed already, through pointers of which nothing
 * may be concluded. */
#pragma once

#include "bpf/read.bpf.h"
#include "wire/record.h"

static __always_inline void fill_note_of(struct record_header *header, enum hook_id hook,
					 enum stage_id stage, __u64 packet, __u64 time_ns)
{
	__builtin_memset(header, 0, sizeof(*header));
	header->hook = hook;
	header->stage = stage;
	header->cpu = bpf_get_smp_processor_id();
	header->time_ns = time_ns;
	header->packet = packet;
}

static __always_inline void fill_note(struct record_header *header, enum hook_id hook,
				      enum stage_id stage, __u64 packet)
{
	fill_note_of(header, hook, stage, packet, bpf_ktime_get_ns());
}

static __always_inline void fill_net(struct record_header *header, struct net *net)
{
	header->netns = READ(net, ns.inum);
	if (bpf_core_field_exists(net->net_cookie))
		header->netns_cookie = READ(net, net_cookie);
}

static __always_inline void fill_device(struct record_header *header, struct net_device *dev)
{
	if (!dev)
		return;
	header->ifindex = READ(dev, ifindex);
	BPF_CORE_READ_INTO(&header->ifname, dev, name);
	fill_net(header, READ(dev, nd_net.net));
}
