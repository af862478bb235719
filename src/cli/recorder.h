// Keeps a live session in a capture file: each record, and what of the session's course is needed
// to show the same again (replay.h). It stands between the live names and who asks for them, so
// that no name is shown that is not in the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>

#include "base/result.h"
#include "capture/writer.h"
#include "decode/event.h"
#include "journey/journey.h"
#include "sinks/sink.h"

namespace tracepkt::cli {

// One turn of the session after the other is written: a record that was taken, or a step. First the
// names that it needed and that are new, then itself; within a turn a name stays as it is.
class Recorder : public journey::Names {
 public:
  // `live` must outlive it.
  Recorder(capture::Writer writer, journey::Names& live)
      : writer_(std::move(writer)), live_(live) {}

  std::string netns(const decode::NetnsId& id) override;
  std::string netns_file(std::uint32_t inode) override;
  std::string drop_reason(std::uint32_t reason) override;
  std::string symbol(std::uint64_t address) override;
  std::string rule(std::uint32_t inode, const decode::Netfilter& netfilter) override;
  std::string socket_owner(std::uint64_t inode) override;
  std::string reset_reason(std::uint32_t reason) override;

  // Before the event of the turn's record is handed on: keeps what it tells in words.
  void describe(const decode::Event& event);
  // After that: the journey that it is a part of; 0: of none.
  void joined(std::uint64_t journey);
  // Ends the turn of a record, or of a step.
  void add_record(std::span<const std::byte> record);
  void add_step(const capture::Step& step);
  // Ends the file.
  void end(const sinks::Summary& summary);

  // Hands over what was added. After a failure nothing is written any more.
  Status flush() { return writer_.flush(); }

 private:
  struct Known {
    std::string text;
    std::uint64_t turn = 0;  // in which it was asked for last
  };
  using Key = std::tuple<capture::NameKind, std::uint64_t, std::uint64_t>;

  template <typename LookUp>
  const std::string& name(const Key& key, LookUp look_up);
  void end_turn();

  capture::Writer writer_;
  journey::Names& live_;
  std::map<Key, Known> known_;
  std::uint64_t turn_ = 1;
  std::string netns_;    // of the record in hand
  std::string comment_;  // on it
};

}  // namespace tracepkt::cli
