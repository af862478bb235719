// Opens and configures the socket that echo requests leave by: everything that depends on the
// network namespace the caller is in happens here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "ping/address.h"

namespace tracepkt::ping {

struct EchoOptions {
  Address target = {};
  std::size_t payload_bytes = 56;
  std::optional<int> ttl = {};             // 1..255; hop limit in IPv6
  std::optional<std::uint32_t> mark = {};  // SO_MARK
  std::string via = {};                    // -I: an interface or a source address; empty: neither
};

struct IcmpSocket {
  Fd fd = {};                   // nonblocking
  bool raw = false;             // else a ping socket: no IP header, ICMP errors in the error queue
  std::uint16_t id = 0;         // the one to send with: a ping socket's is the kernel's choice
  Address target = {};          // the scope filled in from -I where it was missing
  std::string scope_name = {};  // the interface of target.scope, or empty
  // That packets leave with; nullopt where nothing routes there.
  std::optional<Address> source = {};
};

// A raw socket, or a ping socket where raw ones are not allowed. `id` is what a raw socket listens
// for. An unreachable target is no failure here: sending says it, packet by packet.
Result<IcmpSocket> open_icmp_socket(const EchoOptions& options, std::uint16_t id);

}  // namespace tracepkt::ping
