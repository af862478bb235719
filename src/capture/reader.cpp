#include "capture/reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/text.h"
#include "capture/fields.h"
#include "capture/format.h"
#include "wire/record.h"

namespace tracepkt::capture {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;
constexpr const char* kReadElsewhere = "Wireshark and tcpdump -r read it";

std::uint32_t number_at(std::span<const std::byte> bytes, std::size_t offset) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + offset, sizeof(number));
  return number;
}

// Those that pcapng defines: one of another type is more likely damage.
bool is_known(std::uint32_t type) {
  constexpr std::uint32_t kLastInRow = 10;  // decryption secrets
  constexpr std::uint32_t kCustom = 0xbad;
  constexpr std::uint32_t kCustomNotToCopy = 0x40000bad;
  return (type >= 1 && type <= kLastInRow) || type == kCustom || type == kCustomNotToCopy ||
         type == kSectionBlock;
}

bool is_packet(std::uint32_t type) {
  constexpr std::uint32_t kOldPacket = 2;
  constexpr std::uint32_t kSimplePacket = 3;
  return type == kOldPacket || type == kSimplePacket || type == kPacketBlock;
}

// The options of a block, of the types that have some of ours; nothing where they do not fit in.
std::optional<std::span<const std::byte>> options_of(std::uint32_t type,
                                                     std::span<const std::byte> body) {
  std::size_t fixed = 0;
  switch (type) {
    case kSectionBlock:
      fixed = 16;
      break;
    case kStatisticsBlock:
      fixed = 12;
      break;
    case kPacketBlock:
      fixed = 20;
      if (body.size() >= fixed) {
        fixed += (number_at(body, 12) + std::size_t{3}) & ~std::size_t{3};
      }
      break;
    default:
      return std::span<const std::byte>();
  }
  return fixed <= body.size() ? std::optional(body.subspan(fixed)) : std::nullopt;
}

// What a file that does not begin as pcapng does begins as.
std::string what_it_is(std::span<const std::byte> bytes) {
  switch (bytes.size() < 4 ? 0 : number_at(bytes, 0)) {
    case 0xa1b2c3d4:
    case 0xd4c3b2a1:
    case 0xa1b23c4d:
    case 0x4d3cb2a1:
      return "is a pcap file of another program's: it holds packets, but not what the kernel did "
             "with them";
    case 0xfd2fb528:
      return "is compressed (zstd)";
    default:
      break;
  }
  const bool gzip = bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
  return gzip ? "is compressed (gzip)" : "is no capture file";
}

}  // namespace

