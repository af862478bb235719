// The programs and filters at an interface, in words.
#pragma once

#include <optional>
#include <string>

#include "journey/programs.h"

namespace tracepkt::explain {

// "drop_all (id 7)", "flower (pref 1, handle 0x1)"
std::string program_words(const journey::Program& program);

// "XDP_PASS", "TC_ACT_OK", "TCX_NEXT", ...
std::string verdict_name(const decode::ProgramVerdict& verdict);

// "drop_all (id 7): XDP_DROP", "ingress: pass_all (id 8): TC_ACT_OK"
std::string verdict_words(const decode::ProgramVerdict& verdict);

// Of a packet that it did not let go on, and that was not dropped.
std::string taken_words(const decode::ProgramVerdict& verdict);

// What there is to say of a packet that one of them dropped; texts in which {in} and {dev} stand
// for what advice_words() knows. Empty: no more than is said of any such drop.
struct ProgramAdvice {
  std::string cause;
  std::string check;
  std::string mend;
};
ProgramAdvice program_advice(const journey::Programs& programs);

// Of a packet that came to them, and was not seen again.
std::string taken_first_words(const journey::Programs& programs);

}  // namespace tracepkt::explain
