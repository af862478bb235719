// What a packet did: its hops in order, and how it ended.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/boxed.h"
#include "decode/event.h"
#include "journey/programs.h"
#include "journey/routing_rules.h"

namespace tracepkt::journey {

struct Netns {
  std::uint32_t inode = 0;  // 0: not known
  std::string name;         // empty: it has none that we know

  // The name, or the inode where there is no name.
  std::string label() const;
};

struct Process {
  std::uint32_t pid = 0;
  std::string name;  // any bytes
};

// As names of sockets' owners are written, "4711 nc"; nobody: empty.
std::string owner_text(const std::optional<Process>& process);
std::optional<Process> process_of(std::string_view owner_text);

// Of a socket that listens.
struct ListenQueue {
  std::uint32_t waiting = 0;  // connections that its process has not accepted yet
  std::uint32_t backlog = 0;  // with more than these waiting, the kernel ignores who wants another

  bool is_full() const { return waiting > backlog; }
};

// As its name is written, "2 1"; not known: empty.
std::string queue_text(const std::optional<ListenQueue>& queue);
std::optional<ListenQueue> queue_of(std::string_view queue_text);

struct DropInfo {
  decode::Drop raw;
  std::string reason;    // the kernel's name without SKB_DROP_REASON_; empty before 5.17
  std::string function;  // "icmp_rcv+0x1a2"; empty where kallsyms is hidden
  bool taken = false;    // no loss, only the end of what was taken: see FalseDrops::is_end()
};

// A rule that matched, and what it led to.
struct Rule {
  decode::Netfilter raw;
  std::string text;  // the rule's own, as its tool writes it; empty: not known
};

// A packet's way through one base chain of a firewall, and the chains that were jumped to.
struct ChainWalk {
  decode::Netfilter base;     // with the verdict that it came to
  std::vector<Rule> rules;    // with --rules: those that matched, and returns, in order
  bool by_policy = false;     // no rule decided
  bool is_flowtable = false;  // it is none, but a flowtable that forwards: see settle_ingress()

  // The rule that decided; null where none did, or none is known.
  const Rule* decisive() const;
};

// What NAT made of the packet since it was seen last.
struct AddressChange {
  decode::Packet from;
  decode::Packet to;
};

// The packet was put into another one, or taken out of it.
struct Tunnel {
  bool into = false;
  decode::Packet outer;
  std::uint32_t overhead = 0;  // bytes that the outer one is longer; 0: it came in fragments
};

struct Hop {
  std::uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  std::uint32_t cpu = 0;
  Netns netns;
  decode::Device device;  // index 0: on no device
  stage_id stage = STAGE_tx;
  bool inferred = false;  // no hook fired here: a later one tells that it was here
  bool answered = false;  // delivered to the kernel itself, which answered
  bool tracked = false;   // sent, after conntrack was asked about it
  // The same was here before: a queue duplicates it (netem), or its request.
  bool duplicate = false;
  // rx: this machine's own copy of a broadcast or multicast that it sends (dev_loopback_xmit).
  bool looped = false;
  // tx: by what is asked before IP on the way in, as it is (tc, a program, a netdev chain).
  bool past_ip = false;
  std::optional<decode::Packet> packet = {};
  Boxed<DropInfo> drop = {};
  Boxed<decode::Socket> socket = {};
  Boxed<decode::Route> route = {};
  Boxed<RoutingRule> routing_rule = {};  // of a route: that led there, or refused; if it is known
  Boxed<ChainWalk> chain = {};
  Boxed<AddressChange> nat = {};
  Boxed<Tunnel> tunnel = {};
  decode::Note note = {};
  std::string function;         // that the packet is given to: its name
  std::string reset_reason;     // of a reset that TCP sends: the kernel's name for it
  std::uint64_t queued_ns = 0;  // of a queue: how long it was in there
  std::uint64_t asked_by = 0;   // of a neighbour: the journey of the request; 0: not traced

