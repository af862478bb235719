// Random filter expressions and random packets, from small pools of values so that they meet.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace tracepkt::filter::testing {

// 32 random bits a call, the same for a seed everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_() >> 32); }

 private:
  std::mt19937_64 engine_;
};

// In the language of pcap-filter(7); mostly, not always, one that libpcap compiles.
std::string random_expression(Random& random);

struct Packet {
  std::vector<std::uint8_t> bytes;  // from the MAC header on
  std::uint32_t l3 = 0;             // where the IP header begins; 0: no IP packet
};

// Ethernet with or without VLAN tags, then ARP, IPv4 or IPv6 with options, fragments and extension
// headers, then TCP, UDP, ICMP or others; sometimes cut short, sometimes plain noise.
Packet random_packet(Random& random);

}  // namespace tracepkt::filter::testing
