// A stream of output that notices when its reader goes away, and knows what a terminal it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tracepkt::sinks {

enum class ColorMode { kAuto, kAlways, kNever };

class Output {
 public:
  // Writes to `fd`, which stays the caller's. With kAuto there is colour if `fd` is a terminal and
  // the environment variable NO_COLOR is empty or not set (no-color.org).
  Output(int fd, ColorMode color);

  void write(std::string_view text);
  // Hands what was written over to the system, and waits until it takes all of it. After a failure
  // all output is dropped.
  void flush();
  // The same, but only what is taken without waiting.
  void offer();
  // So much was not taken yet that whoever goes on writing should not.
  bool is_stuck() const;

  // What was written and is not taken yet; and what was taken and its reader has not read yet,
  // where that is a pipe.
  std::size_t waiting_bytes() const { return buffer_.size(); }
  std::size_t unread_bytes() const;
  // For poll(): POLLOUT when more is taken.
  int fd() const { return fd_; }
  // All output that waits, or comes from now on, is dropped.
  void abandon();

  // The reader has gone (EPIPE), or nothing can be written any more (a full disk): see error().
  bool closed() const { return error_ != 0; }
  int error() const { return error_; }

  // Columns; 80 where it is no terminal.
  std::size_t width() const { return width_; }
  // Lines; 0 where it is no terminal, or one that cannot move its cursor.
  std::size_t height() const { return height_; }
  // Asks the terminal anew how large it is: people change that.
  void measure();

  // Text in a colour, or as it is where there is none.
  std::string plain(std::string_view text) const { return std::string(text); }
  std::string bold(std::string_view text) const { return styled("1", text); }
  std::string dim(std::string_view text) const { return styled("2", text); }
  std::string green(std::string_view text) const { return styled("32", text); }
  std::string red(std::string_view text) const { return styled("1;31", text); }
  std::string cyan(std::string_view text) const { return styled("36", text); }

 private:
  // Writes the beginning of `rest` and takes it off.
  void write_some(std::string_view& rest, std::size_t most);
  std::string styled(std::string_view code, std::string_view text) const;

  int fd_;
  int error_ = 0;
  bool color_ = false;
  std::size_t width_ = 80;
  std::size_t height_ = 0;
  bool is_screen_ = false;
  bool may_wait_ = false;  // a pipe, a terminal, a socket
  std::string buffer_;
};

}  // namespace tracepkt::sinks
