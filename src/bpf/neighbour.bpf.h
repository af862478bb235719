/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Packets that have to wait until the link address of their next hop is known. The hooks have no
 * packet: what waits is sent while neigh_update() runs, on the same CPU, or dropped when the
 * neighbour is given up; then its next hop, of which the route reminds it, tells which one it was.
 */
#pragma once

#include "bpf/notes.bpf.h"
#include "bpf/unbroken.bpf.h"

#define NUD_INCOMPLETE 0x01
#define NUD_FAILED 0x20
#define NUD_VALID (0x80 | 0x40 | 0x02 | 0x10 | 0x04 | 0x08)

struct neigh_key {
	__u8 address[16] __attribute__((aligned(8)));
	__u32 family;
	__u32 ifindex;
	__u32 netns; /* inode */
	__u32 pad;
};

struct neigh_wait {
	__u64 asked_ns;
	__u64 neigh; /* its address in the kernel */
};

/* Neighbours that are looked for. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct neigh_key);
	__type(value, struct neigh_wait);
} neigh_waits SEC(".maps");

/* The neighbour whose waiting packets this CPU is sending. */
struct neigh_turn {
	__u32 ifindex; /* 0: none */
	__u32 netns;
	struct neigh_section section;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct neigh_turn);
} neigh_turns SEC(".maps");

struct neigh_note {
	struct record_header header;
	struct neigh_section neigh;
};

static __always_inline struct neigh_turn *this_turn(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&neigh_turns, &key);
}

static __always_inline bool make_neigh_key(struct neigh_key *key, struct neigh_table *table,
					   struct net_device *dev, const void *address)
{
	key->family = READ(table, family);
	if (key->family == AF_INET)
		bpf_probe_read_kernel(key->address, 4, address);
	else if (key->family == AF_INET6)
		bpf_probe_read_kernel(key->address, 16, address);
	else
		return false;
	key->ifindex = READ(dev, ifindex);
	key->netns = READ(dev, nd_net.net, ns.inum);
	return true;
}

static __always_inline bool fill_neigh_key(struct neigh_key *key, struct neighbour *neigh)
{
	return make_neigh_key(key, READ(neigh, tbl), READ(neigh, dev), &neigh->primary_key);
}

/*
 * A packet is to go to a neighbour that nobody asked for yet. Its answer may come before
 * neigh_event_send_done: where a process sends, a softirq can run in between.
 */
SEC("hook/neigh_create") int UNBROKEN(on_neigh_create, __u64 *ctx)
{
	struct neigh_wait wait = {};
	struct neigh_key key = {};

	/* The neighbour itself does not know its address yet. */
	if (!make_neigh_key(&key, (struct neigh_table *)argument(ctx, 0),
			    (struct net_device *)argument(ctx, 1), (void *)argument(ctx, 2)))
		return 0;
	wait.asked_ns = bpf_ktime_get_ns();
	wait.neigh = argument(ctx, 3);
	bpf_map_update_elem(&neigh_waits, &key, &wait, BPF_ANY);
	return 0;
}

/*
 * A packet is given to a neighbour, whose address this takes, and waits if its link address is not
 * known (any more). Returns whether it does.
 */
__attribute__((noinline)) int keep_wait(__u64 neighbour)
{
	struct neighbour *neigh = (struct neighbour *)neighbour;
	struct neigh_wait wait = {};
	struct neigh_key key = {};

	if (!(READ(neigh, nud_state) & NUD_INCOMPLETE) || !fill_neigh_key(&key, neigh))
		return 0;
	wait.asked_ns = bpf_ktime_get_ns();
	wait.neigh = neighbour;
	/* Others may be waiting for it already. */
	bpf_map_update_elem(&neigh_waits, &key, &wait, BPF_NOEXIST);
	return 1;
}

SEC("hook/neigh_timer_handler") int UNBROKEN(on_neigh_timer_handler, __u64 *ctx)
{
	struct neighbour *neigh = (struct neighbour *)argument(ctx, 0);
	struct neigh_key key = {};

	/* Given up: what waited is dropped by now. */
	if (READ(neigh, nud_state) & NUD_FAILED && fill_neigh_key(&key, neigh))
		bpf_map_delete_elem(&neigh_waits, &key);
	return 0;
}

