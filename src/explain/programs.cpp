#include "explain/programs.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace tracepkt::explain {
namespace {

using journey::Program;
using journey::ProgramPlace;
using journey::Programs;

bool is_bpf(const Program& program) {
  return program.kind == "bpf" || program.kind == "tcx" || program.kind.starts_with("xdp");
}

bool is_filter(const Program& program) { return program.handle != 0; }

// "xdp", "tc ingress", "tc egress"
std::string_view place_words(ProgramPlace place) {
  switch (place) {
    case ProgramPlace::kTcIngress:
      return "tc ingress";
    case ProgramPlace::kTcEgress:
      return "tc egress";
    case ProgramPlace::kXdp:
      break;
  }
  return "xdp";
}

// The name of an interface may have braces; what is said is filled in once more.
std::string inert(std::string_view raw) {
  std::string text = printable(raw);
  std::ranges::replace(text, '{', '(');
  std::ranges::replace(text, '}', ')');
  return text;
}

std::string list_of(const Programs& programs) {
  std::string list;
  for (const Program& one : programs.attached) {
    list += (list.empty() ? "" : ", ") + program_words(one);
  }
  return list;
}

std::string cause_of(const Programs& programs) {
  const std::string_view tc = programs.place == ProgramPlace::kTcIngress ? "ingress" : "egress";
  if (programs.attached.size() == 1) {
    const Program& one = programs.attached.front();
    const std::string words = program_words(one);
    return programs.place == ProgramPlace::kXdp
               ? fmt::format("The XDP program {} on the interface dropped it.", words)
               : fmt::format("The tc {} {} at the interface's {} dropped it.",
                             is_bpf(one) ? "program" : "filter", words, tc);
  }
  const std::string list = list_of(programs);
  return programs.place == ProgramPlace::kXdp
             ? fmt::format("One of the XDP programs on the interface dropped it: {}.", list)
             : fmt::format("One of those that tc asks at the interface's {} dropped it: {}.", tc,
                           list);
}

std::string mend_of(const Programs& programs) {
  const Program& one = programs.attached.front();
  const std::string owner =
      one.id != 0
          ? fmt::format("Ask whoever attached it (`bpftool prog show id {}` shows it), or ", one.id)
          : std::string("Change it, or ");
  if (programs.place == ProgramPlace::kXdp) {
    return fmt::format("{}take it off: `{{in}}ip link set dev {{dev}} {} off`.", owner,
                       inert(one.kind));
  }
  if (is_filter(one)) {
    return fmt::format("{}delete it: `{{in}}tc filter del dev {{dev}} {} pref {}`.", owner,
                       place_words(programs.place).substr(3), one.pref);
  }
  return owner + "end the process that holds it there (`{in}bpftool link` names it).";
}

}  // namespace

std::string program_words(const Program& program) {
  if (is_bpf(program)) {
    const std::string name = program.name.empty() ? "without a name" : inert(program.name);
    return program.id == 0 ? name : fmt::format("{} (id {})", name, program.id);
  }
  return fmt::format("{} (pref {}, handle {:#x})", inert(program.kind), program.pref,
                     program.handle);
}

std::string taken_first_words(const Programs& programs) {
  return fmt::format(
      "It came to that interface's XDP program{} {}, which takes packets first and may have sent "
      "it "
      "back or elsewhere (XDP_TX, XDP_REDIRECT): no hook sees that.",
      programs.attached.size() == 1 ? "" : "s", list_of(programs));
}

ProgramAdvice program_advice(const Programs& programs) {
  if (programs.attached.empty()) {
    return {};
  }
  ProgramAdvice advice{.cause = cause_of(programs), .check = {}, .mend = {}};
  if (std::ranges::none_of(programs.attached, is_filter) && programs.place != ProgramPlace::kXdp) {
    advice.check = "{in}bpftool net show dev {dev}";  // tc lists filters only
  }
  if (programs.attached.size() == 1) {
    advice.mend = mend_of(programs);
  }
  return advice;
}

}  // namespace tracepkt::explain