  // Does the packet cross an interface here?
  bool is_crossing() const { return stage == STAGE_tx || stage == STAGE_rx; }
};

enum class OutcomeKind : std::uint8_t { kDelivered, kDropped, kLeft, kConsumed, kLost };

struct Outcome {
  OutcomeKind kind = OutcomeKind::kLost;
  Netns netns;                    // where it ended
  decode::Device device;          // left: through which; dropped: on which
  decode::Device sent_by = {};    // left: another one, for which several packets were made of it
  Boxed<DropInfo> drop = {};      // dropped
  Boxed<ChainWalk> chain = {};    // dropped by a firewall: by this chain of it
  Boxed<Programs> programs = {};  // dropped by one of these
  std::string netns_file;  // dropped, not answered, not heard of again: see Names::netns_file()
  Boxed<decode::Socket> socket = {};  // delivered to a process; without: to the kernel itself
  std::optional<ListenQueue> full_queue = {};  // consumed: a connection there was no room for
  // The same, of connections whose clients were not heard of again.
  std::optional<ListenQueue> full_syn_queue = {};
  bool no_way_back = false;  // consumed: a connection that could not be answered
  // Consumed: a SYN, by what is left of an earlier connection between the same.
  bool time_wait = false;
  bool closed = false;          // consumed: data, which TCP answered with a reset
  bool conntrack_full = false;  // dropped: by no rule that is known, while it was
  // Consumed: bytes of the socket's receive buffer in use by what nobody has read; not 0.
  std::optional<std::uint64_t> unread = {};
  bool in_vain = false;  // consumed: a request for a link address, to which no answer was seen
  bool merged = false;   // consumed: GRO made it a part of the segment before it
  bool seen = true;      // false: concluded from silence, no end was seen
  bool cut = false;      // lost: where what is known of all packets ends

  // Did the kernel forget a wish for a connection, without a word?
  bool is_ignored() const { return full_queue || full_syn_queue || no_way_back; }
};

std::string_view outcome_name(OutcomeKind kind);

// Of a question kRequest, of the way that began a flow kOriginal, and kReply of what answers
// either.
enum class Direction : std::uint8_t { kOriginal, kRequest, kReply };

std::string_view direction_name(Direction direction);

// A kernel function that was given the packet (-vv). There may be thousands: see for_each_hop().
struct FunctionStep {
  std::uint64_t time_ns = 0;
  std::uint32_t cpu = 0;
  decode::NetnsId netns;
  decode::Device device;
  decode::FunctionCall call;
  std::string netns_name;
  std::string name;  // "ip_rcv"
};

struct Journey {
  std::uint64_t id = 0;  // 1, 2, 3, ... in order of first sight
  // The same for a request and what answers it, or for both directions of a flow; 0: in none.
  std::uint64_t exchange = 0;
  bool in_flow = false;  // the exchange is a flow's
  Direction direction = Direction::kOriginal;
  decode::Packet packet;        // as first seen
  std::uint64_t packet_id = 0;  // of that, in the kernel side's records
  std::vector<Hop> hops;
  std::uint64_t more_hops = 0;          // that were seen, but not kept: it circles
  std::vector<FunctionStep> functions;  // in order
  std::uint64_t more_functions = 0;     // that were called, but not kept
  Outcome outcome;

  // Of a question and its answers, which are shown together; of a flow there is no such pair.
  bool is_in_pair() const { return exchange != 0 && !in_flow; }
  bool is_paired_with(const Journey& other) const {
    return is_in_pair() && other.is_in_pair() && exchange == other.exchange;
  }

