#include "capture/block_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/ending_signals.h"
#include "base/text.h"

namespace tracepkt::capture {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;
constexpr int kLookUpMs = 100;

void append_number(std::string& out, std::uint32_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

// The signals that end a session are blocked in it, and wait to be taken (cli/signals.h).
bool is_to_end() {
  sigset_t pending;
  return sigpending(&pending) == 0 && std::ranges::any_of(kEndingSignals, [&](int number) {
           return sigismember(&pending, number) == 1;
         });
}

std::string advice_on(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "the directory must be there: make it (mkdir -p), or name another file";
    case EISDIR:
      return "name a file in that directory";
    default:
      return "";
  }
}

}  // namespace

Result<BlockFile> BlockFile::create(const std::string& path) {
  if (path == "-") {
    if (isatty(STDOUT_FILENO) == 1) {
      return failure("a capture is nothing for a terminal",
                     "name a file (-w FILE), or pipe it on: tracepkt ... -w - | tcpdump -r -");
    }
    Fd fd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    return fd.valid() ? Result<BlockFile>(BlockFile("the standard output", std::move(fd)))
                      : errno_failure(errno, "cannot write to the standard output");
  }
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    const int error = errno;
    return errno_failure(error, fmt::format("cannot create {}", printable(path)), advice_on(error));
  }
  BlockFile file(printable(path), std::move(fd));
  if (file.is_file_) {
    fchmod(file.fd_.get(), 0600);  // one that was there
  }
  return file;
}

BlockFile::BlockFile(std::string name, Fd fd) : name_(std::move(name)), fd_(std::move(fd)) {
  struct stat status = {};
  is_file_ = fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode);
}

std::string& BlockFile::begin(std::uint32_t type) {
  begin_ = buffer_.size();
  append_number(buffer_, type);
  append_number(buffer_, 0);  // the length, for now
  return buffer_;
}

void BlockFile::end() {
  buffer_.append(-(buffer_.size() - begin_) & 3, '\0');
  const auto length = static_cast<std::uint32_t>(buffer_.size() - begin_ + sizeof(std::uint32_t));
  std::memcpy(buffer_.data() + begin_ + sizeof(std::uint32_t), &length, sizeof(length));
  append_number(buffer_, length);
  if (error_) {
    buffer_.clear();
  } else if (buffer_.size() > kBufferBytes) {
    (void)flush();  // its failure stays
  }
}

void BlockFile::add(std::uint32_t type, std::string_view body) {
  begin(type) += body;
  end();
}

Status BlockFile::flush() {
  if (!error_ && !buffer_.empty()) {
    if (const Status written = write_buffer(); !written) {
      error_ = written.error();
    }
    buffer_.clear();
  }
  return error_ ? Status(std::unexpected(*error_)) : Status();
}

Status BlockFile::write_buffer() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    pollfd ready = {.fd = fd_.get(), .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, kLookUpMs) == 0) {
      if (is_to_end()) {
        return failure(fmt::format("interrupted, and nobody reads {} to its end", name_));
      }
      continue;
    }
    // A pipe that is ready takes so much at once without making us wait, pipe(7).
    const std::size_t most = is_file_ ? rest.size() : PIPE_BUF;
    const ssize_t taken = ::write(fd_.get(), rest.data(), std::min(most, rest.size()));
    if (taken >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(taken));
    } else if (errno != EINTR && errno != EAGAIN) {
      const int error = errno;
      cut_to_whole_blocks(buffer_.size() - rest.size());
      return errno_failure(error, fmt::format("cannot write {}", name_),
                           error == EPIPE ? "" : "what it holds so far can be read");
    }
  }
  written_ += buffer_.size();
  return {};
}

// Of the buffer, `taken` bytes are in the file: the last of its blocks perhaps in part.
void BlockFile::cut_to_whole_blocks(std::size_t taken) {
  std::size_t whole = 0;
  for (std::uint32_t length = 0;; whole += length) {
    if (taken < whole + 8) {
      break;
    }
    std::memcpy(&length, buffer_.data() + whole + 4, sizeof(length));
    if (taken < whole + length) {
      break;
    }
  }
  if (is_file_) {
    (void)!ftruncate(fd_.get(), static_cast<off_t>(written_ + whole));
  }
}

}  // namespace tracepkt::capture
