#include "journey/programs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <variant>

#include "base/lines.h"
#include "journey/journey.h"

namespace tracepkt::journey {
namespace {

// The next word of `line`, which then begins behind the space after it; nothing at its end.
std::optional<std::string_view> next_word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  if (end == 0 || end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end + 1);
  return word;
}

bool read_number(std::string_view& line, std::uint32_t& number) {
  const auto word = next_word(line);
  if (!word) {
    return false;
  }
  const auto [end, error] = std::from_chars(word->data(), word->data() + word->size(), number);
  return error == std::errc() && end == word->data() + word->size();
}

std::optional<Program> program_of(std::string_view line) {
  Program program;
  const auto kind = next_word(line);
  if (!kind || !read_number(line, program.id) || !read_number(line, program.pref) ||
      !read_number(line, program.handle)) {
    return std::nullopt;
  }
  program.kind = *kind;
  program.name = line;
  return program;
}

}  // namespace

std::optional<ProgramPlace> program_place(const DropInfo& drop) {
  // The reasons came with 5.18; before, and in a veth later still, the function tells.
  // What drops in a veth is inlined into one of its callers (5.10: veth_poll).
  static constexpr std::array<std::string_view, 5> kXdpFunctions = {
      "do_xdp_generic", "netif_receive_generic_xdp", "veth_xdp_rcv_skb", "veth_xdp_rcv",
      "veth_poll"};
  if (drop.reason == "TC_INGRESS") {
    return ProgramPlace::kTcIngress;
  }
  if (drop.reason == "TC_EGRESS") {
    return ProgramPlace::kTcEgress;
  }
  const std::string_view function =
      std::string_view(drop.function).substr(0, drop.function.find_first_of("+."));
  const bool by_function = (drop.reason.empty() || drop.reason == "NOT_SPECIFIED") &&
                           std::ranges::find(kXdpFunctions, function) != kXdpFunctions.end();
  return drop.reason == "XDP" || by_function ? std::optional(ProgramPlace::kXdp) : std::nullopt;
}

Program program_of(const decode::ProgramVerdict& verdict) {
  using Kind = decode::ProgramVerdict::Kind;
  Program program{.kind = "bpf", .id = verdict.id, .name = std::string(verdict.name.view())};
  if (verdict.is_xdp()) {
    program.kind = verdict.kind == Kind::kXdpGeneric ? "xdpgeneric" : "xdpdrv";
  } else if (verdict.kind == Kind::kTcx) {
    program.kind = "tcx";
  }
  return program;
}

ProgramPlace place_of(const decode::ProgramVerdict& verdict) {
  return verdict.is_xdp() ? ProgramPlace::kXdp
         : verdict.egress ? ProgramPlace::kTcEgress
                          : ProgramPlace::kTcIngress;
}

const decode::ProgramVerdict* dropping_verdict(const std::vector<Hop>& hops, std::size_t drop) {
  for (std::size_t i = drop; i-- > 0;) {
    if (hops[i].netns.inode == hops[drop].netns.inode) {
      const auto* verdict = std::get_if<decode::ProgramVerdict>(&hops[i].note);
      return verdict != nullptr && verdict->is_drop() ? verdict : nullptr;
    }
  }
  return nullptr;
}

const decode::ProgramVerdict* taking_verdict(const std::vector<Hop>& hops) {
  const auto* verdict =
      hops.empty() ? nullptr : std::get_if<decode::ProgramVerdict>(&hops.back().note);
  return verdict != nullptr && verdict->is_taken() ? verdict : nullptr;
}

std::string programs_text(const std::vector<Program>& programs) {
  std::string text;
  for (const Program& program : programs) {
    std::string name = program.name;
    std::ranges::replace(name, '\n', ' ');
    text += fmt::format("{} {} {} {} {}\n", program.kind, program.id, program.pref, program.handle,
                        name);
  }
  return text;
}

std::vector<Program> programs_of(std::string_view text) {
  std::vector<Program> programs;
  while (!text.empty()) {
    if (auto program = program_of(take_line(text))) {
      programs.push_back(*std::move(program));
    }
  }
  return programs;
}

}  // namespace tracepkt::journey
