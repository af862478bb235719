/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Where in an skb the packet's IP header is, which depends on how far the kernel has got with it.
 */
#pragma once

#include "bpf/read.bpf.h"
#include "wire/filter.h"

/* The verifier does not know that nobody writes to it. */
__u64 always_zero SEC(".data.zero");

/*
 * The number as it is; but what the verifier has learned of it is forgotten, so that the ways that
 * led here are one again, and what follows is gone through once.
 */
static __always_inline __u64 forgotten(__u64 number)
{
	return number + *(volatile __u64 *)&always_zero;
}

/*
 * Where the packet is, and where its bytes are. Numbers where they can be: of a pointer the
 * verifier remembers whether it is one, and goes through all that follows once for each answer.
 */
#ifndef WITHOUT_KFUNCS
struct place {
	__u64 dev;
	__u64 sk;
	__u64 netns_cookie;
	__u32 netns; /* inode; 0 where it is on no device and no socket */
};

static __always_inline struct net_device *device_at(const struct place *place)
{
	return POINTER_TO(struct net_device, place->dev);
}

static __always_inline struct sock *socket_at(const struct place *place)
{
	return POINTER_TO(struct sock, place->sk);
}

/*
 * Read as a kernel's number: through a trusted pointer, such as a tracepoint's skb, the verifier
 * searches all of the kernel's BTF, by name and in order, for every load of a pointer to a struct
 * (btf_nested_type_is_trusted, since 6.2): 0.4 ms apiece, on every path.
 *
 * A socket keeps what it likes in the device's word while the packet is in its queue (UDP: lengths
 * and flags, union dev_scratch). That is no address of the kernel's, whose sign bit is set, and
 * reading through it would cost a fault apiece, 700 ns.
 */
static __always_inline __u64 address_in(const void *word)
{
	__s64 address = number_at(word);

	return address & address >> 63;
}

static __always_inline __u64 head_of(struct sk_buff *skb)
{
	return number_at(&skb->head);
}

static __always_inline __u64 data_of(struct sk_buff *skb)
{
	return number_at(&skb->data);
}

static __always_inline void set_net(struct place *place, struct net *const *where)
{
	const struct net *net = POINTER_TO(struct net, number_at(where));

	place->netns = net->ns.inum;
	if (bpf_core_field_exists(net->net_cookie))
		place->netns_cookie = net->net_cookie;
}

static __always_inline struct place find_place(struct sk_buff *skb)
{
	struct place place = {.dev = address_in(&skb->dev), .sk = address_in(&skb->sk)};

	if (place.dev)
		set_net(&place, &device_at(&place)->nd_net.net);
	else if (place.sk)
		set_net(&place, &socket_at(&place)->__sk_common.skc_net.net);
	place.dev = forgotten(place.dev);
	place.sk = forgotten(place.sk);
	place.netns = forgotten(place.netns);
	place.netns_cookie = forgotten(place.netns_cookie);
	return place;
}
#else
struct place {
	struct net_device *dev;
	struct sock *sk;
	__u64 netns_cookie;
	__u32 netns; /* inode; 0 where it is on no device and no socket */
};

static __always_inline struct net_device *device_at(const struct place *place)
{
	return place->dev;
}

static __always_inline struct sock *socket_at(const struct place *place)
{
	return place->sk;
}

static __always_inline __u64 head_of(struct sk_buff *skb)
{
	return (__u64)skb->head;
}

static __always_inline __u64 data_of(struct sk_buff *skb)
{
	return (__u64)skb->data;
}

static __always_inline void set_net(struct place *place, struct net *const *where)
{
	struct net *net = *where;

	place->netns = net->ns.inum;
	if (bpf_core_field_exists(net->net_cookie))
		place->netns_cookie = net->net_cookie;
}

static __always_inline struct place find_place(struct sk_buff *skb)
{
	struct place place = {.dev = skb->dev, .sk = skb->sk};

	/* As above. */
	asm volatile("if %0 s< 0 goto +1\n"
		     "%0 = 0\n"
		     : "+r"(place.dev));
	if (place.dev)
		set_net(&place, &place.dev->nd_net.net);
	else if (place.sk)
		set_net(&place, &place.sk->__sk_common.skc_net.net);
	place.netns = forgotten(place.netns);
	place.netns_cookie = forgotten(place.netns_cookie);
	return place;
}
#endif

enum view_kind {
	VIEW_IN,  /* coming in: `data` is past the link layer header, network_header may be stale */
	VIEW_OUT, /* going out, queued or freed: network_header is right */
};

/* The packet from its network header on. */
struct view {
	__u64 head;	/* of the buffer */
	__u64 start;	/* kernel address of the first byte */
	__u32 len;	/* bytes from there to the packet's end */
	__u32 linear;	/* bytes from there that lie in one piece and can be read */
	__u16 protocol; /* ethertype in host order, of what is at `start` */
};

static __always_inline bool is_vlan(__u16 protocol)
{
	return protocol == ETH_P_8021Q || protocol == ETH_P_8021AD;
}

