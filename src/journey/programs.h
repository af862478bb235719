// The programs and filters at an interface that may have dropped a packet there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decode/notes.h"

namespace tracepkt::journey {

struct DropInfo;
struct Hop;

enum class ProgramPlace : std::uint8_t { kXdp = 1, kTcIngress = 2, kTcEgress = 3 };

struct Program {
  std::string kind;          // "xdpgeneric", "xdpdrv", "xdpoffload", "tcx", or of the tc filter
  std::uint32_t id = 0;      // of the BPF program; 0: it is none, or not known
  std::uint32_t pref = 0;    // of a tc filter
  std::uint32_t handle = 0;  // of a tc filter
  std::string name;          // of the BPF program; any bytes; empty: not known

  bool operator==(const Program&) const = default;
};

// All that are attached in one place, in the order in which they are asked.
struct Programs {
  ProgramPlace place = ProgramPlace::kXdp;
  std::vector<Program> attached;
};

// Where the program that dropped it is attached; nothing where it was none of those.
std::optional<ProgramPlace> program_place(const DropInfo& drop);

// A program that told its verdict.
Program program_of(const decode::ProgramVerdict& verdict);
ProgramPlace place_of(const decode::ProgramVerdict& verdict);

// The verdict by which the packet was dropped at hop `drop`; null where none is known to have been.
const decode::ProgramVerdict* dropping_verdict(const std::vector<Hop>& hops, std::size_t drop);
// The verdict that ended the journey without a drop: by it the packet was sent back, or elsewhere,
// and no hook has seen it since. Null: none did.
const decode::ProgramVerdict* taking_verdict(const std::vector<Hop>& hops);

// As names of programs are written: one a line, "KIND ID PREF HANDLE NAME". What is none is passed
// over.
std::string programs_text(const std::vector<Program>& programs);
std::vector<Program> programs_of(std::string_view text);

}  // namespace tracepkt::journey
