#include "capture/writer.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <variant>

#include "base/text.h"
#include "capture/fields.h"
#include "capture/format.h"

namespace tracepkt::capture {
namespace {

template <typename T>
void append(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

std::string_view chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string section_body(const Session& session) {
  std::string body;
  append(body, kByteOrder);
  append(body, std::uint16_t{1});  // version 1.0
  append(body, std::uint16_t{0});
  append(body, std::int64_t{-1});  // how long it gets is not known
  Options(body)
      .text(kSectionHardware, session.machine)
      .text(kSectionOs, "Linux " + session.kernel)
      .text(kSectionApplication, "tracepkt " + session.version)
      .bytes(kOptionCustomBytes, encode(session))
      .end();
  return body;
}

// What a packet block begins with, and in it the packet.
struct PacketHead {
  std::uint32_t interface = 0;
  std::uint32_t time_high = 0;
  std::uint32_t time_low = 0;
  std::uint32_t captured = 0;
  std::uint32_t len = 0;
  // LINKTYPE_LINUX_SLL
  std::uint16_t direction = 0;
  std::uint16_t hardware = htons(kLinkHardwareUnknown);
  std::array<std::uint8_t, 10> address = {};  // none, and the room for one
  std::uint16_t protocol = 0;
};
static_assert(sizeof(PacketHead) == 20 + kLinkHeaderBytes);

std::uint32_t direction_of(stage_id stage) {
  switch (stage) {
    case STAGE_tx:
      return kOutbound;
    case STAGE_rx:
    case STAGE_in:
    case STAGE_deliver:
      return kInbound;
    default:
      return 0;
  }
}

}  // namespace

Result<Writer> Writer::create(const std::string& path, const Session& session) {
  auto file = BlockFile::create(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  Writer writer(*std::move(file), session);
  // Whether anything can be written is to be known now.
  const Status written = writer.flush();
  return written ? Result<Writer>(std::move(writer)) : std::unexpected(written.error());
}

Writer::Writer(BlockFile file, const Session& session)
    : file_(std::move(file)), wall_minus_monotonic_ns_(session.wall_minus_monotonic_ns) {
  file_.add(kSectionBlock, section_body(session));
}

void Writer::add(const Item& item) {
  Options(waiting_).bytes(kOptionCustomBytes, encode(item));
  if (std::holds_alternative<End>(item)) {
    add_statistics();
  } else {
    send_much();
  }
}

void Writer::send_much() {
  if (waiting_.size() > kMaxWaiting) {
    add_statistics();
  }
}

// There is no packet for what waits. Wireshark shows nothing of this block, which needs an
// interface that it is about.
void Writer::add_statistics() {
  if (interfaces_.empty()) {
    interface_of({}, "");
  }
  std::string body;
  append(body, std::uint32_t{0});
  append(body, static_cast<std::uint32_t>(time_ns_ >> 32));
  append(body, static_cast<std::uint32_t>(time_ns_));
  body += waiting_;
  waiting_.clear();
  Options(body).end();
  file_.add(kStatisticsBlock, body);
}

void Writer::record(std::span<const std::byte> record, const Shown& shown) {
  record_header header;
  if (shown.bytes.empty() || record.size() < sizeof(header)) {
    append_record(waiting_, record);
    send_much();
    return;
  }
  std::memcpy(&header, record.data(), sizeof(header));
  packet(header, record, shown);
}

void Writer::packet(const record_header& header, std::span<const std::byte> record,
                    const Shown& shown) {
  const std::uint32_t interface = interface_of(header, shown.netns);
  time_ns_ = header.time_ns + static_cast<std::uint64_t>(wall_minus_monotonic_ns_);
  const auto stage = static_cast<stage_id>(header.stage);
  const auto captured = static_cast<std::uint32_t>(shown.bytes.size());
  std::string& block = file_.begin(kPacketBlock);
  append(block, PacketHead{.interface = interface,
                           .time_high = static_cast<std::uint32_t>(time_ns_ >> 32),
                           .time_low = static_cast<std::uint32_t>(time_ns_),
                           .captured = static_cast<std::uint32_t>(kLinkHeaderBytes) + captured,
                           .len = static_cast<std::uint32_t>(kLinkHeaderBytes) +
                                  std::max(shown.len, captured),
                           .direction = htons(stage == STAGE_tx ? kLinkOutgoing : kLinkToUs),
                           .protocol = htons(shown.ethertype)});
  block += chars(shown.bytes);
  block.append(-captured & 3, '\0');
  Options options(block);
  options.text(kOptionComment, shown.comment);
  if (const std::uint32_t direction = direction_of(stage); direction != 0) {
    options.number(kPacketFlags, direction);
  }
  block += waiting_;
  waiting_.clear();
  append_record(block, record);
  options.end();
  file_.end();
}

std::uint32_t Writer::interface_of(const record_header& header, std::string_view netns) {
  Interface key{header.netns, header.ifindex, {}};
  std::copy_n(header.ifname, sizeof(header.ifname), std::get<2>(key).begin());
  const auto [it, is_new] =
      interfaces_.try_emplace(key, static_cast<std::uint32_t>(interfaces_.size()));
  if (is_new) {
    const std::string_view name(header.ifname, strnlen(header.ifname, sizeof(header.ifname)));
    std::string body;
    append(body, kLinkType);
    append(body, std::uint16_t{0});
    append(body, static_cast<std::uint32_t>(kLinkHeaderBytes + WINDOW_BYTES));
    Options(body)
        .text(kInterfaceName, header.ifindex == 0 ? "(none)" : printable(name))
        .text(kInterfaceDescription,
              header.netns == 0
                  ? std::string("no network namespace known")
                  : fmt::format("namespace {}, inode {}", printable(netns), header.netns))
        .number(kInterfaceResolution, kNanoseconds)
        .end();
    file_.add(kInterfaceBlock, body);
  }
  return it->second;
}

}  // namespace tracepkt::capture
