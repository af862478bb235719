// Keeps from a raw ICMP socket, inside the kernel, what cannot be for us: a raw socket otherwise
// gets a copy of every ICMP message of its namespace.
#pragma once

#include <cstdint>

namespace tracepkt::ping {

// Lets pass echo replies with this id, and the ICMP errors. Best effort: whatever passes is checked
// again in user space, so a kernel without filters only costs time.
void filter_raw_socket(int fd, int family, std::uint16_t id);

}  // namespace tracepkt::ping
