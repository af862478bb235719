/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Is this a packet that the user asked for? Asked once, on first sight; then the packet is
 * followed. */
#pragma once

#include "bpf/filter.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/packet.bpf.h"

#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_FRAGMENT 44
#define IPPROTO_ESP 50
#define IPPROTO_AH 51
#define IPPROTO_ICMPV6 58
#define IPV6_HEADER_BYTES 40
#define MAX_EXTENSIONS 4

struct ipv4_header {
	__u8 version_ihl;
	__u8 tos;
	__be16 len;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 check;
	__u8 saddr[4];
	__u8 daddr[4];
};

struct echo_message {
	__u8 type;
	__u8 code;
	__u16 check;
	__be16 id;
	__be16 seq;
	__u64 cookie;
};

enum echo_kind {
	ECHO_NONE,
	ECHO_REQUEST,
	ECHO_REPLY,
	ECHO_ERROR, /* about a packet that it quotes */
};

static __always_inline enum echo_kind classify(__u8 icmp_protocol, __u8 type)
{
	if (icmp_protocol == IPPROTO_ICMP) {
		if (type == 8)
			return ECHO_REQUEST;
		if (type == 0)
			return ECHO_REPLY;
		if (type == 3 || type == 4 || type == 5 || type == 11 || type == 12)
			return ECHO_ERROR;
	} else {
		if (type == 128)
			return ECHO_REQUEST;
		if (type == 129)
			return ECHO_REPLY;
		if (type >= 1 && type <= 4)
			return ECHO_ERROR;
	}
	return ECHO_NONE;
}

/*
 * Steps over an IP header. Returns the offset of the ICMP message behind it, with IPPROTO_ICMP or
 * IPPROTO_ICMPV6 << 16; 0 where there is none (another protocol, a later fragment, a header that
 * makes no sense).
 *
 * This and match_echo() are global functions, which the verifier looks at once, whatever they are
 * called with; inlined, their many ways through made up most of the time that a start takes.
 */
__attribute__((noinline)) int find_icmp(__u64 start, __u32 linear)
{
	union {
		struct ipv4_header v4;
		__u8 v6[IPV6_HEADER_BYTES];
	} ip = {};
	__u32 offset = IPV6_HEADER_BYTES;
	__u8 next;

	if (linear < sizeof(ip.v4) || bpf_probe_read_kernel(&ip.v4, sizeof(ip.v4), (void *)start))
		return 0;
	if (ip.v4.version_ihl >> 4 == 4) {
		if (ip.v4.protocol != IPPROTO_ICMP || ip.v4.fragment & bpf_htons(0x1fff))
			return 0;
		return (ip.v4.version_ihl & 0xf) * 4 | IPPROTO_ICMP << 16;
	}
	if (ip.v4.version_ihl >> 4 != 6)
		return 0;
	next = ip.v6[6];
#pragma unroll
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		struct {
			__u8 next;
			__u8 len;
			__be16 fragment;
		} extension = {};

		if (next == IPPROTO_ICMPV6)
			return offset | IPPROTO_ICMPV6 << 16;
		/* hop-by-hop, routing, fragment, destination options */
		if (next != 0 && next != 43 && next != 44 && next != 60)
			return 0;
		if (linear < offset + sizeof(extension) ||
		    bpf_probe_read_kernel(&extension, sizeof(extension), (void *)(start + offset)))
			return 0;
		if (next == 44 && extension.fragment & bpf_htons(0xfff8))
			return 0;
		offset += next == 44 ? 8 : 8 + extension.len * 8;
		next = extension.next;
	}
	return 0;
}

/* Reads the echo message at `at`, of which `linear` bytes are there: its header at least. */
static __always_inline bool read_echo(__u64 at, __u32 linear, struct echo_message *echo)
{
	if (linear >= sizeof(*echo))
		return !bpf_probe_read_kernel(echo, sizeof(*echo), (void *)at);
	linear &= sizeof(*echo) - 1;
	return linear >= 8 && !bpf_probe_read_kernel(echo, linear, (void *)at);
}

/*
 * Is there, at the IP header at `start`, an echo request of ours, an answer to one or an error
 * about one? `trusted`: a request whose cookie is not whole is ours (it comes from our socket).
 * `more`: the packet goes on where it cannot be read. Over lo a large one has its data there.
 */
