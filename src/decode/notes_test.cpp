#include "decode/notes.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "decode/event.h"
#include "wire/function.h"

namespace tracepkt::decode {
namespace {

template <typename Section>
std::vector<std::byte> record_with(stage_id stage, Section section, section_id id) {
  record_header header = {};
  header.stage = static_cast<__u8>(stage);
  section.section = {static_cast<__u16>(id), sizeof(section)};
  std::vector<std::byte> record(sizeof(header) + sizeof(section));
  std::memcpy(record.data(), &header, sizeof(header));
  std::memcpy(record.data() + sizeof(header), &section, sizeof(section));
  return record;
}

TEST(Notes, TheSocketOfASender) {
  socket_section section = {};
  section.pid = 4711;
  section.inode = 0x123456789;
  std::memcpy(section.comm, "curl", 4);
  const auto record = record_with(STAGE_out, section, SECTION_socket);
  const auto event = decode_record(record);
  ASSERT_TRUE(event && event->socket);
  EXPECT_EQ(event->socket->inode, 0x123456789u);
  EXPECT_EQ(event->socket->comm.view(), "curl");
}

TEST(Notes, ASocketOfAnOlderFileHasNoInode) {
  socket_section section = {};
  section.pid = 4711;
  section.inode = 9;  // not in the file
  auto record = record_with(STAGE_deliver, section, SECTION_socket);
  record.resize(record.size() - sizeof(section.inode));
  section.section = {SECTION_socket, offsetof(socket_section, inode)};
  std::memcpy(record.data() + sizeof(record_header), &section.section, sizeof(section.section));
  const auto event = decode_record(record);
  ASSERT_TRUE(event && event->socket);
  EXPECT_EQ(event->socket->pid, 4711u);
  EXPECT_EQ(event->socket->inode, 0u);
}

FunctionCall decoded(const function_section& section) {
  const auto event = decode_record(record_with(STAGE_function, section, SECTION_function));
  const auto* call = event ? std::get_if<FunctionCall>(&event->note) : nullptr;
  EXPECT_NE(call, nullptr);
  return call != nullptr ? *call : FunctionCall();
}

TEST(Notes, AFunctionReturnsAsMuchAsItsTypeHolds) {
  function_section section = {};
  section.address = 0xffffffff81000000;
  section.returned = 1;
  section.value = 0xdeadbeefffffffea;  // what is above 32 bits is nobody's
  section.size = 4;
  section.returns = RETURNS_SIGNED;
  EXPECT_EQ(decoded(section).address, 0xffffffff81000000u);
  EXPECT_EQ(static_cast<std::int64_t>(decoded(section).value), -22);
  section.returns = RETURNS_UNSIGNED;
  EXPECT_EQ(decoded(section).value, 0xffffffeau);
  section.size = 8;
  EXPECT_EQ(decoded(section).value, 0xdeadbeefffffffeau);
  section.size = 1;
  section.returns = RETURNS_BOOL;
  section.value = 0x5500;
  EXPECT_EQ(decoded(section).value, 0u);
  EXPECT_TRUE(decoded(section).has_return());
  section.returns = RETURNS_NOTHING;
  EXPECT_FALSE(decoded(section).has_return());
}

TEST(Notes, AnIcmpError) {
  icmp_section section = {};
  section.protocol = 1;
  section.type = 3;
  section.code = 4;
  const auto event = decode_record(record_with(STAGE_icmp, section, SECTION_icmp));
  ASSERT_TRUE(event);
  const auto* icmp = std::get_if<IcmpError>(&event->note);
  ASSERT_NE(icmp, nullptr);
  EXPECT_EQ(icmp->type, 3);
  EXPECT_EQ(icmp->code, 4);
}

TEST(Notes, TcpAndItsReason) {
  tcp_section section = {};
  section.note = TCP_RESET_SENT;
  section.has_reason = 1;
  section.reason = 77;
  const auto event = decode_record(record_with(STAGE_tcp, section, SECTION_tcp));
  ASSERT_TRUE(event);
  const auto* tcp = std::get_if<TcpNote>(&event->note);
  ASSERT_NE(tcp, nullptr);
  EXPECT_EQ(tcp->kind, TcpNote::Kind::kResetSent);
  EXPECT_TRUE(tcp->has_reason);
  EXPECT_EQ(tcp->reason, 77u);
}

TEST(Notes, ANeighbour) {
  neigh_section section = {};
  section.family = AF_INET6;
  section.address[0] = 0xfd;
  section.address[15] = 2;
  section.lladdr_len = 6;
  for (std::uint8_t i = 0; i < 8; ++i) {
    section.lladdr[i] = static_cast<__u8>(0xa0 + i);
  }
  section.asked_ns = 5;
  section.told_ns = 9;
  const auto event = decode_record(record_with(STAGE_neigh, section, SECTION_neigh));
  ASSERT_TRUE(event);
  const auto* neighbour = std::get_if<Neighbour>(&event->note);
  ASSERT_NE(neighbour, nullptr);
  EXPECT_EQ(neighbour->address.text(), "fd00::2");
  EXPECT_EQ(neighbour->lladdr_text(), "a0:a1:a2:a3:a4:a5");
  EXPECT_EQ(neighbour->told_ns - neighbour->asked_ns, 4u);
}

TEST(Notes, ALinkAddressIsNoLongerThanItsRoom) {
  neigh_section section = {};
  section.lladdr_len = 255;
  const auto event = decode_record(record_with(STAGE_neigh, section, SECTION_neigh));
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<Neighbour>(event->note).lladdr_text(), "00:00:00:00:00:00:00:00");
}

TEST(Notes, AQueue) {
  qdisc_section section = {};
  section.handle = 0x80010000;
  std::memset(section.kind, 'q', sizeof(section.kind));  // without an end
  auto record = record_with(STAGE_qdisc, section, SECTION_qdisc);
  const auto event = decode_record(record);
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<Queue>(event->note).kind.view(), std::string(15, 'q'));
  EXPECT_EQ(std::get<Queue>(event->note).handle, 0x80010000u);
  EXPECT_FALSE(std::get<Queue>(event->note).waits);
  const __u16 hook = HOOK_qdisc_enqueue;
  std::memcpy(record.data() + offsetof(record_header, hook), &hook, sizeof(hook));
  EXPECT_TRUE(std::get<Queue>(decode_record(record)->note).waits);
}