/*
 * A fragment that IP has cut and not yet written the header of, freed with those before it: there
 * is room for one, and in it what the memory held before (ip_fraglist_prepare, since 5.3).
 */
static __always_inline bool has_no_header_yet(struct sk_buff *skb)
{
	return !skb->protocol && skb->network_header < data_of(skb) - head_of(skb);
}

static __always_inline __u8 ip_version(__u64 start)
{
	__u64 first = number_at((void *)start);

	return *(const __u8 *)&first >> 4;
}

/* False where the skb has no network header that could be trusted. */
static __always_inline bool find_packet(struct sk_buff *skb, enum view_kind kind, struct view *view)
{
	__u64 data = data_of(skb);
	__u16 protocol = bpf_ntohs(skb->protocol);
	__u32 len = skb->len;
	__u32 linear = len - skb->data_len;
	__u64 start = data;
	__s64 skipped;

	if (kind == VIEW_IN) {
		struct {
			__be16 tci;
			__be16 protocol;
		} tag;

		/* A tag that no hardware took off is still in front of the network header. */
		if (is_vlan(protocol)) {
			if (linear < sizeof(tag) ||
			    bpf_probe_read_kernel(&tag, sizeof(tag), (void *)data))
				return false;
			protocol = bpf_ntohs(tag.protocol);
			start += sizeof(tag);
		}
	} else {
		if (!skb->network_header || has_no_header_yet(skb))
			return false;
		start = head_of(skb) + skb->network_header;
		/*
		 * The tag is in the link layer header: what follows it, only its bytes can tell;
		 * and so it is before the IP layer has said what it made.
		 */
		if (!protocol || is_vlan(protocol)) {
			__u8 version = ip_version(start);

			if (version == 4)
				protocol = ETH_P_IP;
			else if (version == 6)
				protocol = ETH_P_IPV6;
		}
	}
	skipped = (__s64)(start - data);
	if (skipped > (__s64)len)
		return false;
	view->start = start;
	view->len = len - (__s32)skipped;
	view->linear = skipped > (__s64)linear ? 0 : linear - (__s32)skipped;
	view->protocol = protocol;
	return true;
}

/* The first bytes at `start` into `window`, at a multiple of 8; zeros where there are none. */
static __always_inline bool read_window(__u8 *window, __u64 start, __u32 linear)
{
	if (linear >= FILTER_WINDOW) {
#ifndef WITHOUT_KFUNCS
		for (int i = 0; i < FILTER_WINDOW; i += sizeof(__u64))
			*(__u64 *)(window + i) = number_at((void *)(start + i));
		return true;
#else
		return !bpf_probe_read_kernel(window, FILTER_WINDOW, (void *)start);
#endif
	}
	__builtin_memset(window, 0, FILTER_WINDOW);
	/* The compiler knows that it is less; verifiers of before 6.2 do not, and want to see it.
	 */
	asm volatile("" : "+r"(linear));
	linear &= FILTER_WINDOW - 1;
	return !linear || !bpf_probe_read_kernel(window, linear, (void *)start);
}

static __always_inline bool is_ip(__u16 protocol)
{
	return protocol == ETH_P_IP || protocol == ETH_P_IPV6;
}

/*
 * The IP layer's receive functions are called from here when the packet is IP's, is for this
 * machine to look at, and the interface has no master (bridge, bond, ipvlan) that takes it first:
 * __netif_receive_skb_core, the same from 5.10 to 7.2. A macvlan's parent keeps what is for its own
 * address.
 */
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

static __always_inline bool goes_to_ip(struct sk_buff *skb, const struct place *place)
{
	return is_ip(bpf_ntohs(skb->protocol)) && is_for_this_machine(skb, place) &&
	       !has_master(device_at(place));
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
 * The device above this one by which the IP layer has the packet next, or 0: no hook sees how a
 * bond and VLAN interfaces take it over, one from the other (RX_HANDLER_ANOTHER, vlan_do_receive).
 * A tag that is not taken off is at `data`.
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
	} else if (!bond && !tag) {
		return 0;
	}
	if (!dev || !is_ip(bpf_ntohs(protocol)) || READ(dev, rx_handler))
		return 0;
	return as_number((const __u64 *)&dev);
}

static __always_inline __u64 upper_to_ip(struct sk_buff *skb, const struct place *place)
{
	if (!is_for_this_machine(skb, place))
		return 0;
	return find_upper(as_number((const __u64 *)&place->dev), data_of(skb), skb->protocol,
			  tag_of(skb));
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

/* Request and TIME_WAIT sockets are smaller: they have no more than what all have. */
static __always_inline bool is_whole_socket(__u8 state)
{
	return state != TCP_NEW_SYN_RECV && state != TCP_TIME_WAIT;
}

static __always_inline __u64 inode_of(struct sock *sk)
{
	return READ(sk, sk_socket, file, f_inode, i_ino);
}
