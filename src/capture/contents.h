// What a capture file holds beside the packets, as values: the writer takes them, the reader gives
// them back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tracepkt::capture {

// How the file came to be.
struct Session {
  std::string version;  // of the tracepkt that wrote it
  std::string command;  // "trace", "ping", "drops"
  std::string filter;
  std::string kernel;   // release
  std::string machine;  // as uname -m
  std::int64_t wall_minus_monotonic_ns = 0;
  std::uint64_t silence_ns = 0;        // journey::BuilderOptions
  std::optional<std::uint64_t> count;  // it ended after so many packets
  // Of a capture in several files: which capture, and the file's number, each the next one.
  std::uint64_t capture = 0;
  std::uint64_t part = 0;  // 0: it is in one file

  bool operator==(const Session&) const = default;
};

// A record of the kernel side, as it came from the ring.
struct Record {
  std::vector<std::byte> bytes;

  bool operator==(const Record&) const = default;
};

// What the one who joins the records was told between two of them: with it, joining them again
// gives the same journeys.
enum class StepKind : std::uint64_t {
  kExpire = 1,      // value: now, CLOCK_MONOTONIC, ns
  kFinishEcho = 2,  // value: sequence number
  kFinish = 3,      // all that were under way
  // Of a ping.
  kEchoSent = 4,  // value: sequence number: from here on its packets belong to an exchange
  // Of drops; value: now, CLOCK_MONOTONIC, ns.
  kDropsBegin = 5,
  kDropsShown = 6,  // an interval ended
  kDropsEnd = 7,
};

struct Step {
  StepKind kind = StepKind::kExpire;
  std::uint64_t value = 0;

  bool operator==(const Step&) const = default;
};

// A name that the live run looked up; in force for what comes after it in the file.
enum class NameKind : std::uint64_t {
  kNetns = 1,          // key: inode; key2: cookie
  kNetnsFile = 2,      // key: inode
  kReason = 3,         // key: reason of a drop
  kSymbol = 4,         // key: address in the kernel
  kRule = 5,           // of a firewall. key: handle; key2: which table of which namespace
  kSocketOwner = 16,   // key: inode; "PID NAME", empty: nobody has it open
  kSocketAt = 24,      // key: which place (cli/name_keys.h); its inode, empty: none
  kFullQueue = 25,     // of who listens. key: which place; "WAITING BACKLOG", empty: it has room
  kResetReason = 17,   // key: reason of a reset that TCP sends
  kConnection = 27,    // key: which place; "1": there is one, empty: none
  kTimeWait = 20,      // key: which place; "1": a connection there is in TIME_WAIT, empty: none
  kNoWayBack = 28,     // from who listens. key: which place; "1": there is none, empty: there is
  kFullSynQueue = 29,  // of who listens. key: which place; "WAITING ROOM", empty: it has room
  kUnread = 30,  // of UDP. key: inode; key2: since (as events' times); bytes, empty: not known
  kConntrackFull = 31,  // key: inode; "1": it has no room, empty: it has, or that is not known
  kRoutingRules = 26,   // `ip -N rule show`. key: inode; key2: AF_INET or AF_INET6
  kFlowtable = 19,      // key: inode << 32 | ifindex; "FAMILY TABLE NAME", empty: it is in none
  kPrograms = 18,       // at an interface. key: inode << 32 | ifindex; key2: journey::ProgramPlace
};

struct Name {
  NameKind kind = NameKind::kNetns;
  std::uint64_t key = 0;
  std::uint64_t key2 = 0;
  std::string text;

  bool operator==(const Name&) const = default;
};

struct Loss {
  std::string name;
  std::string says;
  std::uint64_t count = 0;

  bool operator==(const Loss&) const = default;
};

struct Probe {
  std::string name;
  std::string why;  // it could not be attached; empty: it was

  bool operator==(const Probe&) const = default;
};

struct Ping {
  std::string host;
  std::string packets_line;
  std::string rtt_line;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t errors = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t rtt_min_ns = 0;
  std::uint64_t rtt_max_ns = 0;
  double rtt_avg_ns = 0;
  double rtt_mdev_ns = 0;
  double loss_percent = 0;

  bool operator==(const Ping&) const = default;
};

// An echo request and what came of it, once nothing more was awaited; its journeys came before.
struct Exchange {
  std::uint64_t seq = 0;
  std::string host;
  std::string target;
  std::uint64_t payload_bytes = 0;
  std::optional<std::uint64_t> rtt_ns;
  std::optional<std::uint64_t> ttl;
  std::string trouble;

  bool operator==(const Exchange&) const = default;
};

// What was known when the tracing had ended; or, where it went on in another file, when this one
// ended: losses are those since it began.
struct End {
  std::vector<Loss> losses;
  std::vector<Probe> probes;
  std::optional<Ping> ping;
  bool goes_on = false;  // in another file

  bool operator==(const End&) const = default;
};

using Item = std::variant<Session, Record, Step, Name, End, Exchange>;

}  // namespace tracepkt::capture
