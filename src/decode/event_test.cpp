#include "decode/event.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

namespace tracepkt::decode {
namespace {

std::vector<std::byte> bytes_of(const void* data, std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), data, size);
  return bytes;
}

record_header a_header() {
  record_header header = {};
  header.hook = HOOK_netif_rx;
  header.stage = STAGE_rx;
  header.flags = RECORD_FIRST;
  header.cpu = 3;
  header.time_ns = 1000;
  header.packet = 77;
  header.netns = 4026531833;
  header.ifindex = 5;
  std::memcpy(header.ifname, "veth0123456789a", 16);
  return header;
}

TEST(DecodeRecord, HeaderAlone) {
  const record_header header = a_header();
  const auto event = decode_record(bytes_of(&header, sizeof(header)));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->stage, STAGE_rx);
  EXPECT_TRUE(event->first);
  EXPECT_FALSE(event->last);
  EXPECT_EQ(event->device.name.view(), "veth0123456789a");
  EXPECT_EQ(event->packet_id, 77u);
  EXPECT_FALSE(event->packet);
}

TEST(DecodeRecord, ARoute) {
  record_header header = a_header();
  header.stage = STAGE_route;
  route_section route = {};
  route.section = {SECTION_route, sizeof(route)};
  route.table = 254;
  route.error = -113;
  route.ifindex = 4;
  std::memcpy(route.ifname, "eth1", 5);
  route.via_family = AF_INET6;
  route.via[15] = 9;
  auto record = bytes_of(&header, sizeof(header));
  const auto section = bytes_of(&route, sizeof(route));
  record.insert(record.end(), section.begin(), section.end());
  const auto event = decode_record(record);
  ASSERT_TRUE(event) << event.error().what;
  ASSERT_TRUE(event->route);
  EXPECT_EQ(event->route->table, 254u);
  EXPECT_EQ(event->route->error, 113);
  EXPECT_EQ(event->route->via.text(), "::9");
  EXPECT_EQ(event->route->device.name.view(), "eth1");

  record.resize(record.size() - 8);
  EXPECT_FALSE(decode_record(record));
}

TEST(DecodeRecord, ARouteThatASocketKeepsAndOneOfAFileOfBeforeVrfsWereTold) {
  record_header header = a_header();
  header.stage = STAGE_route;
  route_section route = {};
  route.section = {SECTION_route, sizeof(route)};
  route.flags = ROUTE_KEPT;
  std::memcpy(route.l3mdev, "blue", 5);
  const auto read = [&](std::size_t size) {
    route.section.size = static_cast<__u16>(size);
    auto record = bytes_of(&header, sizeof(header));
    const auto section = bytes_of(&route, size);
    record.insert(record.end(), section.begin(), section.end());
    return decode_record(record);
  };
  const auto event = read(sizeof(route));
  ASSERT_TRUE(event) << event.error().what;
  EXPECT_TRUE(event->route->kept);
  EXPECT_FALSE(event->route->any_hop);
  EXPECT_EQ(event->route->vrf.view(), "blue");
  route.flags = 0;
  const auto older = read(offsetof(route_section, l3mdev));
  ASSERT_TRUE(older) << older.error().what;
  EXPECT_FALSE(older->route->kept);
  EXPECT_EQ(older->route->vrf.view(), "");
}

TEST(DecodeRecord, SectionsInAnyNumberAndUnknownOnesSkipped) {
  const record_header header = a_header();
  drop_section drop = {};
  drop.section = {SECTION_drop, sizeof(drop)};
  drop.reason = 6;
  drop.before_ip = 1;
  drop.broadcast = 1;
  drop.has_reason = 1;
  drop.location = 0xffffffff81000010;
  const struct {
    section_header section;
    std::uint32_t rest;
  } unknown = {{999, 8}, 1};
  auto record = bytes_of(&header, sizeof(header));
  for (const auto& part : {bytes_of(&unknown, sizeof(unknown)), bytes_of(&drop, sizeof(drop))}) {
    record.insert(record.end(), part.begin(), part.end());
  }
  const auto event = decode_record(record);
  ASSERT_TRUE(event) << event.error().what;
  ASSERT_TRUE(event->drop);
  EXPECT_EQ(event->drop->reason, 6u);
  EXPECT_TRUE(event->drop->before_ip);
  EXPECT_TRUE(event->drop->broadcast);
  EXPECT_EQ(event->drop->location, 0xffffffff81000010u);
}

TEST(DecodeRecord, ADropOfAnOlderFileHasNoSocket) {
  const record_header header = a_header();
  drop_section drop = {};
  drop.section = {SECTION_drop, offsetof(drop_section, socket)};
  drop.location = 7;
  drop.socket = 9;  // not in the file
  auto record = bytes_of(&header, sizeof(header));
  const auto section = bytes_of(&drop, offsetof(drop_section, socket));
  record.insert(record.end(), section.begin(), section.end());
  const auto event = decode_record(record);
  ASSERT_TRUE(event && event->drop);
  EXPECT_EQ(event->drop->location, 7u);
  EXPECT_EQ(event->drop->socket, 0u);
}

TEST(DecodeRecord, EveryCutIsRefusedOrWhole) {
  const record_header header = a_header();
  packet_section packet = {};
  packet.section = {SECTION_packet, sizeof(packet)};
  packet.captured = WINDOW_BYTES;
  packet.protocol = 0x0800;
  auto record = bytes_of(&header, sizeof(header));
  const auto section = bytes_of(&packet, sizeof(packet));
  record.insert(record.end(), section.begin(), section.end());
  ASSERT_TRUE(decode_record(record)->packet);
  for (std::size_t size = 0; size < record.size(); ++size) {
    const auto event = decode_record(std::span(record).first(size));
    // A section header that is not whole may be padding; more of it is a lie about its length.
    EXPECT_TRUE(!event || !event->packet) << size;
    EXPECT_EQ(event.has_value(),
              size >= sizeof(header) && size < sizeof(header) + sizeof(section_header))
        << size;
  }
}

TEST(DecodeRecord, LengthsThatLieAreRefused) {
  const record_header header = a_header();
  packet_section packet = {};
  packet.section = {SECTION_packet, offsetof(packet_section, bytes) + 4};
  packet.captured = 100;  // more than the section holds
  auto record = bytes_of(&header, sizeof(header));
  const auto section = bytes_of(&packet, sizeof(packet));
  record.insert(record.end(), section.begin(), section.end());
  EXPECT_FALSE(decode_record(record));
  record_header wrong = a_header();
  wrong.stage = 250;
  EXPECT_FALSE(decode_record(bytes_of(&wrong, sizeof(wrong))));
}

}  // namespace
}  // namespace tracepkt::decode
