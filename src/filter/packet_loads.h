// PacketLoads emits what reads the packet: the check that the bytes are there, then the cheapest
// load from the window, or else a helper call that copies them from the kernel's memory.
#pragma once

#include <map>

#include "filter/analysis.h"
#include "filter/assembler.h"
#include "filter/frame.h"

namespace tracepkt::filter {

class PacketLoads {
 public:
  using Label = Assembler::Label;

  // All references must outlive this. `calls`: helpers are called, and the slots of the frame are
  // filled. The labels leave the filter with the respective verdict.
  PacketLoads(Assembler& out, const Registers& at, bool calls, Label no_match, Label not_linear)
      : out_(out),
        at_(at),
        calls_(calls),
        no_match_(no_match),
        not_linear_(not_linear),
        too_short_(out.new_label()) {}

  // Each loads into register `dst`, of a packet about which `known` holds.
  void absolute(const sock_filter& insn, int dst, const Known& known);
  void indirect(const sock_filter& insn, int dst, const Known& known);
  void length(int dst);

  // What the checks jump to, to be emitted behind everything that packets which pass them run.
  void exits();

 private:
  void end_from_x(std::uint32_t end);
  void load_window(int dst, std::uint32_t offset, std::uint32_t size);
  void load_piece(int dst, std::uint32_t offset, std::uint32_t size);
  void load_elsewhere(int dst, std::uint32_t size);

  Assembler& out_;
  const Registers& at_;
  bool calls_;
  Label no_match_;
  Label not_linear_;
  Label too_short_;
  std::map<std::uint32_t, Label> too_short_for_;  // by the end of the load
};

}  // namespace tracepkt::filter
