#include "decode/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "decode/event.h"

namespace tracepkt::decode {
namespace {

using Record = std::vector<std::byte>;

template <typename Part>
void append(Record& record, const Part& part) {
  const auto bytes = std::as_bytes(std::span(&part, 1));
  record.insert(record.end(), bytes.begin(), bytes.end());
}

record_header a_header(stage_id stage) {
  record_header header = {};
  header.hook = HOOK_netif_receive_skb;
  header.stage = static_cast<__u8>(stage);
  header.cpu = 3;
  header.time_ns = 2000;
  header.packet = 77;
  header.netns = 4026531833;
  header.netns_cookie = 5;
  header.ifindex = 2;
  header.iif = 9;
  std::memcpy(header.ifname, "eth0", 5);
  return header;
}

packet_section a_packet() {
  packet_section packet = {};
  packet.section = {SECTION_packet, sizeof(packet)};
  packet.protocol = 0x0800;
  packet.len = 84;
  packet.captured = 20;
  packet.bytes[0] = 0x45;
  packet.mark = 4;
  return packet;
}

before_section a_before() {
  before_section before = {};
  before.section = {SECTION_before, sizeof(before)};
  before.hook = HOOK_netif_rx;
  before.stage = STAGE_rx;
  before.cpu = 1;
  before.time_ns = 1500;
  return before;
}

socket_section a_socket() {
  socket_section socket = {};
  socket.section = {SECTION_socket, sizeof(socket)};
  socket.family = AF_INET;
  socket.pid = 12;
  std::memcpy(socket.comm, "curl", 5);
  socket.inode = 4711;
  return socket;
}

std::vector<Record> split(const Record& record) {
  std::vector<Record> records;
  split_record(record, [&](std::span<const std::byte> one) {
    records.emplace_back(one.begin(), one.end());
  });
  return records;
}

TEST(SplitRecord, ReceivedAndTakenIn) {
  Record record;
  append(record, a_header(STAGE_in));
  append(record, a_before());
  append(record, a_packet());
  const auto records = split(record);
  ASSERT_EQ(records.size(), 2u);

  const auto received = decode_record(records[0]);
  ASSERT_TRUE(received) << received.error().what;
  EXPECT_EQ(received->hook, HOOK_netif_rx);
  EXPECT_EQ(received->stage, STAGE_rx);
  EXPECT_EQ(received->cpu, 1u);
  EXPECT_EQ(received->time_ns, 1500u);

  const auto taken_in = decode_record(records[1]);
  ASSERT_TRUE(taken_in) << taken_in.error().what;
  EXPECT_EQ(taken_in->hook, HOOK_netif_receive_skb);
  EXPECT_EQ(taken_in->stage, STAGE_in);
  EXPECT_EQ(taken_in->cpu, 3u);
  EXPECT_EQ(taken_in->time_ns, 2000u);

  for (const auto& event : {received, taken_in}) {
    EXPECT_EQ(event->packet_id, 77u);
    EXPECT_EQ(event->device.name.view(), "eth0");
    EXPECT_EQ(event->iif, 9u);
    ASSERT_TRUE(event->packet);
    EXPECT_EQ(event->packet->mark, 4u);
  }
}

TEST(SplitRecord, SentAndWhoseItIs) {
  record_header header = a_header(STAGE_tx);
  header.hook = HOOK_net_dev_queue;
  header.flags = RECORD_FIRST;
  header.iif = 0;
  Record record;
  append(record, header);
  append(record, a_socket());
  append(record, a_packet());
  const auto records = split(record);
  ASSERT_EQ(records.size(), 2u);

  const auto sent = decode_record(records[0]);
  ASSERT_TRUE(sent) << sent.error().what;
  EXPECT_EQ(sent->stage, STAGE_tx);
  EXPECT_TRUE(sent->first);
  EXPECT_TRUE(sent->packet);
  EXPECT_FALSE(sent->socket);

  const auto sender = decode_record(records[1]);
  ASSERT_TRUE(sender) << sender.error().what;
  EXPECT_EQ(sender->hook, HOOK_sender);
  EXPECT_EQ(sender->stage, STAGE_out);
  EXPECT_FALSE(sender->first);
  EXPECT_FALSE(sender->packet);
  EXPECT_EQ(sender->packet_id, 77u);
  EXPECT_EQ(sender->time_ns, 2000u);
  EXPECT_EQ(sender->netns.inode, 4026531833u);
  EXPECT_EQ(sender->netns.cookie, 5u);
  EXPECT_EQ(sender->device.index, 0u);
  EXPECT_TRUE(sender->device.name.view().empty());
  ASSERT_TRUE(sender->socket);
  EXPECT_EQ(sender->socket->pid, 12u);
  EXPECT_EQ(sender->socket->inode, 4711u);
}

TEST(SplitRecord, ASocketThatChangedMeanwhileIsToldApart) {
  socket_section socket = a_socket();
  socket.inode = 0;
  Record record;
  append(record, a_header(STAGE_tx));
  append(record, socket);
  append(record, a_packet());
  const auto records = split(record);
  ASSERT_EQ(records.size(), 1u);
  const auto sent = decode_record(records[0]);
  ASSERT_TRUE(sent && sent->packet);
  EXPECT_FALSE(sent->socket);
}

TEST(SplitRecord, AnyOtherIsLeftAsItIs) {
  Record crossing;
  append(crossing, a_header(STAGE_tx));
  append(crossing, a_packet());
  Record sender;
  append(sender, a_header(STAGE_out));
  append(sender, a_socket());
  Record bare;
  append(bare, a_header(STAGE_end));
  for (const Record& record : {crossing, sender, bare, Record{}}) {
    EXPECT_THAT(split(record), testing::ElementsAre(record));
  }
}

TEST(SplitRecord, WhatIsCutIsOneThatCannotBeDecoded) {
  Record record;
  append(record, a_header(STAGE_in));
  append(record, a_before());
  append(record, a_packet());
  const std::size_t without_packet = sizeof(record_header) + sizeof(before_section);
  for (std::size_t size = sizeof(record_header) + sizeof(section_header); size <= without_packet;
       ++size) {
    const Record cut(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(split(cut), testing::ElementsAre(cut)) << size;
    EXPECT_FALSE(decode_record(cut)) << size;
  }
}

}  // namespace
}  // namespace tracepkt::decode
