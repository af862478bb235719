/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The few kernel structures that are read, with the few fields that are read of each. CO-RE finds
 * the fields of the running kernel by name, so order and size here mean nothing.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct fib6_info;

struct ns_common {
	unsigned int inum;
};

/* net_cookie is a plain number since 5.12 (3d368ab87cf6); before, it may not be set yet. */
struct net {
	struct ns_common ns;
	__u64 net_cookie;
	struct {
		struct fib6_info *fib6_null_entry;
	} ipv6;
};

typedef struct {
	struct net *net;
} possible_net_t;

/* A number of 64 bits, by whatever name. */
struct timespec64 {
	__s64 tv_sec;
};

struct list_head {
	struct list_head *next;
};

struct in6_addr {
	struct {
		__u8 u6_addr8[16];
	} in6_u;
};

struct in_ifaddr {
	struct in_ifaddr *ifa_next;
	__be32 ifa_local;
	__be32 ifa_broadcast;
};

struct in_device {
	struct in_ifaddr *ifa_list;
};

struct inet6_ifaddr {
	struct in6_addr addr;
	struct list_head if_list;
};

struct inet6_dev {
	struct list_head addr_list;
};

/* Attached by netlink, or by a link. */
struct bpf_xdp_entity {
	void *prog;
	void *link;
};

enum { DRIVER_XDP = 1 }; /* XDP_MODE_DRV */

struct vlan_info;

struct rtnl_link_ops {
	const char *kind; /* "macvlan" */
};

struct net_device {
	struct {
		struct list_head upper; /* of struct netdev_adjacent, the master first */
	} adj_list;
	char name[16];
	int ifindex;
	unsigned int flags;
	possible_net_t nd_net;
	const unsigned char *dev_addr;
	const struct rtnl_link_ops *rtnl_link_ops;
	struct in_device *ip_ptr;
	struct inet6_dev *ip6_ptr;
	void *rx_handler;
	unsigned short needed_headroom;	    /* bytes, for what it puts before a packet */
	struct vlan_info *vlan_info;	    /* of the VLAN interfaces upon it */
	struct bpf_xdp_entity xdp_state[3]; /* since 5.9 */
	__u64 priv_flags : 32;		    /* a bit field since 6.12, a number before */
};

struct netdev_adjacent {
	struct net_device *dev;
	struct list_head list;
};

struct dst_entry;

