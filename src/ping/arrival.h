// Takes one message out of an ICMP socket, with what the kernel says beside it.
#pragma once

#include <time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "ping/address.h"

namespace tracepkt::ping {

// Room for whatever one IP packet can hold.
constexpr std::size_t kMaxPacketBytes = 65536;

enum class ArrivalState {
  kMessage,
  kNothing,       // none waits
  kPendingError,  // an ICMP error was reported on the socket instead: see its error queue
};

// What the error queue tells of an ICMP error, in the place of its bytes.
struct ReportedError {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t info = 0;    // as in Heard
  Address destination = {};  // where the quoted packet went
};

struct Arrival {
  ArrivalState state = ArrivalState::kNothing;
  // In the caller's buffer; of the error queue: what is quoted.
  std::span<const std::uint8_t> bytes = {};
  Address from = {};         // who sent it; of the error queue: who reported the error
  std::int64_t wall_ns = 0;  // the kernel's timestamp, CLOCK_REALTIME; 0: none
  int ttl = -1;              // -1: not told
  std::optional<ReportedError> error = {};  // of the error queue
};

// `flags`: MSG_ERRQUEUE, or 0. Never waits. Fails where the socket is beyond use.
Result<Arrival> receive_message(int fd, int flags, std::span<std::uint8_t> buffer);

std::int64_t to_ns(const timespec& time);

}  // namespace tracepkt::ping
