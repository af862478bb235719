/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the routing tables answered. The hooks have no packet: an answer is kept under where it is
 * asked for, and told with the next that is seen of a packet that goes there.
 */
#pragma once

#include "bpf/emit.bpf.h"
#include "bpf/unbroken.bpf.h"

#define LOOPBACK_IFINDEX 1
#define RTN_UNICAST 1
#define RTN_LOCAL 2
#define RTN_BROADCAST 3
#define RTN_MULTICAST 5
#define RTN_BLACKHOLE 6
#define RTN_PROHIBIT 8
#define RT_SCOPE_NOWHERE 255
#define RTF_GATEWAY 0x2
#define RTF_LOCAL 0x80000000
#define ENETUNREACH 101
#define SKB_DST_NOREF 1UL
#define DST_METADATA 0x0080

/* What waits for its neighbour's address is first seen when that is found: after 3 s at most. */
#define ROUTE_MAX_AGE_NS 5000000000
/* What goes nowhere is dropped at once. */
#define REFUSAL_MAX_AGE_NS 200000000

/* Namespaces number their interfaces alike: an ARP request for the destination is looked up there
 * too. */
struct route_key {
	__u8 daddr[16];
	__u32 iif; /* LOOPBACK_IFINDEX for packets that are made here */
	__u16 family;
	__u16 refused; /* 1: there is no way, which is told of what is dropped alone */
	__u32 netns;   /* inode; 0 where IPv4 knows no way, and so no device */
	__u32 asker;   /* of packets that are made here: who_asks(); else 0 */
};

struct next_hop {
	__u8 via[16];
	__u32 ifindex;
	__u32 via_family;
};

#define NEXT_HOPS 8

/* What is not known of them: there are more than fit, or a group of nexthop objects has them. */
#define HOPS_UNKNOWN (NEXT_HOPS + 1)

struct route_answer {
	__u64 time_ns;
	struct route_section route;
	__u32 count; /* of `hops`; or HOPS_UNKNOWN; 0: it has only the one that is in `route` */
	struct next_hop hops[NEXT_HOPS];
};

struct route_record {
	struct record_header header;
	struct route_section route;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct route_key);
	__type(value, struct route_answer);
} route_answers SEC(".maps");

/*
 * Could it be about a packet that is asked for? One that came in is under way already. Of one that
 * sets out the protocol is known, unless a program only asks for the route.
 */
static __always_inline bool may_concern(const struct flowi_common *flow, const volatile __u64 *set)
{
	if (flow->flowic_iif != LOOPBACK_IFINDEX)
		return tracked_count != 0;
	if (config.mode != MATCH_ECHO && !config.filter_has_l3)
		return true;
	return !flow->flowic_proto || is_in(set, flow->flowic_proto);
}

static __always_inline bool is_vrf(const struct net_device *dev)
{
	return BPF_CORE_READ_BITFIELD_PROBED(dev, priv_flags) & IFF_L3MDEV_MASTER;
}

/*
 * The VRF that the device is in, or that it is. Not if the packet came in by `iif`, another one,
 * from which a route leads out of one VRF into another; 0: it did not come in.
 */
static __always_inline void fill_vrf(struct route_section *route, struct net_device *dev, __u32 iif)
{
	__u32 flags = BPF_CORE_READ_BITFIELD_PROBED(dev, priv_flags);

	if (flags & IFF_L3MDEV_SLAVE) {
		dev = upper_of(dev);
		flags = BPF_CORE_READ_BITFIELD_PROBED(dev, priv_flags);
	}
	if (flags & IFF_L3MDEV_MASTER && (!iif || iif == (__u32)READ(dev, ifindex)))
		BPF_CORE_READ_INTO(&route->l3mdev, dev, name);
}

