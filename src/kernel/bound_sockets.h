// Which socket takes what comes to an address and port of a namespace? From /proc/net there.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tracepkt::kernel {

// IPv4 addresses are written as ::ffff:a.b.c.d, as the kernel does in sockets of IPv6.
struct SocketEnd {
  std::array<std::uint8_t, 16> address = {};
  std::uint16_t port = 0;

  auto operator<=>(const SocketEnd&) const = default;
};

bool is_v4(const SocketEnd& end);

struct ListedSocket {
  SocketEnd local;
  SocketEnd remote;  // port 0: it is not connected
  std::uint64_t inode = 0;
  std::optional<std::uint64_t> unread = {};  // bytes of the receive buffer that are in use
};

// What /proc/net/udp, udp6, udplite, udplite6, tcp or tcp6 lists. Of TCP with `listening` only what
// listens, which the kernel lists first (6.12, net/ipv4/tcp_ipv4.c, tcp_get_idx()): the rest is not
// looked at.
std::vector<ListedSocket> parse_sockets(std::string_view text, bool listening);

// The inodes of the sockets that take a packet from `remote` to `local`: those that fit best,
// connected ones before those bound to the address, and these before those bound to the port alone.
// Of a multicast all of them may have a copy.
std::vector<std::uint64_t> find_takers(const std::vector<ListedSocket>& sockets,
                                       const SocketEnd& local, const SocketEnd& remote);

class BoundSockets {
 public:
  // A file below /proc/thread-self/net, or its first megabyte, read in the namespace that
  // `netns_file` is, or in ours where that is empty; empty where it cannot be read.
  using Read = std::function<std::string(const std::string& netns_file, const char* name)>;
  using Now = std::function<std::uint64_t()>;  // nanoseconds

  BoundSockets();
  BoundSockets(Read read, Now now) : read_(std::move(read)), now_(std::move(now)) {}

  // Their inodes, see find_takers(). IPPROTO_UDP, IPPROTO_UDPLITE, or IPPROTO_TCP: then who
  // listens. What was read is used for a while, shorter where nobody was found in it.
  std::vector<std::uint64_t> find(std::uint32_t netns, const std::string& netns_file,
                                  std::uint8_t protocol, const SocketEnd& local,
                                  const SocketEnd& remote);

  // How many bytes of the receive buffer of that socket of UDP are in use, at a moment after
  // `since_ns`; nothing where it is not listed, or was last read before and must not be again now.
  std::optional<std::uint64_t> unread(std::uint32_t netns, const std::string& netns_file,
                                      std::uint64_t inode, std::uint64_t since_ns);

 private:
  struct Listed {
    std::vector<ListedSocket> sockets;
    std::uint64_t read_ns = 0;
    std::uint64_t took_ns = 0;
    std::map<std::pair<SocketEnd, SocketEnd>, std::vector<std::uint64_t>> found;
  };

  Listed& list(std::uint32_t netns, const std::string& netns_file, std::uint8_t protocol);
  bool is_older(const Listed& listed, std::uint64_t age_ns) const;
  void look(Listed& listed, const std::string& netns_file, std::uint8_t protocol);

  Read read_;
  Now now_;
  std::map<std::pair<std::uint32_t, std::uint8_t>, Listed> listed_;  // by netns and protocol
};

}  // namespace tracepkt::kernel
