#include "sinks/output.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

namespace tracepkt::sinks {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;
constexpr std::size_t kStuckBytes = 256 << 10;

bool wants_no_color() {
  const char* value = std::getenv("NO_COLOR");
  return value != nullptr && *value != '\0';
}

}  // namespace

Output::Output(int fd, ColorMode color) : fd_(fd) {
  const bool terminal = isatty(fd) == 1;
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  color_ = color == ColorMode::kAlways ||
           (color == ColorMode::kAuto && terminal && !dumb && !wants_no_color());
  struct stat status = {};
  may_wait_ = fstat(fd, &status) == 0 && !S_ISREG(status.st_mode);
  is_screen_ = terminal && !dumb;
  measure();
}

void Output::measure() {
  winsize size = {};
  if (ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    width_ = std::clamp<std::size_t>(size.ws_col, 60, 160);
    height_ = is_screen_ ? size.ws_row : 0;
  }
}

void Output::write(std::string_view text) {
  if (closed()) {
    return;
  }
  buffer_ += text;
  if (buffer_.size() > kBufferBytes) {
    offer();
  }
}

bool Output::is_stuck() const { return buffer_.size() > kStuckBytes; }

void Output::offer() {
  std::string_view rest = buffer_;
  pollfd ready = {.fd = fd_, .events = POLLOUT, .revents = 0};
  // A pipe that is ready takes so much at once, pipe(7).
  while (!rest.empty() && !closed() && (!may_wait_ || poll(&ready, 1, 0) > 0)) {
    write_some(rest, may_wait_ ? PIPE_BUF : rest.size());
  }
  buffer_.erase(0, closed() ? buffer_.size() : buffer_.size() - rest.size());
}

void Output::write_some(std::string_view& rest, std::size_t most) {
  const ssize_t written = ::write(fd_, rest.data(), std::min(most, rest.size()));
  if (written >= 0) {
    rest.remove_prefix(static_cast<std::size_t>(written));
  } else if (errno != EINTR && errno != EAGAIN) {
    error_ = errno;
  }
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && !closed()) {
    pollfd ready = {.fd = fd_, .events = POLLOUT, .revents = 0};
    poll(&ready, 1, -1);  // where somebody made it non-blocking
    write_some(rest, rest.size());
  }
  buffer_.clear();
}

std::size_t Output::unread_bytes() const {
  int bytes = 0;
  return ioctl(fd_, FIONREAD, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

void Output::abandon() {
  buffer_.clear();
  error_ = ECANCELED;
}

std::string Output::styled(std::string_view code, std::string_view text) const {
  return color_ && !text.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace tracepkt::sinks
