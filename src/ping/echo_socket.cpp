#include "ping/echo_socket.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

#include "ping/icmp_words.h"
#include "ping/identity.h"

namespace tracepkt::ping {
namespace {

std::int64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return to_ns(now);
}

// The arrival on the monotonic clock. The kernel's timestamp is wall clock time, which may have
// been set in between: then it is not used.
std::int64_t arrival_ns(const Arrival& arrival, std::int64_t sent_ns) {
  const std::int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
  const std::int64_t age_ns = clock_ns(CLOCK_REALTIME) - arrival.wall_ns;
  const bool usable = arrival.wall_ns != 0 && age_ns >= 0 && age_ns <= now_ns - sent_ns;
  return usable ? now_ns - age_ns : now_ns;
}

AnswerKind answer_kind(const Heard& heard) {
  if (!heard.checksum_ok) {
    return AnswerKind::kCorrupted;
  }
  switch (heard.kind) {
    case HeardKind::kError:
      return AnswerKind::kError;
    case HeardKind::kNotice:
      return AnswerKind::kNotice;
    case HeardKind::kReply:
      break;
  }
  return AnswerKind::kReply;
}

}  // namespace

std::optional<std::string> refusal_words(int error) {
  const char* why = "";
  switch (error) {
    case EPERM:
      why = " (a firewall's OUTPUT rule, a cgroup's BPF program or an IPsec policy does that)";
      break;
    case EACCES:
      why = " (a route or an ip rule of type prohibit does that)";
      break;
    case EINVAL:
      why = " (a route or an ip rule of type blackhole does that, or a source of 127.0.0.0/8)";
      break;
    case ENETUNREACH:
      why = " (no route leads there)";
      break;
    case EHOSTUNREACH:
      why = " (a route or an ip rule of type unreachable does that)";
      break;
    case EMSGSIZE:
      why = " (larger than the MTU, and not to be cut into fragments)";
      break;
    case ENOBUFS:
      why = " (the interface's queue is full)";
      break;
    case EAGAIN:
      why = " (the socket's send buffer is full)";
      break;
    case EADDRNOTAVAIL:
      why = " (no address here to send from)";
      break;
    case ENETDOWN:
    case ENODEV:
    case ENXIO:
      why = " (the interface is down or gone)";
      break;
    case ENOKEY:
      why = " (no peer of that WireGuard interface has that address among its allowed ones)";
      break;
    case EDESTADDRREQ:
      why = " (that WireGuard peer has no endpoint)";
      break;
    case ENOMEM:
    case ECONNREFUSED:
    case EHOSTDOWN:
    case ENONET:
    case EPROTO:
    case EOPNOTSUPP:
    case ENOPROTOOPT:
      break;
    default:
      return std::nullopt;
  }
  return "sending was refused: " + std::generic_category().message(error) + why;
}

EchoSocket::EchoSocket(IcmpSocket socket, const Identity& identity, std::size_t payload_bytes)
    : socket_(std::move(socket)),
      identity_(identity),
      payload_bytes_(payload_bytes),
      buffer_(kMaxPacketBytes) {}

Result<EchoSocket> EchoSocket::open(const EchoOptions& options) {
  auto identity = random_identity(options.target.family, options.payload_bytes);
  if (!identity) {
    return std::unexpected(identity.error());
  }
  auto socket = open_icmp_socket(options, identity->id);
  if (!socket) {
    return std::unexpected(socket.error());
  }
  identity->id = socket->id;
  return EchoSocket(std::move(*socket), *identity, options.payload_bytes);
}

