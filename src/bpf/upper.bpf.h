/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Devices upon another: which of them has a packet that comes in, when the IP layer gets it. */
#pragma once

#include "bpf/addresses.bpf.h"
#include "bpf/packet.bpf.h"

/* Is it a port (of a bridge, a bond) that has no packets of its own? A macvlan's parent has. */
static __always_inline bool has_master(struct net_device *dev)
{
	return dev->rx_handler && !(BPF_CORE_READ_BITFIELD(dev, priv_flags) & IFF_MACVLAN_PORT);
}

static __always_inline bool is_bridge_port(const struct place *place)
{
	return place->dev && BPF_CORE_READ_BITFIELD(device_at(place), priv_flags) & IFF_BRIDGE_PORT;
}

static __always_inline bool is_for_this_machine(struct sk_buff *skb, const struct place *place)
{
	return place->dev && BPF_CORE_READ_BITFIELD(skb, pkt_type) != PACKET_OTHERHOST;
}

/*
 * The tag of a VLAN that the hardware has taken off, or that a veth never put in front: its
 * protocol and, in the lower half, its TCI. 0: none.
 */
static __always_inline __u32 tag_of(struct sk_buff *skb)
{
	bool is_there = bpf_core_field_exists(skb->vlan_present)
			    ? BPF_CORE_READ_BITFIELD(skb, vlan_present)
			    : skb->vlan_proto != 0;

	return is_there ? (__u32)skb->vlan_proto << 16 | skb->vlan_tci : 0;
}

/*
 * Does the IP layer get it as this interface's? Its receive functions are called where the packet
 * is IP's and for this machine to look at, and nothing upon the interface has it first: see
 * __netif_receive_skb_core, the same from 5.10 to 7.2.
 */
static __always_inline bool goes_to_ip(struct sk_buff *skb, const struct place *place)
{
	return is_ip(bpf_ntohs(skb->protocol)) && is_for_this_machine(skb, place) &&
	       !device_at(place)->rx_handler;
}

/* The device that is the first above this one: its master, where it has one. */
static __always_inline struct net_device *upper_of(struct net_device *dev)
{
	struct netdev_adjacent *first = (void *)READ(dev, adj_list.upper.next) -
					bpf_core_field_offset(struct netdev_adjacent, list);

	return READ(first, dev);
}

/* What a port of a bond or a team receives (and netvsc's virtual function) is that device's. */
static __always_inline struct net_device *bond_of(struct net_device *dev)
{
	bool is_port = READ(dev, flags) & IFF_SLAVE ||
		       BPF_CORE_READ_BITFIELD_PROBED(dev, priv_flags) & IFF_TEAM_PORT;

	return is_port && READ(dev, rx_handler) ? upper_of(dev) : NULL;
}

/*
 * Where vlan_info has the arrays of VLAN interfaces (grp.vlan_devices_arrays): for 802.1Q and for
 * 802.1ad, 8 times 512 of them. So it is in 5.10 to 7.2, says their BTF. Not by CO-RE: a kernel
 * without VLANs has no such type, and libbpf would look for it in the modules, which takes root.
 */
#define VLAN_ARRAYS 32
#define VLAN_PARTS 8
#define VLANS_IN_PART 512

/* The VLAN interface upon it that takes what has this tag (vlan_find_dev), or NULL. */
static __always_inline struct net_device *vlan_upon(struct net_device *dev, __be16 protocol,
						    __u16 tci)
{
	__u32 id = tci & VLAN_ID_MASK, part = id / VLANS_IN_PART;
	__u64 vlans;

	if (!dev || !bpf_core_field_exists(dev->vlan_info))
		return NULL;
	if (protocol == bpf_htons(ETH_P_8021AD))
		part += VLAN_PARTS;
	vlans = number_at(&dev->vlan_info);
	if (vlans)
		vlans = number_at((void *)(vlans + VLAN_ARRAYS + part * sizeof(void *)));
	if (vlans)
		vlans = number_at((void *)(vlans + id % VLANS_IN_PART * sizeof(void *)));
	/* A tag of no VLAN has no more than a priority. */
	return vlans || id ? (struct net_device *)vlans : dev;
}

/*
 * Which bond and VLAN interfaces take it over, one from the other? The last of them that gets it,
 * or 0. A tag that is not taken off is at `data`.
 */
__attribute__((noinline)) __u64 find_upper(__u64 device, __u64 data, __u32 protocol, __u32 tag)
{
	struct net_device *dev = (struct net_device *)device, *bond = bond_of(dev);
	__u64 next;

	if (bond)
		dev = bond;
	if (tag)
		dev = vlan_upon(dev, tag >> 16, tag);
	if (is_vlan(bpf_ntohs(protocol))) {
		next = number_at((void *)data);
		dev = vlan_upon(dev, protocol, bpf_ntohs(next));
		protocol = next >> 16 & 0xffff;
	}
	return dev && is_ip(bpf_ntohs(protocol)) ? as_number((const __u64 *)&dev) : 0;
}

/*
 * What rtnetlink calls a device (rtnl_link_ops.kind), as far as a number has room: "macvlan", or
 * "ipvlan" with the NUL behind it.
 */
