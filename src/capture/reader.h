// Reads a capture file: gives back what was written into it, and as much of it as is whole where
// the file is damaged. The bytes come from anybody; memory stays below a few MB whatever they say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/contents.h"

namespace tracepkt::capture {

struct Damage {
  std::uint64_t places = 0;  // one after the other without anything whole between: one
  std::uint64_t bytes = 0;   // that tell nothing

  bool operator==(const Damage&) const = default;
};

class Reader {
 public:
  // Fills in the front of the span, and says how much; 0: the end; below: -errno, of which
  // -ECANCELED is no error: nobody wants more.
  using Source = std::function<std::int64_t(std::span<std::byte>)>;

  // "-" is the standard input. Fails if it cannot be read, and if it is no capture of ours: then
  // the error says what it is instead. Once `interrupted`, a descriptor, can be read, the file is
  // taken to end.
  static Result<Reader> open(const std::string& path, int interrupted = -1);
  // `name` is what errors call it.
  static Result<Reader> open(std::string name, Source source);

  // The next of what is in it, in the order of writing; nothing at its end.
  std::optional<Item> next();

  // What next() would give, if that is a record, without a copy of it: its bytes last until the
  // next call. Else nothing, and next() has it. Nearly all that is in a file are records.
  std::optional<std::span<const std::byte>> next_record();

  // So far; all of it once next() gave nothing.
  const Damage& damage() const { return damage_; }
  // Why reading ended before the end of the file.
  Status status() const;

 private:
  struct Block {
    std::uint32_t type = 0;
    std::span<const std::byte> body;
    std::size_t length = 0;  // in the file
  };

  Reader(std::string name, Source source) : name_(std::move(name)), source_(std::move(source)) {}
  std::span<const std::byte> ahead() const { return std::span(buffer_).subspan(begin_); }
  bool fill(std::size_t bytes);
  Status check_beginning();
  Status look_for_ours();
  std::optional<Block> block_here();
  bool read_block();
  bool take(const Block& block);
  bool take_options(std::span<const std::byte> options);
  void guess_session(const Block& block);
  void pass_damage(std::size_t bytes);

  std::string name_;
  Source source_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;  // of what was not taken yet
  bool at_end_ = false;
  bool interrupted_ = false;
  int error_ = 0;
  bool in_damage_ = false;
  bool has_session_ = false;
  bool saw_packet_ = false;
  Damage damage_;
  std::deque<Item> items_;  // that were read and not given yet
};

}  // namespace tracepkt::capture
