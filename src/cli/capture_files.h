// What -r reads: the items of a capture, which may be in several files, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/contents.h"
#include "capture/reader.h"
#include "sinks/sink.h"

namespace tracepkt::cli {

class CaptureFiles {
 public:
  // Each path is a file, or what -w was given together with --rotate. Fails if the first file
  // cannot be read. Once `interrupted`, a descriptor, can be read, the files end.
  static Result<CaptureFiles> open(const std::vector<std::string>& paths, int interrupted);

  // A session comes first, once; an end may come several times. Nothing at the end.
  std::optional<capture::Item> next();

  // What next() would give, if that is a record: capture::Reader::next_record().
  std::optional<std::span<const std::byte>> next_record() {
    return error_ ? std::nullopt : reader_.next_record();
  }

  // Where the summary is to be told: what the files do not tell. `read_to_end`: as far as they go,
  // not only until nobody wanted more.
  sinks::FileDamage damage(bool read_to_end) const;
  // Was the capture's own end among what was given?
  bool ended() const { return has_end_ && !goes_on_; }
  // Why reading ended before the last file's end.
  Status status() const;

 private:
  CaptureFiles(std::vector<std::string> paths, capture::Reader reader, int interrupted)
      : paths_(std::move(paths)), reader_(std::move(reader)), interrupted_(interrupted) {}
  bool next_file();
  bool take(const capture::Session& session);

  std::vector<std::string> paths_;
  std::size_t at_ = 0;  // among them, of the reader's
  capture::Reader reader_;
  int interrupted_;
  capture::Damage damage_;  // of the files before
  bool has_session_ = false;
  bool has_end_ = false;  // of the file that is read
  bool goes_on_ = false;  // as its end says, in another file
  std::uint64_t files_without_end_ = 0;
  capture::Session session_;  // of the file that is read
  std::optional<Error> error_;
};

}  // namespace tracepkt::cli
