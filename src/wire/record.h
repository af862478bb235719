/*
 * What crosses from the kernel side to the user side: a record is a header and then sections, each
 * with its id and length, so that a reader skips what it does not know. Plain C, read by both
 * sides.
 */
#pragma once

#include <linux/types.h>

#include "wire/filter.h"

/* Bytes of the packet, from its IP header on, that one record carries at most. */
#ifndef WINDOW_BYTES
#define WINDOW_BYTES 128
#endif

enum hook_id {
#define HOOK(id, name, stage, view, says) HOOK_##name = id,
#include "wire/hooks.def"
#undef HOOK
  /* Hooks with more to say than a crossing; their sections are below. */
  HOOK_netif_receive_skb = 32,
  HOOK_skb_copy_datagram_iovec = 33,
  HOOK_kfree_skb = 34,
  HOOK_consume_skb = 35,
  HOOK_fib_table_lookup = 36,
  HOOK_fib6_table_lookup = 37,
  HOOK_nft_do_chain = 64,
  HOOK_nft_trace_packet = 65,
  HOOK_ipt_do_table = 66,
  HOOK_ip6t_do_table = 67,
  HOOK_arpt_do_table = 68,
  HOOK_ebt_do_table = 69,
  HOOK_nf_log_trace = 70,
  HOOK_icmp6_send = 71,
  HOOK_tcp_receive_reset = 72,
  HOOK_sender = 48, /* no tracepoint of its own: told with the first hook that sees the packet */
  HOOK_icmp_send = 49,
  HOOK_tcp_probe = 50,
  HOOK_tcp_send_reset = 51,
  HOOK_tcp_retransmit_skb = 52,
  HOOK_neigh_update = 53,
  HOOK_neigh_event_send_done = 54,
  HOOK_qdisc_dequeue = 55,
  HOOK_net_dev_xmit = 56,
  HOOK_qdisc_enqueue = 57,
  HOOK_ip_local_out = 80,
  HOOK_ip6_local_out = 81,
  HOOK_function = 82,
  HOOK_device_program = 83,
  HOOK_xfrm_output_resume = 84,
  HOOK_xfrm_transport_finish = 85,
  HOOK_xfrm_trans_queue = 86,
};

enum stage_id {
#define STAGE(id, name, says) STAGE_##name = id,
#include "wire/stages.def"
#undef STAGE
};

enum loss_id {
#define LOSS(id, name, says) LOSS_##name = id,
#include "wire/losses.def"
#undef LOSS
  LOSS_COUNT,
};

/* record_header.flags */
enum {
  RECORD_FIRST = 1,   /* the first sight of this packet */
  RECORD_LAST = 2,    /* nobody else holds the packet's bytes: its life ends here */
  RECORD_TO_IP = 4,   /* came to GRO, and the next to have it is seen: the IP layer, or a bridge */
  RECORD_TRACKED = 8, /* of what is sent: conntrack was asked about it here */
};

struct record_header {
  __u16 hook; /* enum hook_id */
  __u8 stage; /* enum stage_id */
  __u8 flags;
  __u32 cpu;
  __u64 time_ns;      /* CLOCK_MONOTONIC */
  __u64 packet;       /* id of the packet, never used again */
  __u64 netns_cookie; /* 0 where the kernel has none (before 5.12) */
  __u32 netns;        /* inode; 0 where the packet is on no device and no socket */
  __u32 ifindex;      /* 0: on no device */
  __u32 iif;          /* ifindex of the device it came in by last, in `netns`; 0: made here */
  __u32 ports; /* where it ended in a socket: the first 4 bytes of its transport header; else 0 */
  char ifname[16];
};

/* Section ids are in capture files: never changed, never used again. */
enum section_id {
  SECTION_packet = 1,
  SECTION_drop = 2,
  SECTION_socket = 3,
  SECTION_route = 4,
  SECTION_netfilter = 5,
  SECTION_icmp = 16,
  SECTION_tcp = 17,
  SECTION_neigh = 18,
  SECTION_qdisc = 19,
  SECTION_refusal = 20,
  SECTION_program = 21,
  SECTION_function = 32,
  SECTION_before = 33, /* in the ring alone */
};

struct section_header {
  __u16 id;   /* enum section_id */
  __u16 size; /* bytes of the section, this header included, without the padding to 8 */
};

