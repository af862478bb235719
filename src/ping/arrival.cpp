#include "ping/arrival.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace tracepkt::ping {
namespace {

template <typename T>
std::optional<T> control_value(const cmsghdr* control) {
  if (control->cmsg_len < CMSG_LEN(sizeof(T))) {
    return std::nullopt;
  }
  T value;
  std::memcpy(&value, CMSG_DATA(control), sizeof(value));
  return value;
}

// The error queue's control message: sock_extended_err, and behind it who sent the error.
void read_error(const cmsghdr* control, const Address& destination, Arrival& arrival) {
  const auto error = control_value<sock_extended_err>(control);
  if (!error || (error->ee_origin != SO_EE_ORIGIN_ICMP && error->ee_origin != SO_EE_ORIGIN_ICMP6)) {
    return;
  }
  arrival.error = ReportedError{.type = error->ee_type,
                                .code = error->ee_code,
                                .info = error->ee_info,
                                .destination = destination};
  sockaddr_storage offender{};
  const std::size_t bytes = control->cmsg_len - CMSG_LEN(sizeof(*error));
  std::memcpy(&offender, CMSG_DATA(control) + sizeof(*error), std::min(bytes, sizeof(offender)));
  arrival.from = from_sockaddr(offender);
}

void read_controls(msghdr& message, const Address& name, Arrival& arrival) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    const int level = control->cmsg_level;
    const int type = control->cmsg_type;
    if (level == SOL_SOCKET && type == SCM_TIMESTAMPNS) {
      arrival.wall_ns = to_ns(control_value<timespec>(control).value_or(timespec{}));
    } else if ((level == SOL_IP && type == IP_TTL) ||
               (level == SOL_IPV6 && type == IPV6_HOPLIMIT)) {
      arrival.ttl = control_value<int>(control).value_or(-1);
    } else if ((level == SOL_IP && type == IP_RECVERR) ||
               (level == SOL_IPV6 && type == IPV6_RECVERR)) {
      read_error(control, name, arrival);
    }
  }
}

bool is_about_a_packet(int error) {
  constexpr std::array kSocketErrors = {EBADF, ENOTSOCK, EFAULT, EINVAL, ENOTCONN, ENOMEM};
  return std::ranges::find(kSocketErrors, error) == kSocketErrors.end();
}

}  // namespace

std::int64_t to_ns(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Result<Arrival> receive_message(int fd, int flags, std::span<std::uint8_t> buffer) {
  sockaddr_storage name{};
  alignas(cmsghdr) std::array<char, 512> controls;
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  msghdr message{};
  message.msg_name = &name;
  message.msg_namelen = sizeof(name);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = controls.data();
  message.msg_controllen = controls.size();
  ssize_t read = -1;
  do {
    read = recvmsg(fd, &message, flags | MSG_DONTWAIT);
  } while (read < 0 && errno == EINTR);
  if (read < 0) {
    if (errno == EAGAIN) {
      return Arrival{};
    }
    if (is_about_a_packet(errno)) {
      return Arrival{.state = ArrivalState::kPendingError};
    }
    return errno_failure(errno, "cannot receive answers");
  }
  Arrival arrival{.state = ArrivalState::kMessage};
  arrival.bytes = buffer.first(std::min(static_cast<std::size_t>(read), buffer.size()));
  arrival.from = from_sockaddr(name);
  read_controls(message, arrival.from, arrival);
  if ((flags & MSG_ERRQUEUE) != 0 && !arrival.error) {
    arrival.bytes = {};  // an error of this host's own, which send() has told already
  }
  return arrival;
}

}  // namespace tracepkt::ping