/* Its link address is told: what waits for it will be sent before this function ends. */
SEC("hook/neigh_update") int UNBROKEN(on_neigh_update, __u64 *ctx)
{
	struct neighbour *neigh = (struct neighbour *)argument(ctx, 0);
	__u8 new_state = argument(ctx, 2);
	struct neigh_turn *turn = this_turn();
	struct neigh_key key = {};
	struct neigh_wait *wait;
	__u64 lladdr = argument(ctx, 1);

	if (!turn || !(READ(neigh, nud_state) & NUD_INCOMPLETE) || !(new_state & NUD_VALID) ||
	    !fill_neigh_key(&key, neigh))
		return 0;
	wait = bpf_map_lookup_elem(&neigh_waits, &key);
	__builtin_memset(turn, 0, sizeof(*turn));
	turn->ifindex = key.ifindex;
	turn->netns = key.netns;
	turn->section.section.id = SECTION_neigh;
	turn->section.section.size = sizeof(turn->section);
	turn->section.family = key.family;
	turn->section.state = new_state;
	turn->section.asked_ns = wait ? wait->asked_ns : 0;
	turn->section.told_ns = bpf_ktime_get_ns();
	__builtin_memcpy(turn->section.address, key.address, sizeof(key.address));
	if (lladdr) {
		turn->section.lladdr_len = 6;
		bpf_probe_read_kernel(turn->section.lladdr, 6, (void *)lladdr);
	}
	bpf_map_delete_elem(&neigh_waits, &key);
	return 0;
}

SEC("hook/neigh_update_done") int UNBROKEN(on_neigh_update_done, __u64 *ctx)
{
	struct neigh_turn *turn = this_turn();

	if (turn)
		turn->ifindex = 0;
	return 0;
}

static __always_inline void tell_neighbour(const struct record_header *about,
					   const struct neigh_section *section)
{
	struct neigh_note *note = room_for(sizeof(*note));

	if (!note)
		return;
	note->header = *about;
	note->header.hook = HOOK_neigh_update;
	note->header.stage = STAGE_neigh;
	note->header.flags = 0;
	note->header.time_ns = section->asked_ns ? section->asked_ns : section->told_ns;
	note->neigh = *section;
	submit(note);
}

/* For a packet that is handed to an interface: was it waiting until now? */
static __always_inline void tell_found_neighbour(const struct record_header *about)
{
	struct neigh_turn *turn = this_turn();

	if (turn && turn->ifindex && turn->ifindex == about->ifindex && turn->netns == about->netns)
		tell_neighbour(about, &turn->section);
}

static __always_inline bool is_zero(const __u8 *address)
{
	const __u64 *words = (const __u64 *)address;

	return !words[0] && !words[1];
}

/* The next hop of the packet with this route, whose IP header is at `start`. */
static __always_inline bool find_next_hop(struct neigh_key *key, __u64 route, __u64 start)
{
	struct rtable *v4 = (struct rtable *)route;
	struct rt6_info *v6 = (struct rt6_info *)route;
	__u8 version = ip_version(start);

	if (version == 4) {
		key->family = READ(v4, rt_gw_family);
		if (key->family == AF_INET6) {
			BPF_CORE_READ_INTO(&key->address, v4, rt_gw6);
		} else if (key->family == AF_INET) {
			bpf_probe_read_kernel(key->address, 4,
					      __builtin_preserve_access_index(&v4->rt_gw4));
		} else {
			key->family = AF_INET;
			bpf_probe_read_kernel(key->address, 4, (void *)(start + 16));
		}
	} else if (version == 6) {
		key->family = AF_INET6;
		BPF_CORE_READ_INTO(&key->address, v6, rt6i_gateway);
		if (is_zero(key->address))
			bpf_probe_read_kernel(key->address, 16, (void *)(start + 24));
	} else {
		return false;
	}
	return true;
}

/*
 * How often it was asked. Of one that nothing is known of, the kernel begins to count where it ends
 * for one that it asks at its old link address (__neigh_event_send, the same from 5.10 to 7.2).
 */
