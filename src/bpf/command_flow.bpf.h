/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What is known of a command's packets, and their flows: which ends a packet is between. */
#pragma once

#include "bpf/match.bpf.h"
#include "wire/command.h"

#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define IPPROTO_DCCP 33
#define IPPROTO_SCTP 132
#define IPPROTO_UDPLITE 136
#define S_IFMT 00170000
#define S_IFSOCK 0140000
#define EBADF 9

/* Not a protocol's number: the later fragments of a packet, told by the packet's id. */
#define FLOW_FRAGMENT 0x100

/* Processes, by their id in the initial namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, COMMAND_PROCESSES_MAX);
	__type(key, __u32);
	__type(value, __u8);
} command_processes SEC(".maps");

/* Sockets, by their inode: an address in memory is used again, an inode only after 2^32 others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u8);
} command_sockets SEC(".maps");

/* IPv4 addresses are written as ::ffff:a.b.c.d. */
struct flow_end {
	__u64 address[2];
	__u64
	    port; /* network order; of an ICMP echo its id where the question comes from, else 0 */
};

static __always_inline __u64 owner_inode(struct sock *sk)
{
	return is_whole_socket(BPF_CORE_READ(sk, __sk_common.skc_state)) ? inode_of(sk) : 0;
}

/* Both directions are one flow: `low` is the end that is less. */
struct flow_key {
	struct flow_end low;
	struct flow_end high;
	__u32 netns; /* inode */
	__u32 protocol;
};

struct flow_owner {
	__u64 inode; /* of the socket that sends from there; 0: not known */
	__u64 from_high;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow_key);
	__type(value, struct flow_owner);
} command_flows SEC(".maps");

struct port_key {
	__u64 address[2]; /* 0: any; ::ffff:0.0.0.0: any of IPv4 */
	__u32 netns;
	__u16 port; /* network order */
	__u16 protocol;
};

struct port_owner {
	struct sock *sk;
	__u64 inode;
	__u64 v6only;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct port_key);
	__type(value, struct port_owner);
} command_ports SEC(".maps");

static __always_inline __u64 v4_mapped(__be32 address)
{
	return (__u64)address << 32 | 0xffff0000;
}

/* A packet's flow as it goes, `from` first. */
struct flow {
	struct flow_end from;
	struct flow_end to;
	__u32 netns;
	__u32 protocol;
	__u32 fragments; /* more of them follow this one, with that id | 1 << 31 */
	__u32 pad;
};

enum flow_kind {
	FLOW_NONE, /* nothing that tells it from other packets between the same two */
	FLOW_OWN,
	FLOW_QUOTED, /* of the packet that an ICMP error is about, behind its 8 bytes */
};

/*
 * What would not fit on the stack, together with the program's. One program may interrupt another
 * on its CPU, and ends before that goes on.
 */
#define SCRATCH_LEVELS 4

struct scratch {
	struct flow flow;
	struct flow_key key;
	struct flow_owner owner;
	struct port_key port;
	struct port_owner port_owner;
	struct sock *sk;
	__u64 dev;
	__u64 inode; /* of the socket that it has */
	__u32 outgoing;
	__u32 kind; /* enum flow_kind */
};

struct scratches {
	__u64 level;
	struct scratch at[SCRATCH_LEVELS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratches);
} command_scratch SEC(".maps");

static __always_inline struct scratches *find_scratches(void)
{
	__u32 only = 0;

	return bpf_map_lookup_elem(&command_scratch, &only);
}

static __always_inline struct scratch *take_scratch(struct scratches *all)
{
	__u64 level = all->level;

	if (level >= SCRATCH_LEVELS)
		return NULL;
	all->level = level + 1;
	return &all->at[level];
}

/*
 * The functions from here on that are global are so for the verifier, which looks at them once,
 * whatever they are called with: of numbers alone, as 5.10 wants it.
 */

/* What skip_headers() found, in one number; 0: nothing to go on. */
static __always_inline __u64 found(__u32 offset, __u8 protocol, bool later, __u32 fragments)
{
	return (__u16)offset | (__u64)protocol << 16 | (later ? FLOW_FRAGMENT << 16 : 0) |
	       (__u64)fragments << 32;
}
static __always_inline __u16 found_offset(__u64 found)
{
	return found;
}
static __always_inline __u16 found_protocol(__u64 found)
{
	return found >> 16;
}
static __always_inline __u32 found_fragments(__u64 found)
{
	return found >> 32;
}

