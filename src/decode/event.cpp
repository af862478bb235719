#include "decode/event.h"

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "wire/function.h"

namespace tracepkt::decode {
namespace {

ShortName short_name(const char (&raw)[16]) {
  ShortName name;
  std::copy_n(raw, 15, name.bytes.begin());
  return name;
}

// Of two ports as they are in a header.
std::uint16_t second_port(__u32 ports) {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(ports);
  return static_cast<std::uint16_t>(bytes[2] << 8 | bytes[3]);
}

Address address_of(std::uint8_t family, const __u8 (&bytes)[16]) {
  Address address;
  const std::size_t size = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
  address.family = family == AF_INET ? 4 : family == AF_INET6 ? 6 : 0;
  std::copy_n(bytes, size, address.bytes.begin());
  return address;
}

// `least`: the size of the section in files of the first version that wrote it. What was added to
// it since is 0 there.
template <typename Section>
std::optional<Section> read_section(std::span<const std::byte> bytes,
                                    std::size_t least = sizeof(Section)) {
  Section section = {};
  if (bytes.size() < least) {
    return std::nullopt;
  }
  std::memcpy(&section, bytes.data(), std::min(bytes.size(), sizeof(section)));
  return section;
}

std::optional<packet_section> read_packet(std::span<const std::byte> bytes) {
  // The section is as long as the bytes that it carries, so the whole struct need not be there.
  packet_section section = {};
  if (bytes.size() < offsetof(packet_section, bytes) || bytes.size() > sizeof(section)) {
    return std::nullopt;
  }
  std::memcpy(&section, bytes.data(), bytes.size());
  return section.captured <= bytes.size() - offsetof(packet_section, bytes) ? std::optional(section)
                                                                            : std::nullopt;
}

bool decode_packet(std::span<const std::byte> bytes, Event& event) {
  const auto section = read_packet(bytes);
  if (!section) {
    return false;
  }
  event.packet = parse_packet(section->protocol, section->len, {section->bytes, section->captured});
  event.packet->mark = section->mark;
  return true;
}

// A name in a field that it may fill.
template <std::size_t N>
std::string text_of(const char (&raw)[N]) {
  return {raw, strnlen(raw, N)};
}

bool decode_netfilter(std::span<const std::byte> bytes, Event& event) {
  const auto section = read_section<netfilter_section>(bytes);
  if (!section || section->kind < NETFILTER_CHAIN || section->kind > NETFILTER_POLICY ||
      (section->backend != NETFILTER_NFTABLES && section->backend != NETFILTER_XTABLES)) {
    return false;
  }
  event.netfilter = Netfilter{.kind = static_cast<netfilter_kind>(section->kind),
                              .backend = static_cast<netfilter_backend>(section->backend),
                              .family = section->family,
                              .pf = section->pf,
                              .hook = section->hook,
                              .verdict = section->verdict,
                              .rule = section->rule,
                              .generation = section->generation,
                              .table = text_of(section->table),
                              .chain = text_of(section->chain),
                              .connection = {}};
  if (section->has_ct != 0) {
    event.netfilter->connection = Netfilter::Connection{
        .info = section->ct_info, .mark = section->ct_mark, .zone = section->ct_zone};
  }
  return true;
}

Note note_of(const icmp_section& section) {
  return IcmpError{.protocol = section.protocol, .type = section.type, .code = section.code};
}

Note note_of(const tcp_section& section) {
  return TcpNote{.kind = static_cast<TcpNote::Kind>(section.note),
                 .ca_state = section.ca_state,
                 .tries = section.tries,
                 .has_reason = section.has_reason != 0,
                 .reason = section.reason};
}

Note note_of(const neigh_section& section) {
  Neighbour neighbour{
      .address = address_of(section.family, section.address),
      .state = section.state,
      .probes = section.probes,
      .asked_ns = section.asked_ns,
      .told_ns = section.told_ns,
      .lladdr_len = std::min<std::uint8_t>(section.lladdr_len, sizeof(section.lladdr))};
  std::copy_n(section.lladdr, neighbour.lladdr_len, neighbour.lladdr.begin());
  return neighbour;
}

Note note_of(const qdisc_section& section) {
  return Queue{.handle = section.handle, .kind = short_name(section.kind)};
}

Note note_of(const refusal_section& section) { return Refusal{.code = section.code}; }
Note note_of(const program_section& section) {
  return ProgramVerdict{.kind = static_cast<ProgramVerdict::Kind>(section.kind),
                        .egress = section.egress != 0,
                        .verdict = section.verdict,
                        .id = section.id,
                        .name = short_name(section.name)};
}
Note note_of(const function_section& section) {
  FunctionCall call{.address = section.address,
                    .returns = section.returns,
                    .returned = section.returned != 0,
                    .value = section.value};
  // Above its size there is whatever the register held before.
  if (const unsigned bits = section.size * 8u; bits > 0 && bits < 64) {
    call.value &= (std::uint64_t{1} << bits) - 1;
    if (section.returns == RETURNS_SIGNED && (call.value >> (bits - 1)) != 0) {
      call.value |= ~std::uint64_t{0} << bits;
    }
  }
  return call;
}

template <typename Section>
bool decode_note(std::span<const std::byte> bytes, Event& event) {
  const auto section = read_section<Section>(bytes);
  if (section) {
    event.note = note_of(*section);
  }
  return section.has_value();
}

bool decode_program(std::span<const std::byte> bytes, Event& event) {
  const auto section = read_section<program_section>(bytes);
  if (!section || section->kind < PROGRAM_XDP_GENERIC || section->kind > PROGRAM_TCX) {
    return false;
  }
  event.note = note_of(*section);
  return true;
}

bool decode_section(std::uint16_t id, std::span<const std::byte> bytes, Event& event) {
  switch (id) {
    case SECTION_packet:
      return decode_packet(bytes, event);
    case SECTION_drop: {
      const auto section = read_section<drop_section>(bytes, offsetof(drop_section, socket));
      if (!section) {
        return false;
      }
      event.drop = Drop{.reason = section->reason,
                        .has_reason = section->has_reason != 0,
                        .before_ip = section->before_ip != 0,
                        .broadcast = section->broadcast != 0,
                        .location = section->location,
                        .socket = section->socket};
      return true;
    }
    case SECTION_socket: {
      const auto section = read_section<socket_section>(bytes, offsetof(socket_section, inode));
      if (!section) {
        return false;
      }
      event.socket = Socket{.family = section->family,
                            .type = section->type,
                            .protocol = section->protocol,
                            .pid = section->pid,
                            .comm = short_name(section->comm),
                            .inode = section->inode};
      return true;
    }
    case SECTION_route: {
      const auto section = read_section<route_section>(bytes, offsetof(route_section, l3mdev));
      if (!section) {
        return false;
      }
      event.route =
          Route{.family = section->family,
                .table = section->table,
                .error = -section->error,
                .type = section->type,
                .scope = section->scope,
                .via = address_of(section->via_family, section->via),
                .device = {.index = section->ifindex, .name = short_name(section->ifname)},
                .vrf = short_name(section->l3mdev),
                .kept = (section->flags & ROUTE_KEPT) != 0,
                .any_hop = (section->flags & ROUTE_ANY_HOP) != 0};
      return true;
    }
    case SECTION_netfilter:
      return decode_netfilter(bytes, event);
    case SECTION_icmp:
      return decode_note<icmp_section>(bytes, event);
    case SECTION_tcp:
      return decode_note<tcp_section>(bytes, event);
    case SECTION_neigh:
      return decode_note<neigh_section>(bytes, event);
    case SECTION_qdisc:
      if (!decode_note<qdisc_section>(bytes, event)) {
        return false;
      }
      std::get<Queue>(event.note).waits = event.hook == HOOK_qdisc_enqueue;
      return true;
    case SECTION_refusal:
      return decode_note<refusal_section>(bytes, event);
    case SECTION_program:
      return decode_program(bytes, event);
    case SECTION_function:
      return decode_note<function_section>(bytes, event);
    case SECTION_before:
      return false;  // see split_record()
    default:
      return true;
  }
}

// Hands each section's id and bytes to `take` until it says no; the id of that one, or of one that
// does not fit.
template <typename Take>
std::optional<std::uint16_t> walk_sections(std::span<const std::byte> record, Take take) {
  std::span<const std::byte> rest = record.subspan(std::min(record.size(), sizeof(record_header)));
  while (rest.size() >= sizeof(section_header)) {
    section_header section;
    std::memcpy(&section, rest.data(), sizeof(section));
    if (section.id == 0) {
      break;  // padding
    }
    if (section.size < sizeof(section) || section.size > rest.size() ||
        !take(section.id, rest.first(section.size))) {
      return section.id;
    }
    rest = rest.subspan(std::min<std::size_t>(rest.size(), (section.size + 7u) & ~7u));
  }
  return std::nullopt;
}

}  // namespace

bool Netfilter::is_drop() const { return verdict == NF_DROP; }

bool Netfilter::is_accept() const { return verdict == NF_ACCEPT; }

Result<Event> decode_record(std::span<const std::byte> record) {
  record_header header;
  if (record.size() < sizeof(header)) {
    return failure(fmt::format("a record of {} bytes is too short", record.size()));
  }
  std::memcpy(&header, record.data(), sizeof(header));
  if (stage_name(static_cast<stage_id>(header.stage)).empty()) {
    return failure(fmt::format("a record of unknown stage {}", header.stage));
  }
  Event event{.hook = header.hook,
              .stage = static_cast<stage_id>(header.stage),
              .first = (header.flags & RECORD_FIRST) != 0,
              .last = (header.flags & RECORD_LAST) != 0,
              .to_ip = (header.flags & RECORD_TO_IP) != 0,
              .tracked = (header.flags & RECORD_TRACKED) != 0,
              .cpu = header.cpu,
              .time_ns = header.time_ns,
              .packet_id = header.packet,
              .netns = {.inode = header.netns, .cookie = header.netns_cookie},
              .device = {.index = header.ifindex, .name = short_name(header.ifname)},
              .iif = header.iif,
              .end_port = second_port(header.ports)};

  const auto decode_one = [&event](std::uint16_t id, std::span<const std::byte> bytes) {
    return decode_section(id, bytes, event);
  };
  if (const auto bad = walk_sections(record, decode_one)) {
    return failure(fmt::format("a record whose section {} does not fit", *bad));
  }
  return event;
}

PacketBytes packet_bytes(std::span<const std::byte> record) {
  PacketBytes packet;
  walk_sections(record, [&packet](std::uint16_t id, std::span<const std::byte> bytes) {
    const auto section = id == SECTION_packet ? read_packet(bytes) : std::nullopt;
    if (section) {
      packet = {.ethertype = section->protocol,
                .len = section->len,
                .bytes = bytes.subspan(offsetof(packet_section, bytes), section->captured)};
    }
    return !section;
  });
  return packet;
}

void cut_packet(std::span<const std::byte> record, std::size_t most, std::vector<std::byte>& out) {
  out.assign(record.begin(), record.end());
  walk_sections(record, [&](std::uint16_t id, std::span<const std::byte> bytes) {
    auto section = id == SECTION_packet ? read_packet(bytes) : std::nullopt;
    const std::size_t kept = section ? std::min<std::size_t>(section->captured, most) : 0;
    if (section && offsetof(packet_section, bytes) + kept < bytes.size()) {
      section->captured = static_cast<__u16>(kept);
      section->section.size = static_cast<__u16>(offsetof(packet_section, bytes) + kept);
      const auto at = static_cast<std::size_t>(bytes.data() - record.data());
      std::memcpy(out.data() + at, &*section, offsetof(packet_section, bytes));
      out.resize(at + section->section.size);  // it is the last
    }
    return !section;
  });
}

std::string_view stage_name(stage_id stage) {
  switch (stage) {
#define STAGE(id, name, says) \
  case STAGE_##name:          \
    return #name;
#include "wire/stages.def"
#undef STAGE
  }
  return "";
}

}  // namespace tracepkt::decode
