#include "ping/icmp_filter.h"

#include <linux/filter.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <span>

namespace tracepkt::ping {
namespace {

constexpr std::uint32_t kWholePacket = 0xffffffff;

void attach(int fd, std::span<sock_filter> code) {
  const sock_fprog program{.len = static_cast<unsigned short>(code.size()), .filter = code.data()};
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

// A raw IPv4 socket's packet begins with the IP header.
void filter4(int fd, std::uint16_t id) {
  icmp_filter types{};
  types.data = ~(1u << ICMP_ECHOREPLY | 1u << ICMP_DEST_UNREACH | 1u << ICMP_SOURCE_QUENCH |
                 1u << ICMP_REDIRECT | 1u << ICMP_TIME_EXCEEDED | 1u << ICMP_PARAMETERPROB);
  constexpr int kSolRaw = 255;
  setsockopt(fd, kSolRaw, ICMP_FILTER, &types, sizeof(types));
  std::array code = {
      sock_filter{BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0},  // X = length of the IP header
      sock_filter{BPF_LD | BPF_B | BPF_IND, 0, 0, 0},   // type
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 2, ICMP_ECHOREPLY},
      sock_filter{BPF_LD | BPF_H | BPF_IND, 0, 0, 4},  // id
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, id},
      sock_filter{BPF_RET | BPF_K, 0, 0, kWholePacket},
      sock_filter{BPF_RET | BPF_K, 0, 0, 0},
  };
  attach(fd, code);
}

// A raw ICMPv6 socket's packet begins with the ICMPv6 header.
void filter6(int fd, std::uint16_t id) {
  icmp6_filter types;
  ICMP6_FILTER_SETBLOCKALL(&types);
  for (int type : {ICMP6_ECHO_REPLY, ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED,
                   ICMP6_PARAM_PROB}) {
    ICMP6_FILTER_SETPASS(type, &types);
  }
  setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &types, sizeof(types));
  std::array code = {
      sock_filter{BPF_LD | BPF_B | BPF_ABS, 0, 0, 0},  // type
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 2, ICMP6_ECHO_REPLY},
      sock_filter{BPF_LD | BPF_H | BPF_ABS, 0, 0, 4},  // id
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, id},
      sock_filter{BPF_RET | BPF_K, 0, 0, kWholePacket},
      sock_filter{BPF_RET | BPF_K, 0, 0, 0},
  };
  attach(fd, code);
}

}  // namespace

void filter_raw_socket(int fd, int family, std::uint16_t id) {
  if (family == AF_INET) {
    filter4(fd, id);
  } else {
    filter6(fd, id);
  }
}

}  // namespace tracepkt::ping
