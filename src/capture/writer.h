// Writes a capture file: pcapng that Wireshark and tcpdump open as it is, with all that is needed
// to show the same again in our blocks and options.
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

class Writer {
 public:
  // Opens the file (BlockFile::create) and writes what comes before the first packet.
  static Result<Writer> create(const std::string& path, const Session& session);

  // A record as it came from the ring. `netns` is what to call its namespace, `comment` what it
  // tells, for people: UTF-8, one line.
  void record(std::span<const std::byte> record, std::string_view netns, std::string_view comment);

  // Anything but a session or a record.
  void add(const Item& item);

  // As BlockFile::flush(): a failure, also one before, ends the writing for good.
  Status flush() { return file_.flush(); }

 private:
  // Namespace, index and name of an interface: it may be renamed, and its index used again.
  using Interface = std::tuple<std::uint32_t, std::uint32_t, std::array<char, 16>>;

  Writer(BlockFile file, const Session& session);
  std::uint32_t interface_of(const record_header& header, std::string_view netns);
  void packet(const record_header& header, const packet_section& packet,
              std::span<const std::byte> record, std::string_view netns, std::string_view comment);

  BlockFile file_;
  std::int64_t wall_minus_monotonic_ns_;
  std::map<Interface, std::uint32_t> interfaces_;
  std::string body_;  // of the packet in hand: its memory is used again
};

}  // namespace tracepkt::capture