static __always_inline __u8 times_asked(struct neighbour *neigh)
{
	int skipped = READ(neigh, parms, data[1]);
	int count = READ(neigh, probes.counter) - skipped;

	return count < 0 ? 0 : count > 255 ? 255 : count;
}

/* What is known of a neighbour that did not answer until now. */
static __always_inline void fill_wait(struct neigh_note *note, __u64 packet,
				      const struct neigh_key *key, const struct neigh_wait *wait,
				      struct net_device *dev)
{
	struct neighbour *neigh = (struct neighbour *)wait->neigh;

	fill_note(&note->header, HOOK_neigh_update, STAGE_neigh, packet);
	fill_device(&note->header, dev);
	__builtin_memset(&note->neigh, 0, sizeof(note->neigh));
	note->neigh.section.id = SECTION_neigh;
	note->neigh.section.size = sizeof(note->neigh);
	note->neigh.family = key->family;
	note->neigh.state = READ(neigh, nud_state);
	note->neigh.probes = times_asked(neigh);
	note->neigh.asked_ns = wait->asked_ns;
	note->neigh.told_ns = note->header.time_ns;
	__builtin_memcpy(note->neigh.address, key->address, sizeof(key->address));
	if (wait->asked_ns)
		note->header.time_ns = wait->asked_ns;
}

/* Which neighbour, whose address in the kernel this takes, a packet now waits for. */
__attribute__((noinline)) int tell_waiting(__u64 packet, __u64 neighbour)
{
	struct neighbour *neigh = (struct neighbour *)neighbour;
	struct neigh_key key = {};
	struct neigh_wait *wait;
	struct neigh_note *note;

	if (!fill_neigh_key(&key, neigh))
		return 0;
	wait = bpf_map_lookup_elem(&neigh_waits, &key);
	if (!wait || wait->neigh != neighbour)
		return 0;
	note = room_for(sizeof(*note));
	if (!note)
		return 0;
	fill_wait(note, packet, &key, wait, READ(neigh, dev));
	submit(note);
	return 0;
}

/*
 * For a packet that is dropped on its way out: was it because of its neighbour, or did it wait for
 * that until now? Takes the skb's address, and where its IP header is.
 */
__attribute__((noinline)) int tell_lost_neighbour(__u64 packet, __u64 skb, __u64 start)
{
	__u64 route = READ((struct sk_buff *)skb, _skb_refdst) & ~1ul;
	struct net_device *dev = READ((struct sk_buff *)skb, dev);
	struct neigh_key key = {};
	struct neigh_wait *wait;
	struct neigh_turn *turn;
	struct neigh_note *note;
	struct neighbour *neigh;

	/* The word may be something else's: then it does not lead to the same device. */
	if (!route || !dev || READ((struct dst_entry *)route, dev) != dev ||
	    !find_next_hop(&key, route, start))
		return 0;
	key.ifindex = READ(dev, ifindex);
	key.netns = READ(dev, nd_net.net, ns.inum);
	turn = this_turn();
	/* It was found, and this was dropped on its way to the interface's queue. */
	if (turn && turn->ifindex == key.ifindex && turn->netns == key.netns) {
		note = room_for(sizeof(*note));
		if (!note)
			return 0;
		fill_note(&note->header, HOOK_neigh_update, STAGE_neigh, packet);
		fill_device(&note->header, dev);
		note->neigh = turn->section;
		if (note->neigh.asked_ns)
			note->header.time_ns = note->neigh.asked_ns;
		submit(note);
		return 0;
	}
	wait = bpf_map_lookup_elem(&neigh_waits, &key);
	if (!wait)
		return 0;
	/* Those that need no asking are made as well: on lo, of multicast, without ARP. */
	neigh = (struct neighbour *)wait->neigh;
	if (!(READ(neigh, nud_state) & (NUD_INCOMPLETE | NUD_FAILED)))
		return 0;
	/* Put together where it goes: who calls has no room left on the stack. */
	note = room_for(sizeof(*note));
	if (!note)
		return 0;
	fill_wait(note, packet, &key, wait, dev);
	submit(note);
	return 0;
}
