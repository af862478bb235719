#include "capture/writer.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

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

std::uint32_t number(BlockType type) { return static_cast<std::uint32_t>(type); }

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
      .end();
  return body;
}

std::string custom_body(const Item& item) {
  std::string body;
  append(body, kEnterprise);
  append(body, kind_of(item));
  return body + encode(item);
}

std::string link_header(stage_id stage, std::uint16_t protocol) {
  std::string header;
  append(header, htons(stage == STAGE_tx ? kLinkOutgoing : kLinkToUs));
  append(header, htons(kLinkHardwareUnknown));
  header.append(10, '\0');  // no address, and the room for one
  append(header, htons(protocol));
  return header;
}

// What of a record is needed here; the rest is for its reader. Nothing if it has no packet.
std::optional<packet_section> packet_of(std::span<const std::byte> record) {
  std::span<const std::byte> rest = record.subspan(std::min(record.size(), sizeof(record_header)));
  while (rest.size() >= sizeof(section_header)) {
    section_header section;
    std::memcpy(&section, rest.data(), sizeof(section));
    if (section.id == 0 || section.size < sizeof(section) || section.size > rest.size()) {
      break;
    }
    if (section.id == SECTION_packet) {
      packet_section packet = {};
      std::memcpy(&packet, rest.data(), std::min<std::size_t>(section.size, sizeof(packet)));
      const bool is_whole = section.size >= offsetof(packet_section, bytes) + packet.captured;
      return is_whole && packet.captured > 0 && packet.captured <= WINDOW_BYTES
                 ? std::optional(packet)
                 : std::nullopt;
    }
    rest = rest.subspan(std::min<std::size_t>(rest.size(), (section.size + 7u) & ~7u));
  }
  return std::nullopt;
}

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
  file_.add(number(BlockType::kSection), section_body(session));
  file_.add(number(BlockType::kCustom), custom_body(session));
}

void Writer::add(const Item& item) { file_.add(number(BlockType::kCustom), custom_body(item)); }

void Writer::record(std::span<const std::byte> record, std::string_view netns,
                    std::string_view comment) {
  record_header header;
  const auto section = packet_of(record);
  if (!section || record.size() < sizeof(header)) {
    add(Record{.bytes = {record.begin(), record.end()}});
    return;
  }
  std::memcpy(&header, record.data(), sizeof(header));
  packet(header, *section, record, netns, comment);
}

void Writer::packet(const record_header& header, const packet_section& packet,
                    std::span<const std::byte> record, std::string_view netns,
                    std::string_view comment) {
  const std::uint32_t interface = interface_of(header, netns);
  const std::uint64_t time_ns =
      header.time_ns + static_cast<std::uint64_t>(wall_minus_monotonic_ns_);
  const auto stage = static_cast<stage_id>(header.stage);
  body_.clear();
  append(body_, interface);
  append(body_, static_cast<std::uint32_t>(time_ns >> 32));
  append(body_, static_cast<std::uint32_t>(time_ns));
  append(body_, static_cast<std::uint32_t>(kLinkHeaderBytes + packet.captured));
  append(body_, static_cast<std::uint32_t>(kLinkHeaderBytes +
                                           std::max<std::uint32_t>(packet.len, packet.captured)));
  body_ += link_header(stage, packet.protocol);
  body_.append(reinterpret_cast<const char*>(packet.bytes), packet.captured);
  body_.append(-body_.size() & 3, '\0');
  Options options(body_);
  options.text(kOptionComment, comment);
  if (const std::uint32_t direction = direction_of(stage); direction != 0) {
    options.number(kPacketFlags, direction);
  }
  std::string custom;
  append(custom, kEnterprise);
  options.bytes(kOptionCustomBytes, custom.append(chars(record))).end();
  file_.add(number(BlockType::kPacket), body_);
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
    file_.add(number(BlockType::kInterface), body);
  }
  return it->second;
}

}  // namespace tracepkt::capture