/* Steps over the IP header at `at`. */
__attribute__((noinline)) __u64 skip_headers(__u64 at, __u32 linear)
{
	struct ipv4_header ip = {};
	__u32 offset = IPV6_HEADER_BYTES;
	__u32 fragments = 0;
	__u8 next;

	if (linear < sizeof(ip) || bpf_probe_read_kernel(&ip, sizeof(ip), (void *)at))
		return 0;
	if (ip.version_ihl >> 4 == 4) {
		if (ip.fragment & bpf_htons(0x3fff))
			fragments = ip.id | 1u << 31;
		return found((ip.version_ihl & 0xf) * 4, ip.protocol,
			     ip.fragment & bpf_htons(0x1fff), fragments);
	}
	if (ip.version_ihl >> 4 != 6 || linear < IPV6_HEADER_BYTES)
		return 0;
	next = ((const __u8 *)&ip)[6];
#pragma unroll
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		struct {
			__u8 next;
			__u8 len;
			__be16 fragment;
			__be32 id;
		} extension = {};

		/* hop-by-hop, routing, fragment, destination options */
		if (next != 0 && next != 43 && next != 44 && next != 60)
			break;
		if (linear < offset + sizeof(extension) ||
		    bpf_probe_read_kernel(&extension, sizeof(extension), (void *)(at + offset)))
			return 0;
		offset += next == 44 ? 8 : 8 + extension.len * 8;
		if (next == 44) {
			fragments = extension.id | 1u << 31;
			if (extension.fragment & bpf_htons(0xfff8))
				return found(offset, extension.next, true, fragments);
		}
		next = extension.next;
	}
	return found(offset, next, false, fragments);
}

static __always_inline __u64 ports(enum flow_kind kind, __be16 from, __be16 to)
{
	return from | (__u64)to << 16 | (__u64)kind << 32;
}

/* The ports of what is at `at`: see struct flow_end. */
__attribute__((noinline)) __u64 read_ports(__u64 at, __u32 linear, __u32 protocol)
{
	struct {
		__be16 ports[4];
	} head = {};

	if (linear < sizeof(head) || bpf_probe_read_kernel(&head, sizeof(head), (void *)at))
		return 0;
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_DCCP ||
	    protocol == IPPROTO_SCTP || protocol == IPPROTO_UDPLITE)
		return ports(FLOW_OWN, head.ports[0], head.ports[1]);
	if (protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6)
		return 0;
	switch (classify(protocol, (__u8)head.ports[0])) {
	case ECHO_REQUEST:
		return ports(FLOW_OWN, head.ports[2], 0);
	case ECHO_REPLY:
		return ports(FLOW_OWN, 0, head.ports[2]);
	case ECHO_ERROR:
		return ports(FLOW_QUOTED, 0, 0);
	default:
		return 0;
	}
}

/* Of the packet at `start`; where that is an ICMP error, of the one that it is about. */
static __always_inline enum flow_kind read_flow(__u64 start, __u32 linear, struct flow *flow)
{
	__u64 headers = skip_headers(start, linear);
	__u32 offset = found_offset(headers);
	enum flow_kind kind = FLOW_OWN;
	__u64 both = 0;
	__u8 version = 0;

	if (!offset || offset > linear)
		return FLOW_NONE;
	if (!(found_protocol(headers) & FLOW_FRAGMENT))
		both = read_ports(start + offset, linear - offset, found_protocol(headers));
	if (both >> 32 == FLOW_QUOTED) {
		kind = FLOW_QUOTED;
		offset += 8;
		if (offset > linear)
			return FLOW_NONE;
		start += offset;
		linear -= offset;
		headers = skip_headers(start, linear);
		offset = found_offset(headers);
		if (!offset || offset > linear)
			return FLOW_NONE;
		both = read_ports(start + offset, linear - offset, found_protocol(headers));
	}
	flow->protocol = found_protocol(headers);
	flow->fragments = found_fragments(headers);
	if (flow->protocol & FLOW_FRAGMENT) {
		flow->from.port = flow->to.port = flow->fragments;
	} else if (both >> 32 == FLOW_OWN) {
		flow->from.port = (__u16)both;
		flow->to.port = (__u16)(both >> 16);
	} else {
		return FLOW_NONE;
	}
	bpf_probe_read_kernel(&version, sizeof(version), (void *)start);
	if (version >> 4 == 6) {
		bpf_probe_read_kernel(flow->from.address, 16, (void *)(start + 8));
		bpf_probe_read_kernel(flow->to.address, 16, (void *)(start + 24));
	} else {
		__be32 addresses[2] = {};

		bpf_probe_read_kernel(addresses, sizeof(addresses), (void *)(start + 12));
		flow->from.address[0] = flow->to.address[0] = 0;
		flow->from.address[1] = v4_mapped(addresses[0]);
		flow->to.address[1] = v4_mapped(addresses[1]);
	}
	return kind;
}

