// The events of one packet -> its hops in order, each once, and its outcome. Pure: no state, no
// clock.
#pragma once

#include <vector>

#include "journey/flows.h"
#include "journey/journey.h"

namespace tracepkt::journey {

class Senders;
class Translations;

// How the packet's events came to an end.
enum class Ending : std::uint8_t {
  kSeen,      // the kernel freed the packet
  kSilent,    // nothing more was heard of it for long
  kFinished,  // nor until nobody listened any more
  kCut,       // what is known ends here: what came after is not in the file
};

struct AssembleContext {
  Names& names;
  Ending ending = Ending::kSeen;
  // Where and when an answer to this packet set out: whatever happened to copies of it, it
  // arrived. 0: none did.
  std::uint32_t answered_in_netns = 0;
  std::uint64_t answered_ns = 0;
  Flows::Opening opening = {};                 // of a SYN
  const Senders* senders = nullptr;            // null: none are known
  const Translations* translations = nullptr;  // null: none are known
};

// Sets what the kernel calls its reason and its function.
void name_drop(DropInfo& drop, Names& names);

// Sets hops, packet and outcome of `journey` from its events, which come in any order and leave in
// that of time, as do its functions, which get their names.
void assemble(std::vector<decode::Event>& events, const AssembleContext& context, Journey& journey);

}  // namespace tracepkt::journey
