#include "cli/capture_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>
#include <variant>

#include "base/text.h"
#include "capture/rotation.h"

namespace tracepkt::cli {

using capture::Item;
using capture::Session;

Result<CaptureFiles> CaptureFiles::open(const std::vector<std::string>& paths, int interrupted) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (path == "-" || access(path.c_str(), F_OK) == 0) {
      files.push_back(path);
      continue;
    }
    const capture::RotatedFiles parts = capture::rotated_files(path);
    files.insert(files.end(), parts.newest.begin(), parts.newest.end());
    if (parts.newest.empty()) {
      files.push_back(path);
    }
    if (!parts.others.empty()) {
      fmt::print(stderr, "-r {}: the newest capture of that name; {} more {}, up to {}\n",
                 printable(path), parts.others.size(),
                 parts.others.size() == 1 ? "file is an older one's" : "files are of older ones",
                 printable(parts.others.back()));
    }
  }
  auto reader = capture::Reader::open(files.front(), interrupted);
  if (!reader) {
    return std::unexpected(reader.error());
  }
  return CaptureFiles(std::move(files), *std::move(reader), interrupted);
}

std::optional<Item> CaptureFiles::next() {
  while (!error_) {
    auto item = reader_.next();
    if (!item) {
      if (!reader_.status() || !next_file()) {
        break;
      }
      continue;
    }
    if (const auto* session = std::get_if<Session>(&*item)) {
      if (!take(*session)) {
        continue;
      }
    } else if (const auto* end = std::get_if<capture::End>(&*item)) {
      has_end_ = true;
      goes_on_ = end->goes_on;
    }
    return item;
  }
  return std::nullopt;
}

// Is it the first? Later ones are of the same capture, or are none that can be shown together.
bool CaptureFiles::take(const Session& session) {
  if (!has_session_) {
    has_session_ = true;
    session_ = session;
    return true;
  }
  const bool is_lost = session.kernel.empty();  // damaged: the reader made one up
  const bool goes_on = session.part != 0 && session.capture == session_.capture;
  if (is_lost) {
    return false;
  }
  if (!goes_on) {
    error_ = Error{.what = fmt::format("{} holds more than one capture, of which only the first is "
                                       "shown",
                                       printable(paths_[at_])),
                   .hint = {}};
    if (at_ > 0) {
      error_->what =
          fmt::format("{} is of another capture than the file before it", printable(paths_[at_]));
      error_->hint = "show each capture for itself";
    }
  } else if (session.part != session_.part + 1) {
    error_ = Error{.what = fmt::format("{} is file {} of its capture, but the one before it is "
                                       "file {}",
                                       printable(paths_[at_]), session.part, session_.part),
                   .hint = "give all files between, in their order"};
  }
  session_ = session;
  return false;
}

bool CaptureFiles::next_file() {
  if (at_ + 1 == paths_.size()) {
    return false;
  }
  auto reader = capture::Reader::open(paths_[at_ + 1], interrupted_);
  if (!reader) {
    error_ = reader.error();
    return false;
  }
  ++at_;
  damage_.places += reader_.damage().places;
  damage_.bytes += reader_.damage().bytes;
  files_without_end_ += has_end_ ? 0 : 1;
  has_end_ = false;
  goes_on_ = false;
  reader_ = *std::move(reader);
  return true;
}

sinks::FileDamage CaptureFiles::damage(bool read_to_end) const {
  return {.places = damage_.places + reader_.damage().places,
          .bytes = damage_.bytes + reader_.damage().bytes,
          .has_end = files_without_end_ == 0 && (has_end_ || !read_to_end),
          .read_to_end = read_to_end};
}

Status CaptureFiles::status() const {
  return error_ ? Status(std::unexpected(*error_)) : reader_.status();
}

}  // namespace tracepkt::cli
