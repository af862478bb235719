#include "kernel/bound_sockets.h"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "base/lines.h"
#include "kernel/netns_open.h"

namespace tracepkt::kernel {

bool is_v4(const SocketEnd& end) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kMapped.begin(), kMapped.end(), end.address.begin());
}

namespace {

constexpr std::uint64_t kUsedForNs = 1'000'000'000;
constexpr std::uint64_t kMissedForNs = 200'000'000;
// Of all time, reading may take a twentieth.
constexpr std::uint64_t kRestPerRead = 20;
// Some seven thousand sockets: who is behind them is not known.
constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kMostFound = 1 << 14;
constexpr std::size_t kMostNamespaces = 256;
constexpr std::string_view kListening = "0A";

std::string read_here(const char* name) {
  std::ifstream file(std::string("/proc/thread-self/net/") + name);
  std::string text(kMostBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::string read_in(const std::string& netns_file, const char* name) {
  std::string text;
  (void)run_in_netns_file(netns_file, [&] {
    text = read_here(name);
    return Status();
  });
  return text;
}

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

template <typename T>
bool parse(std::string_view text, int base, T& value) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, value, base);
  return error == std::errc() && rest == end;
}

// "0100007F:0035", or four such words: each as the machine reads the address's bytes.
std::optional<SocketEnd> parse_end(std::string_view text) {
  constexpr std::size_t kWord = 8;
  const std::string_view words = text.substr(0, text.find(':'));
  SocketEnd end;
  if (words.size() == text.size() || (words.size() != kWord && words.size() != 4 * kWord) ||
      !parse(text.substr(words.size() + 1), 16, end.port)) {
    return std::nullopt;
  }
  std::size_t at = 0;
  if (words.size() == kWord) {
    end.address[10] = end.address[11] = 0xff;
    at = 12;
  }
  for (std::size_t i = 0; i < words.size(); i += kWord, at += 4) {
    std::uint32_t word = 0;
    if (!parse(words.substr(i, kWord), 16, word)) {
      return std::nullopt;
    }
    std::memcpy(&end.address[at], &word, sizeof(word));
  }
  return end;
}

bool is_multicast(const SocketEnd& end) {
  return is_v4(end) ? end.address[12] >> 4 == 0xe : end.address[0] == 0xff;
}

enum class Fit : std::uint8_t { kNone, kAnyOfSix, kAny, kAddress, kConnected };

Fit fit(const ListedSocket& socket, const SocketEnd& local, const SocketEnd& remote) {
  if (socket.local.port != local.port) {
    return Fit::kNone;
  }
  if (socket.remote.port != 0) {
    return socket.local == local && socket.remote == remote ? Fit::kConnected : Fit::kNone;
  }
  if (socket.local == local) {
    return Fit::kAddress;
  }
  SocketEnd any{.address = {}, .port = local.port};
  if (!is_v4(local)) {
    return socket.local == any ? Fit::kAny : Fit::kNone;
  }
  // What is bound to [::] takes IPv4, too, unless it said that it does not: that is not listed.
  if (socket.local == any) {
    return Fit::kAnyOfSix;
  }
  any.address[10] = any.address[11] = 0xff;
  return socket.local == any ? Fit::kAny : Fit::kNone;
}

}  // namespace

std::vector<ListedSocket> parse_sockets(std::string_view text, bool listening) {
  std::vector<ListedSocket> sockets;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    next_word(line);  // its number; of the heading, "sl"
    const auto local = parse_end(next_word(line));
    const auto remote = parse_end(next_word(line));
    if (!local || !remote) {
      continue;
    }
    if (listening && next_word(line) != kListening) {
      break;
    }
    if (!listening) {
      next_word(line);  // state
    }
    ListedSocket socket{.local = *local, .remote = *remote};
    const std::string_view queues = next_word(line);  // what is to be sent: what is to be read
    if (std::uint64_t unread = 0; parse(queues.substr(queues.find(':') + 1), 16, unread)) {
      socket.unread = unread;
    }
    // timer, retransmissions, uid, timeout
    for (int skipped = 0; skipped < 4; ++skipped) {
      next_word(line);
    }
    if (parse(next_word(line), 10, socket.inode) && socket.inode != 0) {
      sockets.push_back(socket);
    }
  }
  return sockets;
}

