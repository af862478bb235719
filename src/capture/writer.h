// Writes a capture file: pcapng that Wireshark and tcpdump open as it is, with all that is needed
// to show the same again in our options.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "base/result.h"
#include "capture/block_file.h"
#include "capture/contents.h"
#include "wire/record.h"

namespace tracepkt::capture {

// What a packet block shows of a record.
struct Shown {
  std::uint16_t ethertype = 0;
  std::uint32_t len = 0;             // of the whole packet
  std::span<const std::byte> bytes;  // of it, from its network header on; none: no packet block
  std::string_view netns;            // what to call its namespace
  std::string_view comment;          // what the record tells, for people: UTF-8, one line
};

class Writer {
 public:
  // Opens the file (BlockFile::create) and writes what comes before the first packet.
  static Result<Writer> create(const std::string& path, const Session& session);

  // A record as it came from the ring.
  void record(std::span<const std::byte> record, const Shown& shown);

  // Anything but a session or a record.
  void add(const Item& item);

  // As BlockFile::flush(): a failure, also one before, ends the writing for good. What has no
  // packet may still wait for one; an End does not.
  Status flush() { return file_.flush(); }

  // Bytes of the file so far.
  std::uint64_t size() const { return file_.size(); }

 private:
  // Namespace, index and name of an interface: it may be renamed, and its index used again.
  using Interface = std::tuple<std::uint32_t, std::uint32_t, std::array<char, 16>>;

  Writer(BlockFile file, const Session& session);
  std::uint32_t interface_of(const record_header& header, std::string_view netns);
  void send_much();
  void add_statistics();
  void packet(const record_header& header, std::span<const std::byte> record, const Shown& shown);

  BlockFile file_;
  std::int64_t wall_minus_monotonic_ns_;
  std::map<Interface, std::uint32_t> interfaces_;
  std::uint64_t time_ns_ = 0;  // wall clock, of the last packet
  std::string waiting_;        // options of what has no packet: they travel with the next one
};

}  // namespace tracepkt::capture
