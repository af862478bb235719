// Keeps a live session in a capture file: each record, and what of the session's course is needed
// to show the same again (replay.h). It stands between the live names and who asks for them, so
// that no name is shown that is not in the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "capture/rotation.h"
#include "capture/writer.h"
#include "decode/event.h"
#include "journey/drop_groups.h"
#include "journey/journey.h"
#include "sinks/sink.h"

namespace tracepkt::cli {

struct RecorderOptions {
  std::string path;                // "-": the standard output
  std::uint64_t rotate_bytes = 0;  // a new file after so many; 0: never
  std::size_t files = 0;           // so many are kept, the newest; 0: all
  // Bytes of a packet that are kept at most, in the packet and in its record.
  std::size_t snaplen = WINDOW_BYTES;
};

// What the session is made of is written in order: records and steps, each behind the names that it
// needed and that are new. From one flush() to the next a name stays as it is.
class Recorder : public journey::Names {
 public:
  // Creates the file. `live` must outlive the recorder.
  static Result<Recorder> create(RecorderOptions options, const capture::Session& session,
                                 journey::Names& live);

  std::string netns(const decode::NetnsId& id) override;
  std::string netns_file(std::uint32_t inode) override;
  std::string drop_reason(std::uint32_t reason) override;
  std::string symbol(std::uint64_t address) override;
  std::string rule(std::uint32_t inode, const decode::Netfilter& netfilter) override;
  std::string socket_owner(std::uint64_t inode) override;
  std::uint64_t socket_at(const journey::SocketPlace& place) override;
  std::string full_queue(const journey::SocketPlace& place) override;
  std::string full_syn_queue(const journey::SocketPlace& place) override;
  std::optional<std::uint64_t> unread(const journey::SocketPlace& place, std::uint64_t inode,
                                      std::uint64_t since_ns) override;
  bool is_conntrack_full(std::uint32_t inode) override;
  bool has_connection(const journey::SocketPlace& place) override;
  bool is_time_wait(const journey::SocketPlace& place) override;
  bool has_no_way_back(const journey::SocketPlace& place) override;
  std::string reset_reason(std::uint32_t reason) override;
  std::string flowtable(std::uint32_t inode, const decode::Device& device) override;
  std::string routing_rules(std::uint32_t inode, std::uint8_t family) override;
  std::string programs(std::uint32_t inode, std::uint32_t ifindex,
                       journey::ProgramPlace place) override;

  // Which process was found to have a socket open.
  void note_owner(std::uint64_t socket, const std::optional<journey::Process>& owner);

  // Before the event of a record is handed on: keeps what it tells in words.
  void describe(const decode::Event& event);
  // After that: the journey that it is a part of; 0: of none.
  void joined(std::uint64_t journey);
  void add_record(std::span<const std::byte> record);
  void add_step(const capture::Step& step) { writer_.add(step); }
  void add_exchange(const capture::Exchange& exchange) { writer_.add(exchange); }
  // Ends the file.
  void end(const sinks::Summary& summary);

  // The file has grown so large that another one should follow: next_file(), with the counts so
  // far.
  bool is_full() const { return rotation_.is_due(writer_.size()); }
  void next_file(const sinks::Summary& summary);

  // Hands over what was added. After a failure nothing is written any more.
  Status flush();

 private:
  struct Known {
    std::string text;
    std::uint64_t turn = 0;  // in which it was asked for last
  };
  using Key = std::tuple<capture::NameKind, std::uint64_t, std::uint64_t>;
  // Where a record was seen, in the words that its comment begins with.
  struct Place {
    decode::NetnsId netns;
    decode::Device device;
    stage_id stage = STAGE_tx;

    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const;
  };
  struct PlaceWords {
    std::string netns;
    std::string comment;
  };

  Recorder(capture::Writer writer, capture::Rotation rotation, RecorderOptions options,
           capture::Session session, journey::Names& live);

  template <typename LookUp>
  const std::string& name(const Key& key, LookUp look_up);
  const PlaceWords& words_of(const decode::Event& event);
  capture::End end_of(const sinks::Summary& summary);

  capture::Writer writer_;
  capture::Rotation rotation_;
  RecorderOptions options_;
  capture::Session session_;
  journey::Names& live_;
  std::optional<Error> error_;  // the next file could not be made
  std::map<Key, Known> known_;
  std::uint64_t turn_ = 1;                                   // from one flush() to the next
  std::unordered_map<Place, PlaceWords, PlaceHash> places_;  // of this turn
  std::map<std::string, std::uint64_t> losses_before_;       // told in files before this one
  std::string netns_;                                        // of the record in hand
  std::string comment_;                                      // on it
  std::vector<std::byte> cut_;                               // a record, for --snaplen
};

}  // namespace tracepkt::cli
