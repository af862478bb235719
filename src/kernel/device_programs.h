// The programs and filters that stand in a packet's way at an interface: XDP's and tc's.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"

namespace tracepkt::kernel {

enum class ProgramPlace : std::uint8_t { kXdp = 1, kTcIngress = 2, kTcEgress = 3 };

struct DeviceProgram {
  // How it is attached: of XDP "xdpgeneric", "xdpdrv" or "xdpoffload", as ip(8) has it; of tc
  // "tcx", or the kind of the filter ("bpf", "flower", ...).
  std::string kind;
  std::uint32_t id = 0;      // of the BPF program; 0: it is none, or not known
  std::uint32_t pref = 0;    // of a tc filter
  std::uint32_t handle = 0;  // of a tc filter
  std::string name;          // of the BPF program; any bytes; empty: not known
  // A BPF filter of tc that is not direct-action: what it answers is a class, no verdict.
  bool is_classifier = false;

  bool operator==(const DeviceProgram&) const = default;
};
using DevicePrograms = std::vector<DeviceProgram>;

// Of an interface in the namespace that this thread is in, in the order in which they are asked.
// Empty where there are none, or they cannot be listed.
DevicePrograms list_programs(std::uint32_t ifindex, ProgramPlace place);

// An interface whose driver runs an XDP program before there is any packet that could be traced.
struct XdpDevice {
  std::string name;
  DeviceProgram program;
};

// Those in the namespace that this thread is in.
std::vector<XdpDevice> list_native_xdp();

// A BPF program that gives verdicts at an interface, or at several, in whichever namespace.
struct AttachedProgram {
  DeviceProgram program;
  bool is_xdp = false;
  bool at_egress = false;  // somewhere
};
using AttachedPrograms = std::vector<AttachedProgram>;

// Finds them all. Looking through all interfaces takes a while: it is done where there are programs
// of that kind at all, as the kernel's list of programs tells at once.
class ProgramFinder {
 public:
  // Fails where we may not know.
  Result<AttachedPrograms> find();

  // To be asked each second. Programs that are loaded may be attached at any time, most are soon:
  // true a few times after one was loaded, and of every five as long as there are any, or fewer
  // where a look takes long.
  bool should_look_again();

 private:
  bool has_new_programs();

  std::uint32_t newest_ = 0;
  bool any_ = false;
  int asked_ = 0;    // times since a program was loaded
  int pause_s_ = 0;  // after a look, for what it took
};

// The same as list_programs() for any namespace; asked again, though not too often.
class NamespacePrograms {
 public:
  // `file` is the namespace, as in NetnsNames::file(): empty for the one that we are in.
  const DevicePrograms& find(std::uint32_t inode, const std::string& file, std::uint32_t ifindex,
                             ProgramPlace place);

 private:
  struct Listing {
    DevicePrograms programs;
    std::chrono::steady_clock::time_point taken;
  };

  std::map<std::tuple<std::uint32_t, std::uint32_t, ProgramPlace>, Listing> listings_;
};

}  // namespace tracepkt::kernel
