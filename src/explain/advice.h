// Cause and advice for a dropped packet: what happened, how to check it, what usually mends it.
// The texts are in advice.def.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "journey/journey.h"

namespace tracepkt::explain {

struct Advice {
  std::string_view key;  // stable: for scripts
  // Texts in which {in}, {dev}, ... stand for what advice_words() knows.
  std::string_view cause;
  std::string_view check;
  std::string_view mend;
  bool harmless = false;  // freed because nobody needed it any more: no fault
};

// There always is one: of what is not in the table it says so, and names what the kernel names.
// `packet`, as it was when it was dropped, may tell more; it may be null.
Advice find_advice(const journey::DropInfo& drop, const decode::Packet* packet = nullptr);

// Does this reason, by the kernel's name without SKB_DROP_REASON_, have its row? NOT_SPECIFIED
// counts: it is for the function to say.
bool knows_reason(std::string_view reason);

// The same in full, for a person or a program to use as it is; printable, quoted for a shell.
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

// Nothing where the packet was not dropped.
std::optional<AdviceWords> advice_words(const journey::Journey& journey);

// The same of a request that was delivered, but not answered; nothing where that is not for the
// kernel to do, or was done.
std::optional<AdviceWords> silence_words(const journey::Journey& request);

}  // namespace tracepkt::explain