__attribute__((noinline)) int match_echo(__u64 start, __u32 linear, __u32 trusted, __u32 more)
{
	struct echo_message echo = {};
	__u32 found = find_icmp(start, linear);
	__u32 offset = found & 0xffff;
	enum echo_kind kind;

	if (!found)
		return 0;
	if (linear < offset || !read_echo(start + offset, linear - offset, &echo)) {
		if (more)
			count_loss(LOSS_unreadable);
		return 0;
	}
	kind = classify(found >> 16, echo.type);
	if (kind == ECHO_NONE)
		return 0;
	if (kind == ECHO_ERROR) {
		/* The packet that it is about follows its header. */
		offset += 8;
		if (linear < offset)
			return 0;
		start += offset;
		linear -= offset;
		found = find_icmp(start, linear);
		offset = found & 0xffff;
		if (!found || linear < offset ||
		    !read_echo(start + offset, linear - offset, &echo) ||
		    classify(found >> 16, echo.type) != ECHO_REQUEST)
			return 0;
	}
	if (more && linear < offset + sizeof(echo))
		return echo.id == config.echo.id && (kind != ECHO_REQUEST || trusted);
	if ((echo.cookie ^ config.echo.cookie) & config.echo.cookie_mask)
		return 0;
	/* With a whole cookie the id says nothing more, and NAT may have changed it. */
	if (!~config.echo.cookie_mask)
		return 1;
	return echo.id == config.echo.id && (kind != ECHO_REQUEST || trusted);
}

static __always_inline bool matches_echo(const struct place *place, const struct view *view)
{
	bool trusted = place->sk && (__u64)socket_at(place)->__sk_common.skc_cookie.counter ==
					config.echo.socket_cookie;

	return match_echo(view->start, view->linear, trusted, view->len > view->linear);
}

/* Cheap and right for nearly all that is no ping: IPv4 says so, IPv6 too if no extension follows.
 */
static __always_inline bool may_be_icmp(const __u8 *window)
{
	if (window[0] >> 4 == 4)
		return window[9] == IPPROTO_ICMP;
	return window[0] >> 4 == 6 && window[6] != 6 && window[6] != 17;
}

static __always_inline bool is_in(const volatile __u64 *set, __u8 protocol)
{
	return set[protocol >> 6] >> (protocol & 63) & 1;
}

/*
 * The cheapest question, asked before anything is copied: could it match, by its protocol? Where
 * that cannot be seen for next to nothing (without kfuncs, since 6.2), yes.
 */
static __always_inline bool may_match(const struct view *view)
{
#ifndef WITHOUT_KFUNCS
	if ((config.filter_has_l3 || config.mode == MATCH_ECHO) && is_ip(view->protocol) &&
	    view->linear >= sizeof(struct ipv4_header)) {
		__u64 first = number_at((void *)view->start);
		const __u8 *bytes = (const __u8 *)&first;

		if (bytes[0] >> 4 == 6)
			return is_in(config.protocols.v6, bytes[6]);
		if (bytes[0] >> 4 == 4) {
			first = number_at((void *)(view->start + 8));
			return is_in(config.protocols.v4, bytes[1]);
		}
	}
#endif
	return true;
}

/*
 * Asks the filter about the packet at `start`, or from `before` bytes before that on, where its
 * link layer header is. Reads the bytes anew: only numbers may be given to a global function
 * on 5.10.
 */
__attribute__((noinline)) int match_filter(__u64 start, __u32 len, __u32 linear, __u32 before)
{
	__u8 window[FILTER_WINDOW] __attribute__((aligned(8)));
	int verdict = FILTER_NOT_LINEAR;

	start -= before;
	len += before;
	linear += before;
	if (read_window(window, start, linear))
		verdict = before ? filter_l2(window, len, start, linear)
				 : filter_l3(window, len, start, linear);
	if (verdict == FILTER_NOT_LINEAR)
		count_loss(LOSS_unreadable);
	return verdict == FILTER_MATCH;
}

static __always_inline bool matches_filter(struct sk_buff *skb, const struct view *view)
{
	__u64 start = view->start;
	__u32 before = 0;

	if (!is_ip(view->protocol) || !config.filter_has_l3) {
		before = start - head_of(skb) - skb->mac_header;
		/* No link layer header (yet): nothing that the filter's words could be about. */
		if (skb->mac_header == 0xffff || before < 14 || before > 64)
			return false;
	}
	return match_filter(start, view->len, view->linear, before);
}