static __always_inline void add_next_hop(struct route_answer *answer, __u32 i,
					 const struct fib_nh_common *next)
{
	answer->hops[i].ifindex = READ(next, nhc_dev, ifindex);
	answer->hops[i].via_family = READ(next, nhc_gw_family);
	BPF_CORE_READ_INTO(&answer->hops[i].via, next, nhc_gw.ipv6);
}

/*
 * The tables are asked before one of several next hops is selected (fib_select_path(),
 * fib6_select_path()), by what a hook cannot know: all are kept. Of a nexthop object an IPv4 route
 * does not tell whether it is meant itself or one of the groups that it is in.
 */
static __always_inline void fill_next_hops4(struct route_answer *answer,
					    const struct fib_nh_common *next)
{
	const struct fib_info *info = NULL;
	const struct nexthop *object;
	__u32 count;

	if (READ(next, nhc_family) == AF_INET)
		info = READ((const struct fib_nh *)next, nh_parent);
	if (!info) {
		object = READ((const struct nh_info *)((__u64)next - bpf_core_field_offset(
									 struct nh_info, fib_nhc)),
			      nh_parent);
		if ((__u64)READ(object, grp_list.next) !=
		    (__u64)object + bpf_core_field_offset(struct nexthop, grp_list))
			answer->count = HOPS_UNKNOWN;
		return;
	}
	count = READ(info, fib_nhs);
	if (count < 2)
		return;
	answer->count = count <= NEXT_HOPS ? count : HOPS_UNKNOWN;
	next = (void *)((__u64)info + bpf_core_field_offset(struct fib_info, fib_nh));
	_Pragma("unroll") for (__u32 i = 0; i < NEXT_HOPS; i++)
	{
		if (i < answer->count)
			add_next_hop(answer, i, next);
		next = (void *)((__u64)next + bpf_core_type_size(struct fib_nh));
	}
}

static __always_inline void fill_next_hops6(struct route_answer *answer,
					    const struct fib6_info *info)
{
	const struct nexthop *object = READ(info, nh);
	__u32 count;

	if (object) {
		if (READ(object, is_group))
			answer->count = HOPS_UNKNOWN;
		return;
	}
	count = READ(info, fib6_nsiblings) + 1;
	if (count < 2)
		return;
	answer->count = count <= NEXT_HOPS ? count : HOPS_UNKNOWN;
	_Pragma("unroll") for (__u32 i = 0; i < NEXT_HOPS; i++)
	{
		if (i < answer->count)
			add_next_hop(answer, i,
				     (void *)((__u64)info +
					      bpf_core_field_offset(struct fib6_info, fib6_nh)));
		info = (void *)((__u64)READ(info, fib6_siblings.next) -
				bpf_core_field_offset(struct fib6_info, fib6_siblings));
	}
}

static __always_inline void fill_next_hop(struct route_key *key, struct route_answer *answer,
					  const struct fib_nh_common *next)
{
	struct net_device *dev;

	if (!next)
		return;
	answer->route.scope = READ(next, nhc_scope);
	answer->route.via_family = READ(next, nhc_gw_family);
	if (answer->route.via_family)
		BPF_CORE_READ_INTO(&answer->route.via, next, nhc_gw.ipv6);
	dev = READ(next, nhc_dev);
	if (!dev)
		return;
	key->netns = READ(dev, nd_net.net, ns.inum);
	answer->route.ifindex = READ(dev, ifindex);
	BPF_CORE_READ_INTO(&answer->route.ifname, dev, name);
	fill_vrf(&answer->route, dev, key->iif == LOOPBACK_IFINDEX ? 0 : key->iif);
}

/* Packets that come in by an interface of a VRF go on as if they had come by that. */
static __always_inline __u32 came_by(const struct flowi_common *flow)
{
	if (flow->flowic_iif != LOOPBACK_IFINDEX && bpf_core_field_exists(flow->flowic_l3mdev) &&
	    flow->flowic_l3mdev)
		return flow->flowic_l3mdev;
	return flow->flowic_iif;
}

