// What an ICMP or ICMPv6 error says, in words.
#pragma once

#include <cstdint>
#include <string>

namespace tracepkt::ping {

// `info` as in Heard::info. An unknown type or code is named by its number.
std::string icmp_error_words(int family, std::uint8_t type, std::uint8_t code, std::uint32_t info);

}  // namespace tracepkt::ping
