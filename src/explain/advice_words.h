// Cause and advice of a packet in full: advice.def's words, with what is known of the packet filled
// in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "journey/journey.h"

namespace tracepkt::explain {

// Cause and advice in full, for a person or a program to use as it is; printable, quoted for a
// shell.
struct AdviceWords {
  std::string key;
  std::string cause;  // a sentence
  std::string check;  // a command
  std::string mend;
  bool harmless = false;
  // The command is for the packet's namespace, and does not enter it: that has no name, or -n.
  bool enter_first = false;
};

// The filter, quoted for a shell, by which the requests for a next hop's link address are traced.
// `family`: 4 or 6; IPv6 asks by a multicast address, so that there it is any next hop.
std::string asking_filter(std::uint8_t family, std::string_view hop);

// A command for the namespace where the packet ended, in quotes: it enters that, or is said to be
// for there.
std::string command_words(const journey::Outcome& outcome, std::string_view command);

// Nothing where the packet was not dropped.
std::optional<AdviceWords> advice_words(const journey::Journey& journey);

// The same of a request that was delivered, but not answered; nothing where that is not for the
// kernel to do, or was done.
std::optional<AdviceWords> silence_words(const journey::Journey& request);

}  // namespace tracepkt::explain