/* The packet as it is at this hop. The section is as long as the bytes it carries. */
struct packet_section {
  struct section_header section;
  __u32 len;      /* bytes of the packet from its IP header on */
  __u16 protocol; /* ethertype, host order */
  __u16 captured; /* bytes of `bytes` that are the packet's */
  __u32 mark;
  __u8 bytes[WINDOW_BYTES];
};

/*
 * What the hook before saw of the same packet, at the same interface: all that differs from the
 * record which this is in. Of two hooks one record, and what the reader makes two of.
 */
struct before_section {
  struct section_header section;
  __u32 cpu;
  __u64 time_ns;
  __u16 hook; /* enum hook_id */
  __u8 stage; /* enum stage_id */
  __u8 pad[5];
};

struct drop_section {
  struct section_header section;
  __u32 reason;     /* enum skb_drop_reason of the running kernel, subsystem in the upper half */
  __u32 has_reason; /* 0: this kernel gives none (before 5.17) */
  __u8 before_ip;   /* 1: the IP layer did not take it in; 0 before 0.1.0: not asked */
  __u8 broadcast;   /* 1: for all on a link, or a copy of such a one; 0 before 0.1.0: not asked */
  __u16 pad;
  __u64 location; /* address in the kernel function that dropped it */
  __u64 socket;   /* inode of the socket it belongs to; 0: of none, or not asked for */
};

struct socket_section {
  struct section_header section;
  __u16 family;   /* AF_* */
  __u16 type;     /* SOCK_* */
  __u16 protocol; /* IPPROTO_* */
  __u16 pad;
  __u32 pid; /* process that reads the socket, or writes to it; 0: not known */
  char comm[16];
  __u64 inode; /* 0: not known, or the kernel's own */
};

/*
 * The routing table's answer. Of several tables that were asked, one after the other, each answers
 * for itself; the last answer counts.
 */
struct route_section {
  struct section_header section;
  __u32 table;   /* RT_TABLE_* or a number of the user's */
  __s32 error;   /* 0, or -errno: what the lookup ended with */
  __u32 ifindex; /* of the device it goes out by; 0: none */
  char ifname[16];
  __u8 family;     /* AF_INET, AF_INET6 */
  __u8 via_family; /* of the next hop; 0: the destination is on the link */
  __u8 type;       /* RTN_*; 0 where the kernel does not say (IPv4) */
  __u8 scope;      /* RT_SCOPE_* of the next hop */
  __u32 flags;     /* ROUTE_* */
  __u8 via[16];
  char l3mdev[16]; /* the VRF that the device is in; empty: none */
};

/* route_section.flags */
enum {
  ROUTE_KEPT = 1,    /* no table was asked: the socket has kept it. `table` says nothing */
  ROUTE_ANY_HOP = 2, /* it has several next hops, and which was taken is not known: no `via` */
};

enum netfilter_kind {
  NETFILTER_CHAIN = 1,  /* a base chain is through: the verdict is what it came to */
  NETFILTER_RULE = 2,   /* a rule matched */
  NETFILTER_RETURN = 3, /* the end of a chain, or a rule that returns from it */
  NETFILTER_POLICY = 4, /* no rule decided: the base chain's policy did */
};

enum netfilter_backend {
  NETFILTER_NFTABLES = 1, /* also what iptables-nft makes */
  NETFILTER_XTABLES = 2,  /* legacy iptables, ip6tables, arptables, ebtables */
};

/* A firewall's chain, or of the rules in one that matched, one. */
struct netfilter_section {
  struct section_header section;
  __u8 kind;    /* enum netfilter_kind */
  __u8 backend; /* enum netfilter_backend */
  __u8 family;  /* NFPROTO_* of the table */
  __u8 pf;      /* NFPROTO_* of the hook */
  __u8 hook;    /* NF_INET_*, NF_BR_*, NF_ARP_*, NF_NETDEV_* */
  __u8 has_ct;  /* the packet belongs to a connection that is tracked */
  __u8 ct_info; /* enum ip_conntrack_info */
  __u8 pad;
  __s32 verdict; /* NF_*; of rules also NFT_*, which are negative */
  __u32 ct_mark;
  __u16 ct_zone;
  __u16 pad2;
  /* Another one when the rules of its table were replaced (xtables) or the table was (nftables: its
   * handle, which no other of the namespace has or had). */
  __u32 generation;
  __u64 rule; /* its handle (nftables) or number (xtables); 0: none */
  char table[32];
  char chain[64]; /* xtables: empty, it is called as the hook is */
};

