// A capture in several files, one after the other, of which the oldest may be removed: their names.
// They are those that dumpcap gives: today.pcapng becomes today_00001_20261121181522.pcapng.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace tracepkt::capture {

class Rotation {
 public:
  // A new file after `bytes`; 0: never. Of the files, the newest `files` are kept, those of earlier
  // captures of the same name among them; 0: all. The numbers go on behind those that are there.
  Rotation(std::string path, std::uint64_t bytes, std::size_t files);

  bool is_due(std::uint64_t size) const { return bytes_ != 0 && size >= bytes_; }

  // The name of the next file; the local time is part of it.
  std::string next(std::int64_t wall_ns);

  // The next file is there: removes the oldest, if that is one too many.
  void keep_newest();

  std::uint64_t part() const { return part_; }  // the number of the file that next() named

 private:
  std::string path_;
  std::uint64_t bytes_;
  std::size_t files_;
  std::uint64_t part_ = 0;
  std::deque<std::string> names_;  // of those that are there
};

// The files that rotated captures called `path` left, the oldest first.
struct RotatedFiles {
  std::vector<std::string> newest;  // of the newest capture
  std::vector<std::string> others;  // of captures before it, or nobody knows of which
};

RotatedFiles rotated_files(const std::string& path);

}  // namespace tracepkt::capture
