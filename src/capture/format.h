// The numbers of a capture file, all of them: those of pcapng (draft-ietf-opsawg-pcapng), and our
// own, which travel in its custom options. docs/capture-format.md has them in words. Everything is
// in the byte order of the machine that writes; the file's first block says which.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tracepkt::capture {

// Who defines a custom option: RFC 5612 keeps this number for examples, and it stands here until we
// have one of our own.
constexpr std::uint32_t kEnterprise = 32473;

enum : std::uint32_t {
  kInterfaceBlock = 1,
  kStatisticsBlock = 5,  // of an interface; here it carries options for which there is no packet
  kPacketBlock = 6,      // Enhanced Packet Block
  kSectionBlock = 0x0a0d0d0a,
};

constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint32_t kByteOrderSwapped = 0x4d3c2b1a;

// Options that we write, by the block that they are in; comments and custom ones are in any.
enum : std::uint16_t {
  kOptionEnd = 0,
  kOptionComment = 1,
  kOptionCustomBytes = 2989,
  kSectionHardware = 2,
  kSectionOs = 3,
  kSectionApplication = 4,
  kInterfaceName = 2,
  kInterfaceDescription = 3,
  kInterfaceResolution = 9,
  kPacketFlags = 2,
};

constexpr std::uint8_t kNanoseconds = 9;  // kInterfaceResolution: ten to the power of minus this
constexpr std::uint32_t kInbound = 1;     // kPacketFlags
constexpr std::uint32_t kOutbound = 2;

// LINKTYPE_LINUX_SLL: a header of 16 bytes that says what kind of packet follows, for where the
// real link layer header is not there. Not LINKTYPE_RAW, which has room for IP packets only: ARP
// and what bridges tell each other are traced too, and libpcap opens no file with two link types.
constexpr std::uint16_t kLinkType = 113;
constexpr std::size_t kLinkHeaderBytes = 16;
constexpr std::uint16_t kLinkToUs = 0;
constexpr std::uint16_t kLinkOutgoing = 4;
constexpr std::uint16_t kLinkHardwareUnknown = 0xffff;  // ARPHRD_VOID

// A custom option of ours holds our number, a kind (32 bits each), and fields: each a code and
// a length (16 bits each) and its bytes, padded to four, as pcapng's options are. Never changed,
// never used again; a reader skips kinds and fields that it does not know.
//
// Options, and not custom blocks, which pcapng has as well: Wireshark shows each of those as a
// packet of its own, and editcap and mergecap refuse a file that has any.
enum : std::uint32_t {
  kSessionItem = 1,  // in the section block
  kRecordItem = 2,  // of the kernel side: in its packet block; without bytes of a packet, before it
  kStepItem = 3,    // something that the one who joins the records was told
  kNameItem = 4,    // from here on
  kEndItem = 5,     // after all others
  kExchangeItem = 6,  // of a ping: after its packets
};

enum Field : std::uint16_t {
  kFieldEnd = 0,
  // kSession
  kFieldVersion = 1,  // text: of tracepkt
  kFieldCommand = 2,  // text: "trace", "ping"
  kFieldFilter = 3,   // text
  kFieldKernel = 4,   // text: release
  kFieldClock = 5,    // u64, two's complement: wall clock minus CLOCK_MONOTONIC, ns
  kFieldSilence = 6,  // u64, ns: after it a packet that nothing is heard of is given up
  kFieldCount = 7,    // u64: it ended after so many packets; absent: no such limit
  kFieldMachine = 8,  // text: uname -m
  kFieldCapture = 9,  // u64: of a capture in several files, the same in each of them
  kFieldPart = 10,    // u64: the file's number among them, from 1
  // kRecord
  kFieldRecord = 16,  // bytes, as they came from the kernel side (wire/record.h)
  // kStep
  kFieldStep = 24,   // u64: enum class StepKind
  kFieldValue = 25,  // u64
  // kName
  kFieldNameKind = 32,  // u64: enum class NameKind
  kFieldKey = 33,       // u64
  kFieldKey2 = 34,      // u64
  kFieldText = 35,      // text, any bytes
  // kEnd; a loss's and a probe's name comes before what is told of it
  kFieldLoss = 48,       // text
  kFieldLossSays = 49,   // text
  kFieldLossCount = 50,  // u64
  kFieldProbe = 51,      // text: attached, unless there is a why
  kFieldProbeWhy = 52,   // text: not attached
  kFieldGoesOn = 53,     // u64: not 0: the capture goes on in another file
  // kEnd, of a ping
  kFieldPingHost = 64,     // text
  kFieldPingPackets = 65,  // text: ping's own line
  kFieldPingTimes = 66,    // text: likewise
  kFieldPingSent = 67,     // u64, as the next
  kFieldPingReceived = 68,
  kFieldPingDuplicates = 69,
  kFieldPingErrors = 70,
  kFieldPingMin = 71,        // ns
  kFieldPingMax = 72,        // ns
  kFieldPingAvg = 73,        // f64, ns
  kFieldPingDeviation = 74,  // f64, ns
  kFieldPingLoss = 75,       // f64, percent
  kFieldPingCorrupted = 76,  // u64
  // kExchange
  kFieldSeq = 80,      // u64: as it was counted, of which the packet has 16 bits
  kFieldHost = 81,     // text: as the user typed it
  kFieldTarget = 82,   // text: its address
  kFieldPayload = 83,  // u64: bytes
  kFieldRtt = 84,      // u64, ns; absent: not answered
  kFieldTtl = 85,      // u64: of the answer
  kFieldTrouble = 86,  // text: why it was not sent, or what came back instead
};

// Longer blocks are taken for damage; the longest of ours has some 10,000 bytes.
constexpr std::size_t kMaxBlock = 1 << 20;
constexpr std::size_t kMinBlock = 12;
// Texts are cut to this, so that an option's length can be said in 16 bits.
constexpr std::size_t kMaxText = 16384;
// What waits for a packet to travel with.
constexpr std::size_t kMaxWaiting = 16384;

}  // namespace tracepkt::capture