Result<Reader> Reader::open(const std::string& path, int interrupted) {
  const bool standard_input = path == "-";
  auto fd = std::make_shared<Fd>(standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                                : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const std::string name = standard_input ? "the standard input" : printable(path);
  if (!fd->valid()) {
    return errno_failure(errno, fmt::format("cannot open {}", name));
  }
  return open(name, [fd, interrupted](std::span<std::byte> room) -> std::int64_t {
    pollfd ready[] = {{.fd = fd->get(), .events = POLLIN, .revents = 0},
                      {.fd = interrupted, .events = POLLIN, .revents = 0}};  // -1: left out
    if (poll(ready, 2, -1) > 0 && ready[1].revents != 0) {
      return -ECANCELED;
    }
    const ssize_t got = ::read(fd->get(), room.data(), room.size());
    return got < 0 ? -errno : got;
  });
}

Result<Reader> Reader::open(std::string name, Source source) {
  Reader reader(std::move(name), std::move(source));
  if (const Status good = reader.check_beginning(); !good) {
    return std::unexpected(good.error());
  }
  if (const Status good = reader.look_for_ours(); !good) {
    return std::unexpected(good.error());
  }
  return reader;
}

Status Reader::check_beginning() {
  fill(kMinBlock);
  if (error_ != 0) {
    return status();
  }
  const auto bytes = ahead();
  if (bytes.empty()) {
    return failure(fmt::format("{} is empty", name_));
  }
  if (bytes.size() < 4 || number_at(bytes, 0) != kSectionBlock) {
    const std::string what = what_it_is(bytes);
    return failure(fmt::format("{} {}", name_, what), what.starts_with("is a pcap") ? kReadElsewhere
                                                      : what.starts_with("is compressed")
                                                          ? "decompress it first"
                                                          : "give one that tracepkt -w wrote");
  }
  if (bytes.size() >= kMinBlock && number_at(bytes, 8) == kByteOrderSwapped) {
    return failure(fmt::format("{} was written on a machine of the other byte order", name_),
                   "read it on one like that");
  }
  return {};
}

// A file of somebody else's is told by its first packet, or by its end.
Status Reader::look_for_ours() {
  while (items_.empty() && !(saw_packet_ && damage_.places == 0) && read_block()) {
  }
  if (error_ != 0) {
    return status();
  }
  if (!items_.empty()) {
    return {};
  }
  if (damage_.places > 0) {
    return failure(fmt::format("{} is damaged, and nothing in it is whole", name_));
  }
  return failure(fmt::format("{} is a pcapng file of another program's: it {}", name_,
                             saw_packet_ ? "holds packets, but not what the kernel did with them"
                                         : "holds nothing that tracepkt saw"),
                 kReadElsewhere);
}

Status Reader::status() const {
  return error_ == 0 ? Status() : errno_failure(error_, fmt::format("cannot read {}", name_));
}

// Makes so many bytes be ahead, or all that there are.
bool Reader::fill(std::size_t bytes) {
  while (ahead().size() < bytes && !at_end_) {
    if (begin_ >= kReadBytes) {
      buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
    }
    const std::size_t size = buffer_.size();
    buffer_.resize(size + kReadBytes);
    const std::int64_t got = source_(std::span(buffer_).subspan(size));
    buffer_.resize(size + static_cast<std::size_t>(std::max<std::int64_t>(got, 0)));
    interrupted_ = got == -ECANCELED;
    if (got < 0 && got != -EINTR && !interrupted_) {
      error_ = static_cast<int>(-got);
    }
    at_end_ = got == 0 || error_ != 0 || interrupted_;
  }
  return ahead().size() >= bytes;
}

// The block that begins here, if its lengths, before and behind, agree.
std::optional<Reader::Block> Reader::block_here() {
  if (!fill(kMinBlock)) {
    return std::nullopt;
  }
  const std::uint32_t type = number_at(ahead(), 0);
  const std::size_t length = number_at(ahead(), 4);
  if (!is_known(type) || length % 4 != 0 || length < kMinBlock || length > kMaxBlock ||
      !fill(length) || number_at(ahead(), length - 4) != length) {
    return std::nullopt;
  }
  return Block{.type = type, .body = ahead().subspan(8, length - kMinBlock), .length = length};
}

std::optional<Item> Reader::next() {
  while (items_.empty() && read_block()) {
  }
  if (items_.empty()) {
    return std::nullopt;
  }
  Item item = std::move(items_.front());
  items_.pop_front();
  return item;
}

std::optional<std::span<const std::byte>> Reader::next_record() {
  if (!items_.empty() || !has_session_) {
    return std::nullopt;
  }
  const auto block = block_here();
  auto options =
      block && block->type == kPacketBlock ? options_of(block->type, block->body) : std::nullopt;
  std::optional<std::span<const std::byte>> record;
  while (options) {
    const auto option = next_option(*options);
    if (!option) {
      break;
    }
    if (option->code == kOptionCustomBytes && is_ours(option->value)) {
      if (record) {
        return std::nullopt;  // a name before it, or the like
      }
      record = record_in(option->value);
      if (!record) {
        return std::nullopt;
      }
    }
  }
  if (!record || !options->empty()) {
    return std::nullopt;
  }
  in_damage_ = false;
  begin_ += block->length;
  return record;
}

// The next block, or a byte that is part of none. False at the end.
bool Reader::read_block() {
  if (!fill(1)) {
    return false;
  }
  const auto block = block_here();
  if (!block && interrupted_) {
    return false;  // its rest was not waited for
  }
  if (!block) {
    pass_damage(1);  // what follows may begin anywhere
    return true;
  }
  in_damage_ = false;
  if (take(*block)) {
    begin_ += block->length;
  } else {
    pass_damage(block->length);
  }
  return true;
}

// False if the block does not fit together.
bool Reader::take(const Block& block) {
  saw_packet_ = saw_packet_ || is_packet(block.type);
  const auto options = options_of(block.type, block.body);
  const std::size_t before = items_.size();
  const bool fits = options && take_options(*options);
  if (!has_session_ && items_.size() > before) {
    guess_session(block);
  }
  return fits;
}

// Takes in what is ours, up to where the options do not fit together.
bool Reader::take_options(std::span<const std::byte> options) {
  while (const auto option = next_option(options)) {
    if (option->code != kOptionCustomBytes || !is_ours(option->value)) {
      continue;
    }
    auto decoded = decode(option->value);
    if (!decoded) {
      return false;
    }
    if (decoded->item) {
      has_session_ = has_session_ || std::holds_alternative<Session>(*decoded->item);
      items_.push_back(*std::move(decoded->item));
    }
  }
  return options.empty();
}

// What the file begins with is damaged, or was replaced by another program. A packet block tells
// the wall clock, and its record the kernel's.
void Reader::guess_session(const Block& block) {
  const auto* record = std::get_if<Record>(&items_.back());
  if (block.type != kPacketBlock || record == nullptr ||
      record->bytes.size() < sizeof(record_header)) {
    return;
  }
  record_header header;
  std::memcpy(&header, record->bytes.data(), sizeof(header));
  const std::uint64_t wall_ns =
      static_cast<std::uint64_t>(number_at(block.body, 4)) << 32 | number_at(block.body, 8);
  Session session;
  session.wall_minus_monotonic_ns = static_cast<std::int64_t>(wall_ns - header.time_ns);
  has_session_ = true;
  items_.emplace_front(std::move(session));
}

void Reader::pass_damage(std::size_t bytes) {
  damage_.places += in_damage_ ? 0 : 1;
  damage_.bytes += bytes;
  in_damage_ = true;
  begin_ += bytes;
}

}  // namespace tracepkt::capture
