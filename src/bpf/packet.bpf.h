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

/* Request and TIME_WAIT sockets are smaller: they have no more than what all have. */
static __always_inline bool is_whole_socket(__u8 state)
{
	return state != TCP_NEW_SYN_RECV && state != TCP_TIME_WAIT;
}

static __always_inline __u64 inode_of(struct sock *sk)
{
	return READ(sk, sk_socket, file, f_inode, i_ino);
}