struct sock_common {
	unsigned short skc_family;
	__be32 skc_daddr;
	struct in6_addr skc_v6_daddr;
	volatile unsigned char skc_state;
	unsigned char skc_ipv6only : 1;
	__be32 skc_rcv_saddr;
	__u16 skc_num; /* its own port, host order */
	struct in6_addr skc_v6_rcv_saddr;
	possible_net_t skc_net;
	struct {
		__s64 counter;
	} skc_cookie;
	struct sock *skc_listener;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct sock;

struct socket {
	struct file *file;
	struct sock *sk;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct signal_struct {
	struct {
		int counter;
	} live;
};

struct task_struct {
	int tgid;
	struct files_struct *files;
	struct signal_struct *signal;
};

/* Of x86-64. */
struct pt_regs {
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long dx;
	unsigned long cx;
	unsigned long r8;
	unsigned long ax;
	unsigned long ip;
	unsigned long sp;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	struct socket *sk_socket;
	struct dst_entry *sk_dst_cache;
};

struct skb_shared_info {
	unsigned short gso_size;
	struct {
		int counter;
	} dataref;
};

struct sk_buff {
	struct sk_buff *next;
	struct net_device *dev;
	struct sock *sk;
	unsigned long _nfct; /* struct nf_conn *, and enum ip_conntrack_info in its lowest bits */
	unsigned int len;
	unsigned int data_len;
	__u8 cloned : 1;
	__u8 pkt_type : 3;
	__u8 redirected : 1;
	__u8 from_ingress : 1;
	__u32 mark;
	int skb_iif;
	char cb[48];
	unsigned long _skb_refdst;
	__be16 protocol;
	__u8 vlan_present : 1; /* is there a tag beside the bytes? Up to 6.1; after it, it has a bit
				  set */
	__be16 vlan_proto;
	__u16 vlan_tci;
	__u16 transport_header;
	__u16 network_header;
	__u16 mac_header;
	__u16 inner_network_header; /* of what is in a tunnel's packet */
	unsigned int tail;	    /* this and the next: offsets from head, on 64-bit kernels */
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
};

/* In the control block of a packet that comes out of IPsec. */
struct xfrm_mode_skb_cb {
	__u8 protocol; /* of what was inside */
};

struct flowi_common {
	int flowic_iif;
	int flowic_l3mdev; /* 5.19 (40867d74c374); before, it took the place of flowic_iif */
	__u8 flowic_proto;
};

struct flowi4 {
	struct flowi_common __fl_common;
	__be32 daddr;
};

struct flowi6 {
	struct flowi_common __fl_common;
	struct in6_addr daddr;
};

struct fib_nh_common {
	struct net_device *nhc_dev;
	unsigned char nhc_scope;
	__u8 nhc_family;
	__u8 nhc_gw_family;
	union {
		__be32 ipv4;
		struct in6_addr ipv6;
	} nhc_gw;
};

struct fib_nh {
	struct fib_nh_common nh_common;
	struct fib_info *nh_parent; /* none of what belongs to a nexthop object */
};

struct fib_info {
	int fib_nhs;
	struct fib_nh fib_nh[];
};

struct fib6_nh {
	struct fib_nh_common nh_common;
};

struct fib6_info {
	struct list_head fib6_siblings;
	unsigned int fib6_nsiblings;
	struct nexthop *nh;
	struct fib6_nh fib6_nh[];
};

/* What `ip nexthop` makes: one, or a group of them. */
struct nexthop {
	struct list_head grp_list; /* groups that it is in */
	bool is_group;
};

struct nh_info {
	struct nexthop *nh_parent;
	struct fib_nh_common fib_nhc;
};

struct fib6_result {
	struct fib6_nh *nh;
	struct fib6_info *f6i;
	__u8 fib6_type;
};

struct fib6_table {
	__u32 tb6_id;
};

struct dst_entry {
	struct net_device *dev;
	unsigned short flags;
};

struct rtable {
	struct dst_entry dst;
	__u8 rt_type;
	__u8 rt_gw_family;
	union {
		__be32 rt_gw4;
		struct in6_addr rt_gw6;
	};
};

struct rt6_info {
	__u32 rt6i_flags;
	struct in6_addr rt6i_gateway;
};

struct neigh_table {
	int family;
};

struct sk_buff_head {
	struct sk_buff *prev;
	__u32 qlen;
};

struct neigh_parms {
	int data[2]; /* more in truth; NEIGH_VAR_UCAST_PROBES is the second */
};

struct neighbour {
	struct neigh_table *tbl;
	struct neigh_parms *parms;
	struct sk_buff_head arp_queue;
	struct {
		int counter;
	} probes;
	__u8 nud_state;
	struct net_device *dev;
	__u8 primary_key[0];
};

struct Qdisc_ops {
	char id[16];
};

struct netdev_queue {
	struct net_device *dev;
};

struct Qdisc {
	const struct Qdisc_ops *ops;
	__u32 handle;
	struct netdev_queue *dev_queue;
};

struct trace_event_raw_tcp_retransmit_skb {
	int err;
};

struct inet_connection_sock {
	__u8 icsk_ca_state : 5;
	__u8 icsk_retransmits;
};

/* Of netfilter. What is below nf_hook_state is in modules mostly, whose BTF kernels have
 * since 5.11. */
struct nf_hook_state {
	__u8 hook;
	__u8 pf;
	struct net *net;
};

struct nft_pktinfo {
	struct sk_buff *skb;
	const struct nf_hook_state *state; /* before 5.14 (f06ad944b6ee) elsewhere */
};

struct nft_table {
	__u64 handle;
	__u16 family : 6;
	char *name;
};

struct nft_chain {
	struct nft_table *table;
	char *name;
};

struct nft_base_chain {
	struct nft_chain chain;
};

/* Rules lie one after the other; the last one, which is none, knows its chain (6.4, 63e9bbbcca60).
 */
struct nft_rule_dp {
	__u64 is_last : 1;
	__u64 dlen : 12;
	__u64 handle : 42;
};

struct nft_rule_dp_last {
	const struct nft_chain *chain;
};

struct nft_verdict {
	__u32 code;
};

/* Until 6.3 all there is to trace; since then these are arguments of their own (46df417544f4). */
struct nft_traceinfo {
	const struct nft_pktinfo *pkt;
	const struct nft_base_chain *basechain;
	const struct nft_rule_dp *rule;
	const struct nft_verdict *verdict;
};

struct xt_table {
	void *private;
	__u8 af;
	char name[32];
};

struct ebt_table {
	void *private;
	char name[32];
};

struct nf_conntrack_zone {
	__u16 id;
};

struct nf_conn {
	struct nf_conntrack_zone zone;
	__u32 mark;
};

#pragma clang attribute pop

/* Only asked whether it exists. */
enum skb_drop_reason {
	SKB_DROP_REASON_NOT_SPECIFIED = 2,
};

/* The same (6.10). */
enum sk_rst_reason {
	SK_RST_REASON_NOT_SPECIFIED = 0,
};

/* Of the kernel's headers, what the code below says by name. */
#define ETH_P_IP 0x0800
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define ETH_P_IPV6 0x86dd
#define PACKET_HOST 0
#define PACKET_BROADCAST 1
#define PACKET_OTHERHOST 3
#define PACKET_LOOPBACK 5
#define TCP_TIME_WAIT 6
#define TCP_NEW_SYN_RECV 12
#define IFF_MACVLAN_PORT (1 << 8)
#define VLAN_ID_MASK 0xfff
#define VLAN_HLEN 4
#define IFF_UP (1 << 0)	    /* of net_device.flags, as the next one */
#define IFF_SLAVE (1 << 11) /* the others are of priv_flags */
#define IFF_BRIDGE_PORT (1 << 9)
#define IFF_OVS_DATAPATH (1 << 10)
#define IFF_TEAM_PORT (1 << 13)
#define IFF_L3MDEV_MASTER (1 << 18)
#define IFF_L3MDEV_SLAVE (1 << 21)
#define AF_INET 2
#define AF_INET6 10
#define AF_PACKET 17
