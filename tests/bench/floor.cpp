// The floor under tools/bench's numbers: empty programs at tracepkt's hooks, until SIGINT.
#include <bpf/libbpf.h>

#include <csignal>
#include <cstddef>
#include <cstdio>

extern "C" {
extern const std::byte tracepkt_bpf_floor_begin[];
extern const std::byte tracepkt_bpf_floor_end[];
}

int main() {
  sigset_t interrupted;
  sigemptyset(&interrupted);
  sigaddset(&interrupted, SIGINT);
  sigaddset(&interrupted, SIGTERM);
  sigprocmask(SIG_BLOCK, &interrupted, nullptr);

  const auto size = static_cast<std::size_t>(tracepkt_bpf_floor_end - tracepkt_bpf_floor_begin);
  bpf_object* object = bpf_object__open_mem(tracepkt_bpf_floor_begin, size, nullptr);
  if (object == nullptr || bpf_object__load(object) != 0) {
    return 2;
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (bpf_program__attach(program) == nullptr) {
      return 2;
    }
  }
  std::fputs("attached\n", stderr);
  int signal = 0;
  sigwait(&interrupted, &signal);
  return 0;
}