/*
 * What is made here is looked up and sent by one thread, or by an interrupt of it; where there is
 * none, by one CPU. Meanwhile others ask for ways to the same address, whose packets have other
 * marks.
 */
static __always_inline __u32 who_asks(void)
{
	__u32 thread = bpf_get_current_pid_tgid();

	return thread ? thread : ~bpf_get_smp_processor_id();
}

static __always_inline void keep_answer(const struct route_key *key, struct route_answer *answer)
{
	answer->time_ns = bpf_ktime_get_ns();
	answer->route.section.id = SECTION_route;
	answer->route.section.size = sizeof(answer->route);
	answer->route.family = key->family;
	bpf_map_update_elem(&route_answers, key, answer, BPF_ANY);
}

SEC("hook/fib_table_lookup") int UNBROKEN(on_fib_table_lookup, __u64 *ctx)
{
	const struct flowi4 *flow = (const struct flowi4 *)ctx[1];
	const struct fib_nh_common *next;
	struct route_answer answer = {};
	struct route_key key = {};

	if (!may_concern(&flow->__fl_common, config.protocols.v4))
		return 0;
	key.family = AF_INET;
	key.iif = came_by(&flow->__fl_common);
	key.asker = key.iif == LOOPBACK_IFINDEX ? who_asks() : 0;
	*(__be32 *)key.daddr = flow->daddr;
	answer.route.table = ctx[0];
	answer.route.error = (__s32)ctx[3];
	key.refused = answer.route.error != 0;
	next = (const struct fib_nh_common *)as_number(ctx + 2);
	fill_next_hop(&key, &answer, next);
	if (next)
		fill_next_hops4(&answer, next);
	keep_answer(&key, &answer);
	return 0;
}

SEC("hook/fib6_table_lookup") int UNBROKEN(on_fib6_table_lookup, __u64 *ctx)
{
	const struct net *net = (const struct net *)ctx[0];
	const struct fib6_result *result = (const struct fib6_result *)ctx[1];
	const struct fib6_table *table = (const struct fib6_table *)ctx[2];
	const struct flowi6 *flow = (const struct flowi6 *)ctx[3];
	struct route_answer answer = {};
	struct route_key key = {};

	if (!may_concern(&flow->__fl_common, config.protocols.v6))
		return 0;
	key.family = AF_INET6;
	key.iif = came_by(&flow->__fl_common);
	key.asker = key.iif == LOOPBACK_IFINDEX ? who_asks() : 0;
	key.netns = net->ns.inum;
	answer.route.table = table->tb6_id;
	__builtin_memcpy(key.daddr, flow->daddr.in6_u.u6_addr8, sizeof(key.daddr));
	if (result->f6i == net->ipv6.fib6_null_entry) {
		answer.route.error = -ENETUNREACH;
		key.refused = 1;
	} else {
		answer.route.type = result->fib6_type;
		key.refused =
		    RTN_BLACKHOLE <= answer.route.type && answer.route.type <= RTN_PROHIBIT;
		fill_next_hop(&key, &answer, &result->nh->nh_common);
		fill_next_hops6(&answer, result->f6i);
	}
	keep_answer(&key, &answer);
	return 0;
}

static __always_inline void fill_way_out(struct route_section *route, struct net_device *dev)
{
	route->ifindex = READ(dev, ifindex);
	BPF_CORE_READ_INTO(&route->ifname, dev, name);
}

/* What was made of an answer, or of several. */
static __always_inline void fill_from_dst(struct route_section *route, const struct dst_entry *dst)
{
	struct net_device *dev = READ(dst, dev);

	route->type = RTN_UNICAST;
	if (route->family == AF_INET) {
		const struct rtable *way = (const struct rtable *)dst;

		route->type = READ(way, rt_type);
		route->via_family = READ(way, rt_gw_family);
		if (route->via_family)
			BPF_CORE_READ_INTO(&route->via, way, rt_gw6);
	} else {
		const struct rt6_info *way = (const struct rt6_info *)dst;
		__u32 flags = READ(way, rt6i_flags);

		if (flags & RTF_LOCAL)
			route->type = RTN_LOCAL;
		if (flags & RTF_GATEWAY) {
			route->via_family = AF_INET6;
			BPF_CORE_READ_INTO(&route->via, way, rt6i_gateway);
		}
	}
	fill_way_out(route, dev);
	fill_vrf(route, dev, 0);
}

