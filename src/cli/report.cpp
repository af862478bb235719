// tracepkt report: a capture file as a page for the browser, or one journey of it as a picture.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/options.h"
#include "cli/replay.h"

namespace tracepkt::cli {
namespace {

std::string_view extension(const ReportOptions& options) {
  if (!options.picture) {
    return ".html";
  }
  return *options.picture == sinks::Format::kSvg       ? ".svg"
         : *options.picture == sinks::Format::kMermaid ? ".mmd"
                                                       : ".dot";
}

// today.pcapng -> today.html, in the same folder.
std::string name_beside(const ReportOptions& options) {
  std::string_view name = options.reading.read.files.front();
  for (const std::string_view suffix : {".pcapng", ".pcap", ".ntar"}) {
    if (name.ends_with(suffix) && name.size() > suffix.size() &&
        name[name.size() - suffix.size() - 1] != '/') {
      name.remove_suffix(suffix.size());
      break;
    }
  }
  return fmt::format("{}{}", name, extension(options));
}

bool is_same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Where a report goes, written aside until it is whole: what was there before is replaced then.
class OutputFile {
 public:
  static Result<OutputFile> create(const std::string& path);
  ~OutputFile() {
    if (!aside_.empty()) {
      unlink(aside_.c_str());
    }
  }
  OutputFile(OutputFile&& other) noexcept
      : path_(std::move(other.path_)),
        aside_(std::exchange(other.aside_, {})),
        fd_(std::move(other.fd_)) {}
  OutputFile& operator=(OutputFile&&) = delete;

  int fd() const { return fd_.get(); }
  Status finish();

 private:
  OutputFile(std::string path, std::string aside, Fd fd)
      : path_(std::move(path)), aside_(std::move(aside)), fd_(std::move(fd)) {}

  std::string path_;
  std::string aside_;  // empty: it is written in place
  Fd fd_;
};

Result<OutputFile> OutputFile::create(const std::string& path) {
  const auto cannot = [&path] {
    return errno_failure(errno, fmt::format("cannot create {}", printable(path)));
  };
  struct stat there = {};
  if (stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {  // /dev/null, a named pipe
    Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return fd.valid() ? Result<OutputFile>(OutputFile(path, {}, std::move(fd))) : cannot();
  }
  std::string aside = path + ".XXXXXX";
  Fd fd(mkostemp(aside.data(), O_CLOEXEC));  // for its owner alone, as a capture is
  return fd.valid() ? Result<OutputFile>(OutputFile(path, aside, std::move(fd))) : cannot();
}

Status OutputFile::finish() {
  if (!aside_.empty() && rename(aside_.c_str(), path_.c_str()) != 0) {
    return errno_failure(errno, fmt::format("cannot create {}", printable(path_)));
  }
  aside_.clear();
  return {};
}

// The name of the file to write, or why it is better not written.
Result<std::string> output_path(const ReportOptions& options) {
  const std::string& input = options.reading.read.files.front();
  const bool by_name = !options.output_file.empty();
  if (!by_name && input == "-") {
    return failure("the capture comes from the standard input: say with -o where the report goes",
                   "-o FILE, or -o - for the standard output");
  }
  std::string path = by_name ? options.output_file : name_beside(options);
  struct stat there = {};
  struct stat read = {};
  if (stat(path.c_str(), &there) == 0) {
    if (input != "-" && stat(input.c_str(), &read) == 0 && is_same_file(there, read)) {
      return failure(fmt::format("{} is the capture itself: it would be gone", printable(path)),
                     "-o FILE says where else the report goes");
    }
    if (!by_name) {
      return failure(fmt::format("{} is there already", printable(path)),
                     fmt::format("-o {} replaces it", shell_word(path)));
    }
  }
  return path;
}

Status make_report(const ReportOptions& options) {
  TraceOptions reading = options.reading;
  reading.common.color = sinks::ColorMode::kNever;
  reading.common.format = options.picture.value_or(sinks::Format::kTable);
  ReplayOutput output{.report = !options.picture};
  const bool to_stdout = options.output_file == "-";
  if (to_stdout && output.report && isatty(STDOUT_FILENO) == 1) {
    return failure("a page is not for a terminal", "-o FILE.html says where it goes");
  }
  std::string path;
  if (!to_stdout) {
    auto chosen = output_path(options);
    if (!chosen) {
      return std::unexpected(chosen.error());
    }
    path = *std::move(chosen);
  }
  auto source = start_reading(reading.read, reading.filter);
  if (!source) {
    return std::unexpected(source.error());
  }
  if (to_stdout) {
    return replay(reading, *std::move(source), output);
  }
  auto file = OutputFile::create(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  output.fd = file->fd();
  if (Status read = replay(reading, *std::move(source), output); !read) {
    return read;
  }
  if (Status finished = file->finish(); !finished) {
    return finished;
  }
  fmt::print(stderr, "wrote {}\n", printable(path));
  return {};
}

}  // namespace

int run_report(const ReportOptions& options) {
  const Status status = make_report(options);
  return status ? kOk : report(status.error());
}

}  // namespace tracepkt::cli