/* An ICMP error that is sent because of the packet. */
struct icmp_section {
  struct section_header section;
  __u8 protocol; /* IPPROTO_ICMP, IPPROTO_ICMPV6 */
  __u8 type;
  __u8 code;
  __u8 pad;
};

enum tcp_note {
  TCP_ARRIVED = 1,        /* it came to an established connection's socket */
  TCP_RESET_SENT = 2,     /* it is answered with a reset */
  TCP_RETRANSMITTED = 3,  /* what was sent before, once more */
  TCP_RESET_RECEIVED = 4, /* it is a reset, and ends its connection */
};

struct tcp_section {
  struct section_header section;
  __u8 note;       /* enum tcp_note */
  __u8 ca_state;   /* retransmitted: TCP_CA_*, what TCP thinks of the network */
  __u8 tries;      /* retransmitted: timeouts in a row so far */
  __u8 has_reason; /* reset: this kernel gives one */
  __u32 reason;    /* reset: enum sk_rst_reason of the running kernel */
  __u32 pad;
};

/* The neighbour that the packet had to wait for. */
struct neigh_section {
  struct section_header section;
  __u8 family; /* AF_INET, AF_INET6 */
  __u8 probes; /* sent without an answer */
  __u8 lladdr_len;
  __u8 pad;
  __u16 state; /* NUD_* */
  __u16 pad2;
  __u32 pad3;
  __u64 asked_ns; /* CLOCK_MONOTONIC: since when it is looked for; 0: not seen */
  __u64 told_ns;  /* when it was found, or given up */
  __u8 address[16];
  __u8 lladdr[8];
};

struct qdisc_section {
  struct section_header section;
  __u32 handle;
  char kind[16];
};

/* An interface's driver did not take the packet. */
struct refusal_section {
  struct section_header section;
  __s32 code; /* enum netdev_tx */
};

/* A kernel function that is given the packet: called, and where it returns something, once more. */
struct function_section {
  struct section_header section;
  __u8 returns;  /* enum function_returns */
  __u8 size;     /* bytes of `value` */
  __u8 returned; /* this is its return */
  __u8 argument; /* the skb: 1 is the first one */
  __u64 address;
  __u64 value; /* returned: its lowest bytes are what the function returned */
};

enum program_kind {
  PROGRAM_XDP_GENERIC = 1, /* the kernel ran it, on an skb */
  PROGRAM_XDP_NATIVE = 2,  /* the driver did */
  PROGRAM_CLS_BPF = 3,     /* a filter of tc, direct-action */
  PROGRAM_TCX = 4,
};

/* A BPF program of an interface is through with the packet. */
struct program_section {
  struct section_header section;
  __u8 kind;   /* enum program_kind */
  __u8 egress; /* of tc: on the way out */
  __u16 pad;
  __s32 verdict; /* XDP_*, TC_ACT_*: what it returned */
  __u32 id;
  char name[16];
};

/* How first sight is decided. */
enum match_mode {
  MATCH_FILTER = 0, /* the packet filter written into the program */
  MATCH_ECHO = 1,   /* echo requests of one sender, their answers, and errors about them */
};

/* What makes an echo packet ours: all of it is in the packet. */
struct echo_identity {
  __u64 cookie;      /* first bytes of the payload, as they lie in memory */
  __u64 cookie_mask; /* of those that fit into the payload: all ones where it is long enough */
  __u32 pad;
  __u16 pad2;
  __u16 id;            /* network order; compared where the cookie is not whole */
  __u64 socket_cookie; /* a request with a short cookie must come from this socket */
};

/* Read-only while programs run; written before they are loaded. */
struct probe_config {
  __u32 mode;                     /* enum match_mode */
  __u32 filter_has_l3;            /* the filter can be asked about a bare IP packet */
  __u32 with_routes;              /* the programs that see routes looked up are loaded */
  __u32 drops_only;               /* the program that sees drops is loaded, and no other */
  __u32 xtables_table_last;       /* its functions take (skb, state, table): before 5.16 */
  __u32 with_senders;             /* tell whose socket a packet that is made here comes from */
  __u32 with_neighbours;          /* the programs that see neighbours looked for are loaded */
  __u32 with_untold;              /* what netif_rx sees may be told by the next hook */
  __u32 preempted;                /* programs are, if they do not prevent it: since 7.0 */
  struct protocol_sets protocols; /* of bare IP packets that can be asked for */
  struct echo_identity echo;
  __u64 command_token; /* what the command's first process tells itself by (bpf/command.bpf.h) */
};