std::vector<std::uint64_t> find_takers(const std::vector<ListedSocket>& sockets,
                                       const SocketEnd& local, const SocketEnd& remote) {
  std::vector<std::uint64_t> best;
  Fit best_fit = Fit::kNone;
  for (const ListedSocket& socket : sockets) {
    const Fit this_fit = fit(socket, local, remote);
    if (this_fit > best_fit) {
      if (!is_multicast(local)) {
        best.clear();
      }
      best_fit = this_fit;
    }
    if (this_fit != Fit::kNone && (this_fit == best_fit || is_multicast(local))) {
      best.push_back(socket.inode);
    }
  }
  return best;
}

BoundSockets::BoundSockets()
    : BoundSockets(read_in, [] {
        return static_cast<std::uint64_t>(
            std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
      }) {}

void BoundSockets::look(Listed& listed, const std::string& netns_file, std::uint8_t protocol) {
  const bool tcp = protocol == IPPROTO_TCP;
  const std::string name = tcp ? "tcp" : protocol == IPPROTO_UDPLITE ? "udplite" : "udp";
  const std::uint64_t began_ns = now_();
  listed.sockets.clear();
  listed.found.clear();
  for (const std::string& file : {name, name + '6'}) {
    std::ranges::move(parse_sockets(read_(netns_file, file.c_str()), tcp),
                      std::back_inserter(listed.sockets));
  }
  listed.read_ns = now_();
  listed.took_ns = listed.read_ns - began_ns;
}

bool BoundSockets::is_older(const Listed& listed, std::uint64_t age_ns) const {
  return now_() > listed.read_ns + std::max(age_ns, kRestPerRead * listed.took_ns);
}

BoundSockets::Listed& BoundSockets::list(std::uint32_t netns, const std::string& netns_file,
                                         std::uint8_t protocol) {
  if (listed_.size() >= kMostNamespaces && !listed_.contains({netns, protocol})) {
    listed_.clear();
  }
  const auto [it, is_new] = listed_.try_emplace({netns, protocol});
  Listed& listed = it->second;
  if (is_new || is_older(listed, kUsedForNs)) {
    look(listed, netns_file, protocol);
  }
  return listed;
}

std::vector<std::uint64_t> BoundSockets::find(std::uint32_t netns, const std::string& netns_file,
                                              std::uint8_t protocol, const SocketEnd& local,
                                              const SocketEnd& remote) {
  Listed& listed = list(netns, netns_file, protocol);
  const std::pair key(local, remote);
  if (const auto known = listed.found.find(key); known != listed.found.end()) {
    return known->second;
  }
  std::vector<std::uint64_t> takers = find_takers(listed.sockets, local, remote);
  if (takers.empty() && is_older(listed, kMissedForNs)) {
    look(listed, netns_file, protocol);
    takers = find_takers(listed.sockets, local, remote);
  }
  // Of nobody nothing is kept: somebody may come.
  if (!takers.empty()) {
    if (listed.found.size() >= kMostFound) {
      listed.found.clear();
    }
    listed.found.emplace(key, takers);
  }
  return takers;
}

std::optional<std::uint64_t> BoundSockets::unread(std::uint32_t netns,
                                                  const std::string& netns_file,
                                                  std::uint64_t inode, std::uint64_t since_ns) {
  Listed& listed = list(netns, netns_file, IPPROTO_UDP);
  // What is being read meanwhile may have been listed before.
  const auto began_ns = [&] { return listed.read_ns - listed.took_ns; };
  if (began_ns() <= since_ns && is_older(listed, 0)) {
    look(listed, netns_file, IPPROTO_UDP);
  }
  const auto it = std::ranges::find(listed.sockets, inode, &ListedSocket::inode);
  return began_ns() > since_ns && it != listed.sockets.end() ? it->unread : std::nullopt;
}

}  // namespace tracepkt::kernel
