// A file that is written block by block, and always ends with a whole one: also on a full disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace tracepkt::capture {

class BlockFile {
 public:
  // Creates `path`, or empties it, for its owner alone (0600): packets are nobody else's business.
  // "-" is the standard output, which must not be a terminal.
  static Result<BlockFile> create(const std::string& path);

  // A block begins: its body is appended to the string, and nothing else is done, until end().
  std::string& begin(std::uint32_t type);
  // It ends: its body is padded to four bytes.
  void end();
  // Both.
  void add(std::uint32_t type, std::string_view body);

  // Of all blocks so far.
  std::uint64_t size() const { return written_ + buffer_.size(); }

  // Hands over what was added, and waits until the system takes it. Where a reader does not read,
  // one of the signals that end a session ends the waiting. A failure stays: from then on nothing
  // is written, and the file is cut behind its last whole block if it can be.
  Status flush();

 private:
  BlockFile(std::string name, Fd fd);
  Status write_buffer();
  void cut_to_whole_blocks(std::size_t taken);

  std::string name_;
  Fd fd_;
  bool is_file_ = false;  // not a pipe or the like
  std::string buffer_;
  std::size_t begin_ = 0;      // in it, of the block that is being made
  std::uint64_t written_ = 0;  // bytes in the file, of whole blocks
  std::optional<Error> error_;
};

}  // namespace tracepkt::capture
