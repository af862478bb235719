#include "kernel/libbpf_log.h"

#include <bpf/libbpf.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace tracepkt::kernel {
namespace {

// libbpf's print function has no context argument.
thread_local std::string last_warning_text;

__attribute__((format(printf, 2, 0))) int keep(libbpf_print_level level, const char* format,
                                               va_list arguments) {
  if (LibbpfLog::is_wanted_whole()) {
    return std::vfprintf(stderr, format, arguments);
  }
  if (level != LIBBPF_WARN) {
    return 0;
  }
  std::array<char, 512> buffer = {};
  const int size = std::vsnprintf(buffer.data(), buffer.size(), format, arguments);
  std::string_view text(buffer.data());
  // A verifier's log of many lines is no help for one line.
  if (text.find("BEGIN PROG LOAD LOG") == std::string_view::npos) {
    text = text.substr(0, text.find('\n'));
    if (text.starts_with("libbpf: ")) {
      text.remove_prefix(8);
    }
    last_warning_text = text;
  }
  return size;
}

}  // namespace

LibbpfLog::LibbpfLog() {
  last_warning_text.clear();
  libbpf_set_print(keep);
}

LibbpfLog::~LibbpfLog() { libbpf_set_print(nullptr); }

bool LibbpfLog::is_wanted_whole() { return std::getenv("TRACEPKT_LIBBPF_LOG") != nullptr; }

std::string LibbpfLog::last_warning() const {
  return last_warning_text.empty() ? "" : "libbpf: " + last_warning_text;
}

}  // namespace tracepkt::kernel
