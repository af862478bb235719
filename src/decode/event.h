// A record of the ring or of a file, as typed values: one hook that fired for one packet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/boxed.h"
#include "base/result.h"
#include "decode/notes.h"
#include "decode/packet.h"
#include "wire/record.h"

namespace tracepkt::decode {

struct Device {
  std::uint32_t index = 0;  // 0: none
  ShortName name;

  bool operator==(const Device&) const = default;
};

struct NetnsId {
  std::uint32_t inode = 0;   // 0: not known
  std::uint64_t cookie = 0;  // never used again; 0 where the kernel has none

  bool operator==(const NetnsId&) const = default;
};

struct Drop {
  std::uint32_t reason = 0;
  bool has_reason = false;
  bool before_ip = false;      // its place for what the IP layer notes has something else in it
  bool broadcast = false;      // for all on a link, or this machine's own copy of such a one
  std::uint64_t location = 0;  // kernel address
  std::uint64_t socket = 0;    // inode of the socket it belongs to; 0: none is known
};

struct Socket {
  std::uint16_t family = 0;
  std::uint16_t type = 0;
  std::uint16_t protocol = 0;
  std::uint32_t pid = 0;  // of the process that reads or writes it; 0: not known
  ShortName comm;
  std::uint64_t inode = 0;  // 0: not known
};

// What a routing table answered.
struct Route {
  std::uint8_t family = 0;  // AF_INET, AF_INET6
  std::uint32_t table = 0;  // RT_TABLE_*, or the user's number
  int error = 0;            // errno; 0: it knows a way, or type says why not
  std::uint8_t type = 0;    // RTN_*; 0 where the kernel does not say
  std::uint8_t scope = 0;   // RT_SCOPE_* of the next hop
  Address via;              // the next hop; family 0: the destination is on the link
  Device device;            // it goes out by
  ShortName vrf;            // that the device is in; empty: in none
  bool kept = false;        // no table was asked: the socket keeps it. Which it was is not known
  bool any_hop = false;     // it has several next hops, and which was taken is not known
};

// A firewall's chain that the packet passed, or of the rules in it that matched, one.
struct Netfilter {
  netfilter_kind kind = NETFILTER_CHAIN;
  netfilter_backend backend = NETFILTER_NFTABLES;
  std::uint8_t family = 0;  // NFPROTO_* of the table
  std::uint8_t pf = 0;      // NFPROTO_* of the hook
  std::uint8_t hook = 0;    // NF_INET_*, NF_BR_*, NF_ARP_*, NF_NETDEV_*
  std::int32_t verdict = 0;
  std::uint64_t rule = 0;        // handle (nftables) or number (xtables); 0: none
  std::uint32_t generation = 0;  // of the table, as in netfilter_section
  std::string table;             // cut at 31 bytes
  std::string chain;             // cut at 63; empty: it is called as the hook is

  struct Connection {
    std::uint8_t info = 0;  // enum ip_conntrack_info
    std::uint32_t mark = 0;
    std::uint16_t zone = 0;
  };
  std::optional<Connection> connection;  // tracked, as the packet came to the chain

  // Of a chain that is through.
  bool is_drop() const;
  bool is_accept() const;
};

struct Event {
  std::uint16_t hook = 0;  // enum hook_id
  stage_id stage = STAGE_tx;
  bool first = false;
  bool last = false;
  bool to_ip = false;    // GRO has it, and what it makes of it is seen where it goes to
  bool tracked = false;  // sent, after conntrack was asked about it
  std::uint32_t cpu = 0;
  std::uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t packet_id = 0;
  NetnsId netns;
  Device device;
  std::uint32_t iif = 0;       // ifindex that it came in by last; 0: made here
  std::uint16_t end_port = 0;  // destination port of what has ports, at its end; 0: not known
  std::optional<Packet> packet = {};
  Boxed<Drop> drop = {};
  Boxed<Socket> socket = {};
  Boxed<Route> route = {};
  Boxed<Netfilter> netfilter = {};
  Note note = {};
};

// Fails on a record that is shorter than it says or holds what no kernel side of ours writes.
// A section with an unknown id is skipped.
Result<Event> decode_record(std::span<const std::byte> record);

// The packet's bytes in a record, from its network header on; empty if it carries none. They last
// as long as the record.
struct PacketBytes {
  std::uint16_t ethertype = 0;
  std::uint32_t len = 0;  // of the whole packet
  std::span<const std::byte> bytes;
};
PacketBytes packet_bytes(std::span<const std::byte> record);

// The record with at most `most` bytes of its packet.
void cut_packet(std::span<const std::byte> record, std::size_t most, std::vector<std::byte>& out);

// The stage's name as output shows it: "tx", "deliver", ...
std::string_view stage_name(stage_id stage);

}  // namespace tracepkt::decode