  std::uint64_t begin_ns() const { return hops.empty() ? 0 : hops.front().time_ns; }
  std::uint64_t duration_ns() const {
    return hops.empty() ? 0 : hops.back().time_ns - hops.front().time_ns;
  }
};

// Of a packet that left by no interface yet, as far as was seen: the queue that it was put into
// last. Null: none is known.
const decode::Queue* waiting_queue(const Journey& journey);

// The hops in order, and between them, each as a hop of its own, the functions.
void for_each_hop(const Journey& journey, const std::function<void(const Hop&)>& take);

// Where a socket may be, and what it may be connected to: of a packet that comes to it, dst and
// src.
struct SocketPlace {
  std::uint32_t netns = 0;    // inode
  std::uint32_t ifindex = 0;  // by which a packet came in that it takes; 0: not known
  std::uint8_t protocol = 0;  // IPPROTO_UDP, IPPROTO_UDPLITE or IPPROTO_TCP
  decode::Address local;
  std::uint16_t local_port = 0;
  decode::Address remote;
  std::uint16_t remote_port = 0;
};

// Where that packet comes to, as both ends were on the wire: what NAT does there it does both ways.
SocketPlace place_of(const decode::Packet& packet, std::uint32_t netns, std::uint32_t ifindex);

// Names for what events carry as numbers: live from this machine, or from a file.
class Names {
 public:
  virtual ~Names() = default;
  // Empty where it has no name.
  virtual std::string netns(const decode::NetnsId& id) = 0;
  // A file by which a program can enter the namespace with this inode. Empty where it need not,
  // as it is the initial one and we are in it, and where none is known.
  virtual std::string netns_file(std::uint32_t inode) = 0;
  virtual std::string drop_reason(std::uint32_t reason) = 0;
  virtual std::string symbol(std::uint64_t address) = 0;
  // The text of a firewall rule in the namespace with this inode; empty where it cannot be had.
  virtual std::string rule(std::uint32_t inode, const decode::Netfilter& netfilter) = 0;
  // Who has the socket with this inode open: "PID NAME". Empty where nobody has, or we may not
  // know.
  virtual std::string socket_owner(std::uint64_t /*inode*/) { return ""; }
  // The inode of the socket that takes what comes there (of TCP: that listens); 0: none, or not
  // known.
  virtual std::uint64_t socket_at(const SocketPlace& /*place*/) { return 0; }
  // The queue of the socket that listens there, as queue_text() has it. Empty: it has room, or this
  // connection was made, or it is not known.
  virtual std::string full_queue(const SocketPlace& /*place*/) { return ""; }
  // How many connections are being made there, of a socket that listens, and for how many there is
  // room, as queue_text() has it. Empty: there was room, or SYN cookies are sent, or it is not
  // known.
  virtual std::string full_syn_queue(const SocketPlace& /*place*/) { return ""; }
  // Has conntrack no room for another connection in the namespace with this inode? False also
  // where that is not known.
  virtual bool is_conntrack_full(std::uint32_t /*inode*/) { return false; }
  // How many bytes of the receive buffer of that socket of UDP are in use, after `since_ns`
  // (CLOCK_MONOTONIC). Nothing where that is not known.
  virtual std::optional<std::uint64_t> unread(const SocketPlace& /*place*/, std::uint64_t /*inode*/,
                                              std::uint64_t /*since_ns*/) {
    return std::nullopt;
  }
  // Does the kernel there know a connection between these, or make one? False also where it cannot
  // be asked.
  virtual bool has_connection(const SocketPlace& /*place*/) { return false; }
  // Is a connection between these over there, and waits in TIME_WAIT? False also where it cannot be
  // asked.
  virtual bool is_time_wait(const SocketPlace& /*place*/) { return false; }
  // Has the namespace no route to who wants that connection, so that none is made? False where that
  // is not certain.
  virtual bool has_no_way_back(const SocketPlace& /*place*/) { return false; }
  // The programs and filters at that place of an interface, by its index in that namespace, as
  // programs_text() has them. Empty: there are none, or none are known.
  virtual std::string programs(std::uint32_t /*inode*/, std::uint32_t /*ifindex*/,
                               ProgramPlace /*place*/) {
    return "";
  }
  // The flowtable of nftables that forwards what comes in by that device, "FAMILY TABLE NAME".
  // Empty: it is in none, or none is known.
  virtual std::string flowtable(std::uint32_t /*inode*/, const decode::Device& /*device*/) {
    return "";
  }
  // What `ip -N rule show` prints of that namespace, with -4 (AF_INET) or -6. Empty where it cannot
  // be had.
  virtual std::string routing_rules(std::uint32_t /*inode*/, std::uint8_t /*family*/) { return ""; }
  // The kernel's name for why TCP sends a reset, without SK_RST_REASON_.
  virtual std::string reset_reason(std::uint32_t /*reason*/) { return ""; }
};

}  // namespace tracepkt::journey
