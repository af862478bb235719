#include "decode/split.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "wire/record.h"

namespace tracepkt::decode {
namespace {

using Bytes = std::span<const std::byte>;

// The longest that the ring has is half of it.
constexpr std::size_t kMaxBytes = 512;

// A record with this header, and behind it these sections.
class MadeRecord {
 public:
  MadeRecord(const record_header& header, Bytes sections)
      : size_(sizeof(header) + sections.size()) {
    std::memcpy(bytes_.data(), &header, sizeof(header));
    std::ranges::copy(sections, bytes_.begin() + sizeof(header));
  }
  Bytes bytes() const { return std::span(bytes_).first(size_); }

 private:
  std::array<std::byte, kMaxBytes> bytes_;  // the first size_ of them
  std::size_t size_;
};

record_header header_before(record_header header, const before_section& before) {
  header.hook = before.hook;
  header.stage = before.stage;
  header.flags = 0;
  header.cpu = before.cpu;
  header.time_ns = before.time_ns;
  header.ports = 0;
  return header;
}

record_header header_of_sender(record_header header) {
  header.hook = HOOK_sender;
  header.stage = STAGE_out;
  header.flags = 0;
  header.ifindex = 0;
  header.iif = 0;
  header.ports = 0;
  std::ranges::fill(header.ifname, '\0');
  return header;
}

void split_before(const record_header& header, Bytes section, Bytes rest, const TakeRecord& take) {
  before_section before;
  std::memcpy(&before, section.data(), sizeof(before));
  take(MadeRecord(header_before(header, before), rest).bytes());
  take(MadeRecord(header, rest).bytes());
}

void split_sent(const record_header& header, Bytes section, Bytes rest, const TakeRecord& take) {
  socket_section socket;
  std::memcpy(&socket, section.data(), sizeof(socket));
  take(MadeRecord(header, rest).bytes());
  if (socket.inode != 0) {  // else it is in a record of its own
    take(MadeRecord(header_of_sender(header), section).bytes());
  }
}

}  // namespace

void split_record(Bytes record, const TakeRecord& take) {
  struct {
    record_header header;
    section_header section;
  } start;
  if (record.size() < sizeof(start) || record.size() > kMaxBytes) {
    return take(record);
  }
  std::memcpy(&start, record.data(), sizeof(start));
  const Bytes sections = record.subspan(sizeof(record_header));
  const std::size_t size = (start.section.size + 7u) & ~7u;
  if (size >= sections.size()) {
    return take(record);
  }
  const Bytes section = sections.first(size);
  const Bytes rest = sections.subspan(size);
  if (start.section.id == SECTION_before && size == sizeof(before_section)) {
    return split_before(start.header, section, rest, take);
  }
  if (start.section.id == SECTION_socket && size == sizeof(socket_section)) {
    return split_sent(start.header, section, rest, take);
  }
  take(record);
}

}  // namespace tracepkt::decode