static __always_inline __u64 kind_of(struct net_device *dev)
{
	return bpf_be64_to_cpu(number_at(READ(dev, rtnl_link_ops, kind))) >> 8;
}

#define KIND(a, b, c, d, e, f, g)                                                                  \
	((__u64)(a) << 48 | (__u64)(b) << 40 | (__u64)(c) << 32 | (__u64)(d) << 24 | (e) << 16 |   \
	 (f) << 8 | (g))
#define KIND_MACVLAN KIND('m', 'a', 'c', 'v', 'l', 'a', 'n')
#define KIND_MACVTAP KIND('m', 'a', 'c', 'v', 't', 'a', 'p')
#define KIND_IPVLAN KIND('i', 'p', 'v', 'l', 'a', 'n', 0)
#define KIND_IPVTAP KIND('i', 'p', 'v', 't', 'a', 'p', 0)

static __always_inline __u64 mac_at(__u64 address)
{
	return bpf_be64_to_cpu(number_at((void *)address)) >> 16;
}

static __always_inline __u64 mac_of(struct net_device *dev)
{
	return mac_at((__u64)READ(dev, dev_addr));
}

static __always_inline bool is_to_address_of(struct net_device *dev, __u64 start)
{
	__u64 device = as_number((const __u64 *)&dev);

	if (ip_version(start) == 4)
		return is_local_v4(device, number_at((void *)(start + 16)));
	return is_local_v6(device, number_at((void *)(start + 24)),
			   number_at((void *)(start + 32)));
}

/* Devices upon one that are looked at. */
#define UPPERS_MAX 128

/*
 * Which of the macvlan or ipvlan interfaces upon a device takes what has these link layer and IP
 * headers (macvlan_handle_frame, ipvlan_handle_frame)? The device itself, where it has such but it
 * is for none of them; 0: it has none. A macvlan that has the MAC address of the one below (mode
 * passthru; no other mode lets it) takes all.
 */
__attribute__((noinline)) __u64 find_child(__u64 device, __u64 mac, __u64 start)
{
	struct net_device *dev = (struct net_device *)device;
	__u64 end = device + bpf_core_field_offset(struct net_device, adj_list.upper);
	__u64 link = (__u64)READ(dev, adj_list.upper.next), taker = 0;

	for (int i = 0; i < UPPERS_MAX && link && link != end; i++) {
		struct netdev_adjacent *upper =
		    (void *)(link - bpf_core_field_offset(struct netdev_adjacent, list));
		struct net_device *child = READ(upper, dev);
		__u64 kind = kind_of(child);
		bool is_its;

		link = number_at((void *)link);
		if (kind == KIND_MACVLAN || kind == KIND_MACVTAP)
			is_its = mac_of(child) == mac_at(mac) || mac_of(child) == mac_of(dev);
		else if (kind == KIND_IPVLAN || kind == KIND_IPVTAP)
			is_its = is_to_address_of(child, start);
		else
			continue;
		if (is_its)
			return as_number((const __u64 *)&child);
		taker = device;
	}
	return taker;
}

/* Is it up, and does nothing upon it have its packets first (a bridge, who has a macvtap open)? */
static __always_inline bool takes_to_ip(struct net_device *dev)
{
	return READ(dev, flags) & IFF_UP && !READ(dev, rx_handler);
}

/*
 * The device by which the IP layer has the packet next, where it may be another than the one that
 * has received it; or 0. No hook sees how those upon another take it over, one from the other
 * (RX_HANDLER_ANOTHER, vlan_do_receive).
 */
static __always_inline __u64 upper_to_ip(struct sk_buff *skb, const struct place *place)
{
	__u32 type = BPF_CORE_READ_BITFIELD(skb, pkt_type), tag = tag_of(skb);
	bool is_tagged = is_vlan(bpf_ntohs(skb->protocol));
	__u64 upper, child, start = data_of(skb);

	if (!place->dev || !(tag || is_tagged || device_at(place)->rx_handler))
		return 0;
	upper = find_upper(as_number((const __u64 *)&place->dev), start, skb->protocol, tag);
	if (upper && READ((struct net_device *)upper, rx_handler)) {
		child = find_child(upper, head_of(skb) + skb->mac_header,
				   is_tagged ? start + VLAN_HLEN : start);
		/* Of what is for many they get copies, and it stays where it is. */
		if (!child)
			return 0;
		if (child != upper && (type == PACKET_HOST || type == PACKET_OTHERHOST))
			return takes_to_ip((struct net_device *)child) ? child : 0;
	}
	return type == PACKET_OTHERHOST ? 0 : upper;
}

/*
 * Will what GRO makes of it be seen? By the IP layer's hook, or as a bridge's own or its other
 * ports'.
 */
static __always_inline bool is_seen_after_gro(struct sk_buff *skb, const struct place *place)
{
	__u32 taken_by_others = IFF_BRIDGE_PORT | IFF_OVS_DATAPATH;

	return goes_to_ip(skb, place) || upper_to_ip(skb, place) ||
	       (place->dev &&
		BPF_CORE_READ_BITFIELD(device_at(place), priv_flags) & taken_by_others);
}
