// Keeps what libbpf would print to stderr while an object of this class lives: the user gets one
// line of ours, and the last of libbpf's as its explanation.
#pragma once

#include <string>

namespace tracepkt::kernel {

class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // For developers: TRACEPKT_LIBBPF_LOG in the environment has all that libbpf and the verifier say
  // printed as it comes.
  static bool is_wanted_whole();

  // One line, without libbpf's own prefix; empty where it warned of nothing.
  std::string last_warning() const;
};

}  // namespace tracepkt::kernel