/*
 * Of several next hops the one that was taken: the packet's own route knows, but most devices have
 * it dropped before they see the packet (IFF_XMIT_DST_RELEASE). The device tells it then, unless
 * several go out by it.
 */
static __always_inline void fill_taken_hop(struct route_section *route,
					   const struct route_answer *answer,
					   const struct sk_buff *skb, bool leaves)
{
	const struct dst_entry *dst = (void *)(READ(skb, _skb_refdst) & ~SKB_DST_NOREF);
	struct net_device *dev = dst ? READ(dst, dev) : NULL;
	__u32 found = 0;

	route->via_family = 0;
	route->ifindex = 0;
	__builtin_memset(route->ifname, 0, sizeof(route->ifname));
	__builtin_memset(route->via, 0, sizeof(route->via));
	/* A VRF's device has a route of its own. */
	if (dev && !(READ(dst, flags) & DST_METADATA) && !is_vrf(dev)) {
		fill_from_dst(route, dst);
		return;
	}
	route->flags |= ROUTE_ANY_HOP;
	dev = READ(skb, dev);
	if (!leaves || is_vrf(dev))
		return;
	fill_way_out(route, dev);
	for (__u32 i = 0; i < NEXT_HOPS; i++) {
		const struct next_hop *hop = &answer->hops[i];

		if (i >= answer->count || hop->ifindex != route->ifindex)
			continue;
		found++;
		route->via_family = hop->via_family;
		__builtin_memcpy(route->via, hop->via, sizeof(route->via));
	}
	if (found == 1 && answer->count != HOPS_UNKNOWN)
		route->flags &= ~ROUTE_ANY_HOP;
	else
		route->via_family = 0;
}

/* Somebody else's packets may go another way. A VRF's device comes before that of its route. */
static __always_inline bool may_lead_to(const struct route_answer *answer,
					const struct sk_buff *skb)
{
	const struct route_section *route = &answer->route;

	if (answer->count || route->scope == RT_SCOPE_NOWHERE || route->l3mdev[0] ||
	    (route->type && route->type != RTN_UNICAST))
		return true;
	return route->ifindex == (__u32)READ(skb, dev, ifindex);
}

static __always_inline struct route_record *begin_route(__u8 family, __u64 packet, __u64 time_ns,
							__u64 cookie, __u32 netns)
{
	struct route_record *record = room_for(sizeof(*record));

	if (!record)
		return NULL;
	__builtin_memset(record, 0, sizeof(*record));
	record->header.hook = family == AF_INET ? HOOK_fib_table_lookup : HOOK_fib6_table_lookup;
	record->header.stage = STAGE_route;
	record->header.cpu = bpf_get_smp_processor_id();
	record->header.time_ns = time_ns;
	record->header.packet = packet;
	record->header.netns_cookie = cookie;
	record->header.netns = netns;
	record->route.section.id = SECTION_route;
	record->route.section.size = sizeof(record->route);
	record->route.family = family;
	return record;
}

/*
 * A socket keeps the route to its peer, and asks no table again until that is out of date. Of a
 * packet to another address than its peer's a table is asked; so is of what a request that is no
 * whole socket yet, or any more, is answered with.
 */
