// What a hook tells of a packet beside where it is.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "decode/packet.h"

namespace tracepkt::decode {

// A name of at most 15 bytes, as the kernel keeps those of interfaces and processes. Any bytes.
struct ShortName {
  std::array<char, 16> bytes = {};

  std::string_view view() const;
  bool operator==(const ShortName&) const = default;
};

// An ICMP error is sent because of the packet.
struct IcmpError {
  std::uint8_t protocol = 0;  // IPPROTO_ICMP
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};

struct TcpNote {
  enum class Kind : std::uint8_t {
    kArrived = 1,
    kResetSent = 2,
    kRetransmitted = 3,
    kResetReceived = 4
  };

  Kind kind = Kind::kArrived;
  std::uint8_t ca_state = 0;  // retransmitted: TCP_CA_*
  std::uint8_t tries = 0;     // retransmitted: timeouts in a row
  bool has_reason = false;    // reset
  std::uint32_t reason = 0;   // enum sk_rst_reason
};

// The packet waited for the link address of its next hop.
struct Neighbour {
  Address address;
  std::uint16_t state = 0;     // NUD_*
  std::uint8_t probes = 0;     // sent without an answer
  std::uint64_t asked_ns = 0;  // CLOCK_MONOTONIC: since when it is looked for; 0: not known
  std::uint64_t told_ns = 0;   // when it was found, or given up
  std::uint8_t lladdr_len = 0;
  std::array<std::uint8_t, 8> lladdr = {};

  // "aa:bb:cc:dd:ee:ff"; empty: not known
  std::string lladdr_text() const;
};

// The packet left the queue of an interface, or came into it.
struct Queue {
  std::uint32_t handle = 0;
  ShortName kind;
  bool waits = false;  // it came into it
};

// An interface's driver did not take the packet.
struct Refusal {
  std::int32_t code = 0;  // enum netdev_tx
};

// A kernel function is given the packet, or returns.
struct FunctionCall {
  std::uint64_t address = 0;
  std::uint8_t returns = 0;  // enum function_returns
  bool returned = false;
  std::uint64_t value = 0;  // returned: of the size that it has, sign and all

  bool has_return() const;  // it returns something
};

// A BPF program of an interface is through with the packet.
struct ProgramVerdict {
  enum class Kind : std::uint8_t { kXdpGeneric = 1, kXdpNative = 2, kClsBpf = 3, kTcx = 4 };

  Kind kind = Kind::kXdpGeneric;
  bool egress = false;  // of tc
  std::int32_t verdict = 0;
  std::uint32_t id = 0;
  ShortName name;

  bool is_xdp() const { return kind == Kind::kXdpGeneric || kind == Kind::kXdpNative; }
  // Did it keep the packet from going on to where it was going?
  bool is_drop() const;
  bool is_taken() const;  // sent back or elsewhere, or kept
};

using Note = std::variant<std::monostate, IcmpError, TcpNote, Neighbour, Queue, Refusal,
                          FunctionCall, ProgramVerdict>;

// "aa:bb:cc:dd:ee:ff"
std::string link_address_text(const std::uint8_t* bytes, std::size_t size);

}  // namespace tracepkt::decode