static __always_inline bool is_less(const struct flow_end *a, const struct flow_end *b)
{
	if (a->address[0] != b->address[0])
		return a->address[0] < b->address[0];
	if (a->address[1] != b->address[1])
		return a->address[1] < b->address[1];
	return a->port < b->port;
}

/* Returns whether it comes from the key's higher end. */
static __always_inline bool fill_key(struct flow_key *key, const struct flow *flow)
{
	bool from_high = is_less(&flow->to, &flow->from);

	key->low = from_high ? flow->to : flow->from;
	key->high = from_high ? flow->from : flow->to;
	key->netns = flow->netns;
	key->protocol = flow->protocol;
	return from_high;
}

/* The first fragment has the ports, the others do not. */
static __always_inline void note_fragments(struct scratch *my)
{
	if (!my->flow.fragments || my->flow.protocol & FLOW_FRAGMENT)
		return;
	my->key.low.port = my->key.high.port = my->flow.fragments;
	my->key.protocol |= FLOW_FRAGMENT;
	bpf_map_update_elem(&command_flows, &my->key, &my->owner, BPF_ANY);
}

/*
 * From now on it is the command's flow; `inode`: of the socket that sends it. Returns whether it
 * was not before.
 */
static __always_inline bool note_flow(struct scratch *my, __u64 inode)
{
	struct flow_owner *known;

	my->owner.from_high = fill_key(&my->key, &my->flow);
	my->owner.inode = inode;
	known = bpf_map_lookup_elem(&command_flows, &my->key);
	if (!known || (inode && (known->inode != inode || known->from_high != my->owner.from_high)))
		bpf_map_update_elem(&command_flows, &my->key, &my->owner, BPF_ANY);
	note_fragments(my);
	return !known;
}

static __always_inline bool is_known_flow(struct scratch *my)
{
	bool from_high = fill_key(&my->key, &my->flow);
	struct flow_owner *owner = bpf_map_lookup_elem(&command_flows, &my->key);

	if (!owner)
		return false;
	/* Somebody else has the port by now. */
	if (my->outgoing && my->inode && owner->inode && my->inode != owner->inode &&
	    owner->from_high == from_high) {
		bpf_map_delete_elem(&command_flows, &my->key);
		return false;
	}
	my->owner = *owner;
	note_fragments(my);
	return true;
}

/*
 * Functions of their own, each with a stack of its own while it runs. They are given numbers alone,
 * and look up the scratch that their caller has taken.
 */
static __always_inline struct scratch *taken_scratch(void)
{
	struct scratches *all = find_scratches();
	__u64 level = all ? all->level - 1 : SCRATCH_LEVELS;

	return level < SCRATCH_LEVELS ? &all->at[level] : NULL;
}

/*
 * What packet is it? Takes a scratch, which done_looking() gives back; false where there is none.
 */
__attribute__((noinline)) int look_at_flow(__u64 start, __u32 linear, __u64 sk, __u64 dev,
					   __u64 where)
{
	struct scratches *all = find_scratches();
	struct scratch *my = all ? take_scratch(all) : NULL;

	if (!my)
		return 0;
	my->sk = (struct sock *)sk;
	my->dev = dev;
	my->outgoing = where >> 32;
	my->flow.netns = where;
	my->kind = read_flow(start, linear, &my->flow);
	return 1;
}

__attribute__((noinline)) int done_looking(void)
{
	struct scratches *all = find_scratches();

	if (all)
		all->level--;
	return 0;
}
