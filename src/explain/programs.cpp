#include "explain/programs.h"

#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <array>
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

std::string verdict_name(const decode::ProgramVerdict& verdict) {
  // enum xdp_action, of TC_ACT_* those from 0 on; of tcx there are four.
  static constexpr std::array<std::string_view, 5> kXdp = {"XDP_ABORTED", "XDP_DROP", "XDP_PASS",
                                                           "XDP_TX", "XDP_REDIRECT"};
  static constexpr std::array<std::string_view, 9> kTc = {
      "TC_ACT_OK",     "TC_ACT_RECLASSIFY", "TC_ACT_SHOT",     "TC_ACT_PIPE", "TC_ACT_STOLEN",
      "TC_ACT_QUEUED", "TC_ACT_REPEAT",     "TC_ACT_REDIRECT", "TC_ACT_TRAP"};
  const auto number = static_cast<std::size_t>(verdict.verdict);
  if (verdict.is_xdp()) {
    return number < kXdp.size() ? std::string(kXdp.at(number)) : fmt::format("{}", number);
  }
  if (verdict.kind == decode::ProgramVerdict::Kind::kTcx) {
    switch (verdict.verdict) {
      case TC_ACT_UNSPEC:
        return "TCX_NEXT";
      case TC_ACT_OK:
        return "TCX_PASS";
      case TC_ACT_SHOT:
        return "TCX_DROP";
      case TC_ACT_REDIRECT:
        return "TCX_REDIRECT";
      default:
        break;
    }
  }
  if (verdict.verdict == TC_ACT_UNSPEC) {
    return "TC_ACT_UNSPEC";
  }
  return number < kTc.size() ? std::string(kTc.at(number)) : fmt::format("{}", verdict.verdict);
}

std::string verdict_words(const decode::ProgramVerdict& verdict) {
  const std::string words =
      program_words(journey::program_of(verdict)) + ": " + verdict_name(verdict);
  return verdict.is_xdp() ? words : (verdict.egress ? "egress: " : "ingress: ") + words;
}

std::string taken_words(const decode::ProgramVerdict& verdict) {
  const std::string what = !verdict.is_xdp()           ? "kept it or sent it elsewhere"
                           : verdict.verdict == XDP_TX ? "sent it back"
                                                       : "sent it elsewhere";
  return fmt::format("The {} program {} on the interface {} ({}).", verdict.is_xdp() ? "XDP" : "tc",
                     program_words(journey::program_of(verdict)), what, verdict_name(verdict));
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
