#include "cli/standard_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tracepkt::cli {

Status open_standard_files() {
  const bool has_output = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
  // open() takes the lowest number there is.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) {
      return errno_failure(errno, "cannot open /dev/null in place of a closed standard file");
    }
  }
  if (!has_output) {
    return failure("the standard output is closed", "to see nothing of it, say >/dev/null");
  }
  return {};
}

Status check_written(const sinks::Output& out) {
  if (out.closed() && out.error() != EPIPE) {
    return errno_failure(out.error(), "cannot write the output");
  }
  return {};
}

}  // namespace tracepkt::cli
