// EchoSocket sends echo requests to one target and hears what answers them: the live end of
// `tracepkt ping`. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ping/address.h"
#include "ping/arrival.h"
#include "ping/echo_message.h"
#include "ping/icmp_socket.h"
#include "ping/sent_table.h"

namespace tracepkt::ping {

struct SendOutcome {
  bool sent = false;
  int error = 0;           // errno, where it was not sent
  std::string words = {};  // why not, for the user; empty where it was sent
};

enum class AnswerKind {
  kReply,
  kError,      // an ICMP error: this echo request did not arrive
  kNotice,     // a redirect or source quench: a reply may still come
  kCorrupted,  // a message for us whose checksum is wrong
};

struct Answer {
  AnswerKind kind = AnswerKind::kReply;
  std::uint64_t seq = 0;  // as it was given to send()
  Address from = {};
  std::string from_text = {};  // with %INTERFACE where it is link-local
  std::uint8_t type = 0;       // ICMP or ICMPv6
  std::uint8_t code = 0;
  std::uint32_t info = 0;    // as in Heard
  std::string words = {};    // what an error or notice says; empty for a reply
  int ttl = -1;              // with which the answer arrived; -1 unknown
  std::size_t bytes = 0;     // of the ICMP message; a ping socket's error: of what it quotes
  std::int64_t sent_ns = 0;  // CLOCK_MONOTONIC
  std::int64_t rtt_ns = 0;   // to the kernel's receive timestamp where there is one
  bool duplicate = false;    // the same kind of answer came for this request before
};

class EchoSocket {
 public:
  // Does everything that depends on the calling thread's network namespace: send() and receive()
  // work from any. Fails where the options cannot be had, not where the target cannot be reached.
  static Result<EchoSocket> open(const EchoOptions& options);

  // Readable (POLLIN or POLLERR) when receive() has something to do. Owned by this object.
  int fd() const { return socket_.fd.get(); }
  const Identity& identity() const { return identity_; }
  const Address& target() const { return socket_.target; }
  // The address requests leave with; nullopt where nothing routes to the target.
  const std::optional<Address>& source() const { return socket_.source; }
  bool raw() const { return socket_.raw; }

  // Sends one echo request; the low 16 bits of `seq` go on the wire. What this packet met (no
  // route, a firewall, a full queue) is an outcome; a failure is one that every packet would meet.
  Result<SendOutcome> send(std::uint64_t seq);

  // The answers that have arrived, without waiting. After kMaxBatch messages it returns and leaves
  // the rest in the socket, which stays readable.
  Result<std::vector<Answer>> receive();

  static constexpr int kMaxBatch = 1024;

 private:
  EchoSocket(IcmpSocket socket, const Identity& identity, std::size_t payload_bytes);
  std::optional<Heard> parse(const Arrival& arrival) const;
  bool is_for_us(const Heard& heard, const Address& from) const;
  std::optional<Answer> to_answer(const Heard& heard, const Arrival& arrival);
  std::string from_text(const Address& from) const;

  IcmpSocket socket_;
  Identity identity_;
  std::size_t payload_bytes_;
  SentTable sent_;
  std::vector<std::uint8_t> buffer_;
};

// What the kernel's refusal to send one packet means; nullopt for an errno that is not about the
// packet but about the socket.
std::optional<std::string> refusal_words(int error);

}  // namespace tracepkt::ping