Result<SendOutcome> EchoSocket::send(std::uint64_t seq) {
  const auto message =
      build_echo_request(identity_, static_cast<std::uint16_t>(seq & 0xffff), payload_bytes_);
  sockaddr_storage to;
  const socklen_t length = to_sockaddr(socket_.target, 0, to);
  if (!socket_.raw) {
    // An ICMP error for an earlier request waits here and would be taken for this one's.
    int pending = 0;
    socklen_t pending_bytes = sizeof(pending);
    getsockopt(fd(), SOL_SOCKET, SO_ERROR, &pending, &pending_bytes);
  }
  const std::int64_t sent_ns = clock_ns(CLOCK_MONOTONIC);
  ssize_t written = -1;
  do {
    written = sendto(fd(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                     reinterpret_cast<const sockaddr*>(&to), length);
  } while (written < 0 && errno == EINTR);
  if (written >= 0) {
    sent_.add(seq, sent_ns);
    return SendOutcome{.sent = true};
  }
  const int error = errno;
  auto words = refusal_words(error);
  if (!words) {
    return errno_failure(error, "cannot send an echo request");
  }
  return SendOutcome{.sent = false, .error = error, .words = std::move(*words)};
}

std::optional<Heard> EchoSocket::parse(const Arrival& arrival) const {
  if (arrival.error) {
    auto heard = parse_quoted_request(arrival.bytes, identity_);
    if (heard) {
      heard->kind = error_kind(identity_.family, arrival.error->type);
      heard->type = arrival.error->type;
      heard->code = arrival.error->code;
      heard->info = arrival.error->info;
      heard->destination = arrival.error->destination;
      heard->bytes = arrival.bytes.size();
    }
    return heard;
  }
  return socket_.raw && identity_.family == AF_INET ? parse_ipv4_packet(arrival.bytes, identity_)
                                                    : parse_message(arrival.bytes, identity_);
}

bool EchoSocket::is_for_us(const Heard& heard, const Address& from) const {
  if (heard.cookie_bytes == kCookieBytes || is_unspecified(socket_.target)) {
    return true;
  }
  // Too little of the cookie to be sure: the addresses must agree as well.
  return heard.kind == HeardKind::kReply
             ? same_host(from, socket_.target) || is_multicast(socket_.target)
             : same_host(heard.destination, socket_.target);
}

std::string EchoSocket::from_text(const Address& from) const {
  const bool on_our_link =
      is_link_local(from, false) && from.scope == target().scope && !socket_.scope_name.empty();
  return address_text(from) + (on_our_link ? "%" + socket_.scope_name : "");
}

std::optional<Answer> EchoSocket::to_answer(const Heard& heard, const Arrival& arrival) {
  Sent* sent = sent_.find(heard.seq);
  if (sent == nullptr || !is_for_us(heard, arrival.from)) {
    return std::nullopt;
  }
  Answer answer{
      .kind = answer_kind(heard),
      .seq = sent->seq,
      .from = arrival.from,
      .from_text = from_text(arrival.from),
      .type = heard.type,
      .code = heard.code,
      .info = heard.info,
      .words = {},
      .ttl = heard.ttl >= 0 ? heard.ttl : arrival.ttl,
      .bytes = heard.bytes,
      .sent_ns = sent->sent_ns,
      .rtt_ns = std::max<std::int64_t>(0, arrival_ns(arrival, sent->sent_ns) - sent->sent_ns)};
  if (answer.kind == AnswerKind::kReply) {
    answer.duplicate = std::exchange(sent->replied, true);
    return answer;
  }
  if (answer.kind == AnswerKind::kError) {
    answer.duplicate = std::exchange(sent->failed, true);
  }
  answer.words = heard.kind == HeardKind::kReply
                     ? "echo reply"
                     : icmp_error_words(identity_.family, heard.type, heard.code, heard.info);
  if (answer.kind == AnswerKind::kCorrupted) {
    answer.words += ", but its checksum is wrong";
  }
  return answer;
}

Result<std::vector<Answer>> EchoSocket::receive() {
  std::vector<Answer> answers;
  int budget = kMaxBatch;
  // A raw socket hears ICMP errors as packets, a ping socket in its error queue.
  for (int flags : {0, socket_.raw ? 0 : MSG_ERRQUEUE}) {
    for (; budget > 0; --budget) {
      auto arrival = receive_message(fd(), flags, buffer_);
      if (!arrival) {
        return std::unexpected(arrival.error());
      }
      if (arrival->state == ArrivalState::kNothing) {
        break;
      }
      if (const auto heard = parse(*arrival)) {
        if (auto answer = to_answer(*heard, *arrival)) {
          answers.push_back(std::move(*answer));
        }
      }
    }
  }
  return answers;
}

}  // namespace tracepkt::ping