TEST(Notes, ARefusalOfADriver) {
  refusal_section section = {};
  section.code = -100;
  const auto event = decode_record(record_with(STAGE_driver, section, SECTION_refusal));
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<Refusal>(event->note).code, -100);
}

TEST(Notes, ASectionThatIsCutIsRefused) {
  neigh_section section = {};
  auto record = record_with(STAGE_neigh, section, SECTION_neigh);
  const section_header shorter = {SECTION_neigh, sizeof(section) - 8};
  std::memcpy(record.data() + sizeof(record_header), &shorter, sizeof(shorter));
  record.resize(record.size() - 8);
  EXPECT_FALSE(decode_record(record));
}

TEST(Notes, AProgramsVerdict) {
  program_section section = {};
  section.kind = PROGRAM_TCX;
  section.egress = 1;
  section.verdict = -1;
  section.id = 4711;
  std::memcpy(section.name, "pass_all", 8);
  const auto event = decode_record(record_with(STAGE_tc, section, SECTION_program));
  const auto* told = event ? std::get_if<ProgramVerdict>(&event->note) : nullptr;
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->kind, ProgramVerdict::Kind::kTcx);
  EXPECT_TRUE(told->egress);
  EXPECT_EQ(told->verdict, -1);
  EXPECT_EQ(told->id, 4711u);
  EXPECT_EQ(told->name.view(), "pass_all");
}

TEST(Notes, AProgramOfNoKindThatIsKnown) {
  program_section section = {};
  section.kind = PROGRAM_TCX + 1;
  EXPECT_FALSE(decode_record(record_with(STAGE_tc, section, SECTION_program)));
}

TEST(Notes, WhatAVerdictDoesToThePacket) {
  const auto verdict = [](ProgramVerdict::Kind kind, std::int32_t number) {
    const ProgramVerdict told{.kind = kind, .verdict = number};
    return std::string(told.is_drop() ? "drop" : told.is_taken() ? "taken" : "pass");
  };
  using enum ProgramVerdict::Kind;
  EXPECT_EQ(verdict(kXdpNative, 0), "drop");  // XDP_ABORTED
  EXPECT_EQ(verdict(kXdpNative, 1), "drop");
  EXPECT_EQ(verdict(kXdpGeneric, 2), "pass");
  EXPECT_EQ(verdict(kXdpGeneric, 3), "taken");  // XDP_TX
  EXPECT_EQ(verdict(kXdpGeneric, 4), "taken");  // XDP_REDIRECT
  EXPECT_EQ(verdict(kXdpGeneric, 5), "drop");   // no verdict of XDP's
  EXPECT_EQ(verdict(kClsBpf, -1), "pass");
  EXPECT_EQ(verdict(kClsBpf, 0), "pass");
  EXPECT_EQ(verdict(kClsBpf, 2), "drop");   // TC_ACT_SHOT
  EXPECT_EQ(verdict(kClsBpf, 3), "pass");   // TC_ACT_PIPE
  EXPECT_EQ(verdict(kClsBpf, 4), "taken");  // TC_ACT_STOLEN
  EXPECT_EQ(verdict(kTcx, 7), "taken");     // TCX_REDIRECT
}

}  // namespace
}  // namespace tracepkt::decode
