#include "ping/icmp_words.h"

#include <fmt/format.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <sys/socket.h>

#include <array>
#include <span>

namespace tracepkt::ping {
namespace {

// By code: RFC 792, 1122 and 1812.
constexpr std::array kUnreachable4 = {
    "destination network unreachable",
    "destination host unreachable",
    "destination protocol unreachable",
    "destination port unreachable",
    "packet too big",
    "source route failed",
    "destination network unknown",
    "destination host unknown",
    "source host isolated",
    "destination network administratively prohibited",
    "destination host administratively prohibited",
    "destination network unreachable for this type of service",
    "destination host unreachable for this type of service",
    "communication administratively prohibited",
    "host precedence violation",
    "precedence cutoff in effect",
};

constexpr std::array kTimeExceeded4 = {"time to live exceeded",
                                       "time to put fragments together exceeded"};

// By code: RFC 4443, 6550 and 8883.
constexpr std::array kUnreachable6 = {
    "no route to destination",
    "communication administratively prohibited",
    "destination is beyond the scope of the source address",
    "destination host unreachable",
    "destination port unreachable",
    "source address failed the router's policy",
    "route to destination rejects",
    "error in source routing header",
    "headers too long",
};

constexpr std::array kTimeExceeded6 = {"hop limit exceeded",
                                       "time to put fragments together exceeded"};

constexpr std::array kParameterProblem6 = {
    "parameter problem: wrong header field",
    "parameter problem: unknown next header",
    "parameter problem: unknown option",
};

std::string by_code(std::span<const char* const> words, std::uint8_t code, const char* otherwise) {
  return code < words.size() ? words[code] : fmt::format("{}, code {}", otherwise, code);
}

std::string too_big(std::uint32_t mtu) {
  // Routers from before RFC 1191 leave the MTU 0.
  return mtu == 0 ? "packet too big" : fmt::format("packet too big, mtu {}", mtu);
}

std::string words4(std::uint8_t type, std::uint8_t code, std::uint32_t info) {
  switch (type) {
    case ICMP_DEST_UNREACH:
      return code == ICMP_FRAG_NEEDED ? too_big(info)
                                      : by_code(kUnreachable4, code, "destination unreachable");
    case ICMP_TIME_EXCEEDED:
      return by_code(kTimeExceeded4, code, "time exceeded");
    case ICMP_PARAMETERPROB:
      return fmt::format("parameter problem at byte {} of the header", info);
    case ICMP_SOURCE_QUENCH:
      return "source quench: sent too fast";
    case ICMP_REDIRECT:
      return fmt::format("redirect: a better gateway is {}.{}.{}.{}", info >> 24, info >> 16 & 0xff,
                         info >> 8 & 0xff, info & 0xff);
    default:
      return fmt::format("ICMP type {}, code {}", type, code);
  }
}

std::string words6(std::uint8_t type, std::uint8_t code, std::uint32_t info) {
  switch (type) {
    case ICMP6_DST_UNREACH:
      return by_code(kUnreachable6, code, "destination unreachable");
    case ICMP6_PACKET_TOO_BIG:
      return too_big(info);
    case ICMP6_TIME_EXCEEDED:
      return by_code(kTimeExceeded6, code, "time exceeded");
    case ICMP6_PARAM_PROB:
      return fmt::format("{} at byte {} of the packet",
                         by_code(kParameterProblem6, code, "parameter problem"), info);
    default:
      return fmt::format("ICMPv6 type {}, code {}", type, code);
  }
}

}  // namespace

std::string icmp_error_words(int family, std::uint8_t type, std::uint8_t code, std::uint32_t info) {
  return family == AF_INET ? words4(type, code, info) : words6(type, code, info);
}

}  // namespace tracepkt::ping
