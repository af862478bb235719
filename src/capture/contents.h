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
  std::string command;  // "trace", "ping"
  std::string filter;
  std::string kernel;   // release
  std::string machine;  // as uname -m
  std::int64_t wall_minus_monotonic_ns = 0;
  std::uint64_t silence_ns = 0;        // journey::BuilderOptions
  std::optional<std::uint64_t> count;  // it ended after so many packets

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
};

struct Step {
  StepKind kind = StepKind::kExpire;
  std::uint64_t value = 0;

  bool operator==(const Step&) const = default;
};

// A name that the live run looked up; in force for what comes after it in the file.
enum class NameKind : std::uint64_t {
  kNetns = 1,      // key: inode; key2: cookie
  kNetnsFile = 2,  // key: inode
  kReason = 3,     // key: reason of a drop
  kSymbol = 4,     // key: address in the kernel
  kRule = 5,       // of a firewall. key: handle; key2: which table of which namespace
  kSocketOwner = 16,  // key: inode; "PID NAME"
  kResetReason = 17,  // key: reason of a reset that TCP sends
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
  std::uint64_t rtt_min_ns = 0;
  std::uint64_t rtt_max_ns = 0;
  double rtt_avg_ns = 0;
  double rtt_mdev_ns = 0;
  double loss_percent = 0;

  bool operator==(const Ping&) const = default;
};

// What was known when the tracing had ended.
struct End {
  std::vector<Loss> losses;
  std::vector<Probe> probes;
  std::optional<Ping> ping;

  bool operator==(const End&) const = default;
};

using Item = std::variant<Session, Record, Step, Name, End>;

}  // namespace tracepkt::capture