__attribute__((noinline)) int tell_kept_route(__u64 packet, __u64 start, __u64 socket,
					      __u64 time_ns)
{
	const struct sock *sk = (const struct sock *)socket;
	__u8 state = READ(sk, __sk_common.skc_state);
	__u64 to[2] = {}, peer[2] = {};
	struct route_record *record;
	struct dst_entry *dst;
	struct net *net;
	__u8 version = ip_version(start);

	if (state == TCP_NEW_SYN_RECV || state == TCP_TIME_WAIT)
		return 0;
	dst = READ(sk, sk_dst_cache);
	if (!dst)
		return 0;
	if (version == 4) {
		to[0] = (__u32)number_at((void *)(start + 16));
		*(__be32 *)peer = READ(sk, __sk_common.skc_daddr);
	} else if (version == 6) {
		to[0] = number_at((void *)(start + 24));
		to[1] = number_at((void *)(start + 32));
		BPF_CORE_READ_INTO(&peer, sk, __sk_common.skc_v6_daddr);
	}
	if (!(to[0] | to[1]) || to[0] != peer[0] || to[1] != peer[1])
		return 0;
	net = READ(sk, __sk_common.skc_net.net);
	record =
	    begin_route(version == 4 ? AF_INET : AF_INET6, packet, time_ns, 0, READ(net, ns.inum));
	if (!record)
		return 0;
	if (bpf_core_field_exists(net->net_cookie))
		record->header.netns_cookie = READ(net, net_cookie);
	record->route.flags = ROUTE_KEPT;
	fill_from_dst(&record->route, dst);
	submit(record);
	return 0;
}

/*
 * Tells the answer for the packet whose IP header is at `start`, if there is one of late: 1. That
 * there is no way is told of what is dropped alone; `place` has what happens to it above the netns.
 */
#define PLACE_DROPPED (1ULL << 32)
#define PLACE_LEAVES (1ULL << 33)

__attribute__((noinline)) int tell_route(__u64 packet, __u64 start, __u64 seen, __u64 cookie,
					 __u64 place)
{
	const struct sk_buff *skb = (const struct sk_buff *)seen;
	__u32 netns = place, iif = READ(skb, skb_iif);
	struct route_key key = {.netns = netns}, nowhere;
	struct route_answer *answer, *refusal;
	struct route_record *record;
	__u8 version = ip_version(start);
	int told = 0;

	key.iif = iif ? iif : LOOPBACK_IFINDEX;
	key.asker = key.iif == LOOPBACK_IFINDEX ? who_asks() : 0;
	if (version == 4) {
		key.family = AF_INET;
		*(__u32 *)key.daddr = number_at((void *)(start + 16));
	} else if (version == 6) {
		key.family = AF_INET6;
		bpf_probe_read_kernel(key.daddr, 16, (void *)(start + 24));
	} else {
		return 0;
	}
	answer = bpf_map_lookup_elem(&route_answers, &key);
	if (answer && place & PLACE_LEAVES && !may_lead_to(answer, skb))
		answer = NULL;
	nowhere = key;
	nowhere.refused = 1;
	if (key.family == AF_INET)
		nowhere.netns = 0;
	refusal = place & PLACE_DROPPED ? bpf_map_lookup_elem(&route_answers, &nowhere) : NULL;
	if (refusal && bpf_ktime_get_ns() - refusal->time_ns > REFUSAL_MAX_AGE_NS)
		refusal = NULL;
	/* Tables are asked one after the other: the last has the say. */
	if (!answer || (refusal && refusal->time_ns > answer->time_ns))
		answer = refusal;
	if (!answer)
		return 0;
	if (bpf_ktime_get_ns() - answer->time_ns < ROUTE_MAX_AGE_NS) {
		record = begin_route(key.family, packet, answer->time_ns, cookie, netns);
		told = 1;
		if (!record)
			return told;
		__builtin_memcpy(&record->route, &answer->route, sizeof(record->route));
		if (answer->count)
			fill_taken_hop(&record->route, answer, skb, place & PLACE_LEAVES);
		submit(record);
	}
	bpf_map_delete_elem(&route_answers, &key);
	if (refusal)
		bpf_map_delete_elem(&route_answers, &nowhere);
	return told;
}
