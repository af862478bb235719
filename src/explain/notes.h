// What hooks tell of a packet beside where it is, in words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "journey/journey.h"

namespace tracepkt::explain {

// "port unreachable"
std::string icmp_error_words(std::uint8_t protocol, const decode::Icmp& icmp);

// "who-has 10.0.0.2 tell 10.0.0.1"
std::string arp_words(const decode::Arp& arp);

// "curl (4711)"
std::string process_words(const decode::Socket& socket);

// Of a hop at a queue, a neighbour, ICMP, TCP, a program or in a kernel function.
std::string note_words(const journey::Hop& hop);

// "resolved", "failed", "waiting"
// What a tunnel's packets are called, where their protocol or port tells: "vxlan", "ipip", ...
std::string_view tunnel_kind(const decode::Packet& outer);

// "encap: into vxlan 10.0.0.1:37312 -> 10.0.0.2:4789, 50 bytes more"
std::string tunnel_words(const journey::Tunnel& tunnel);

std::string_view neighbour_state(const decode::Neighbour& neighbour);

// "arrived", "reset_sent", "reset_received", "retransmitted"
std::string_view tcp_event(const decode::TcpNote& note);

// Of a retransmission: "timeout", "loss", "probe"
std::string_view retransmit_cause(const decode::TcpNote& note);

// Is the driver's queue full, so that the packet goes back to that of the interface, if it has one?
bool refused_as_busy(const decode::Refusal& refusal);

// "8001:", "0:"
std::string qdisc_handle(const decode::Queue& queue);

// "ip_rcv", or where there is no name the address.
std::string function_name(const journey::Hop& hop);

// What a kernel function returned: "-22", "true", "0xffff888100000000"; empty: it has not, or
// returns nothing.
std::string returned_value(const decode::FunctionCall& call);

}  // namespace tracepkt::explain
