/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Whose address is it? */
#pragma once

#include "bpf/read.bpf.h"

/* Addresses of one interface that are looked at. */
#define MAX_ADDRESSES 16

/* Is the address one of the interface's, or of a kind that need not be? */
__attribute__((noinline)) int is_local_v4(__u64 device, __be32 address)
{
	struct net_device *dev = (struct net_device *)device;
	__u8 first = address & 0xff;
	struct in_ifaddr *one;

	if (first == 127 || first >= 224)
		return 1;
	one = BPF_CORE_READ(dev, ip_ptr, ifa_list);
	for (int i = 0; i < MAX_ADDRESSES && one; i++) {
		if (BPF_CORE_READ(one, ifa_local) == address ||
		    BPF_CORE_READ(one, ifa_broadcast) == address)
			return 1;
		one = BPF_CORE_READ(one, ifa_next);
	}
	return 0;
}

__attribute__((noinline)) int is_local_v6(__u64 device, __u64 high, __u64 low)
{
	struct net_device *dev = (struct net_device *)device;
	struct inet6_dev *in6 = BPF_CORE_READ(dev, ip6_ptr);
	struct list_head *link;
	__u64 own[2] = {};

	/* multicast, ::1 */
	if ((__u8)high == 0xff || (!high && low == 1ull << 56))
		return 1;
	link = BPF_CORE_READ(in6, addr_list.next);
	for (int i = 0; i < MAX_ADDRESSES && link; i++) {
		struct inet6_ifaddr *one =
		    (void *)link - bpf_core_field_offset(struct inet6_ifaddr, if_list);

		bpf_core_read(own, sizeof(own), &one->addr);
		if (own[0] == high && own[1] == low)
			return 1;
		link = BPF_CORE_READ(link, next);
	}
	return 0;
}
