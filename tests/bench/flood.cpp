// A bounded UDP flood, the yardstick of tools/bench: one thread sends 64-byte datagrams by plain
// sendto() as fast as it can, one receives and counts, each on a CPU of its own and in a network
// namespace of its own. Prints one JSON object.
//
// The receiver takes a nap when its queue is empty, and the queue is long: otherwise waking it
// (half of the sender's time on a virtual machine) and the luck of its queue would be what is
// measured.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <latch>
#include <string>
#include <string_view>
#include <thread>

namespace {

constexpr useconds_t kNapUs = 500;
constexpr int kQueueBytes = 4 << 20;

constexpr std::string_view kUsage = R"(Usage: flood [OPTIONS] ADDRESS PORT
Floods ADDRESS (IPv4) with UDP datagrams and counts what arrives.
  --from NETNS          send from this namespace of `ip netns` (default: this one)
  --to NETNS            receive in this one, where ADDRESS is (default: this one)
  --seconds S           end after this many (default 2)
  --count N             end after this many datagrams (default: no such limit)
  --bytes N             bytes of payload (default 64)
  --cpus SENDER,RECEIVER  (default 0,1)
Prints {"seconds", "sent", "received", "sent_per_s", "received_per_s", "sender_cpu_ns", "receiver_cpu_ns",
"send_errors"}; the CPU times are per datagram, of the thread, and include what interrupts did in its name.
)";

struct Options {
  std::string from;
  std::string to;
  sockaddr_in target = {};
  double seconds = 2;
  std::uint64_t count = UINT64_MAX;
  std::size_t bytes = 64;
  int sender_cpu = 0;
  int receiver_cpu = 1;
};

[[noreturn]] void die(std::string_view what) {
  fmt::print(stderr, "flood: {}: {}\n", what, std::strerror(errno));
  std::exit(2);
}

[[noreturn]] void usage_error(std::string_view what) {
  fmt::print(stderr, "flood: {}\n{}", what, kUsage);
  std::exit(2);
}

template <typename T>
T number(std::string_view text) {
  T value = {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    usage_error(fmt::format("'{}' is not a number", text));
  }
  return value;
}

Options parse(int argc, char** argv) {
  Options options;
  options.target.sin_family = AF_INET;
  int place = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      fmt::print("{}", kUsage);
      std::exit(0);
    }
    if (!word.starts_with("--")) {
      if (place == 0 && inet_pton(AF_INET, argv[i], &options.target.sin_addr) != 1) {
        usage_error(fmt::format("'{}' is no IPv4 address", word));
      } else if (place == 1) {
        options.target.sin_port = htons(number<std::uint16_t>(word));
      }
      ++place;
      continue;
    }
    if (++i == argc) {
      usage_error(fmt::format("{} needs a value", word));
    }
    const std::string_view value = argv[i];
    if (word == "--from") {
      options.from = value;
    } else if (word == "--to") {
      options.to = value;
    } else if (word == "--seconds") {
      options.seconds = number<double>(value);
    } else if (word == "--count") {
      options.count = number<std::uint64_t>(value);
    } else if (word == "--bytes") {
      options.bytes = number<std::size_t>(value);
    } else if (word == "--cpus") {
      const std::size_t comma = value.find(',');
      options.sender_cpu = number<int>(value.substr(0, comma));
      options.receiver_cpu =
          comma == value.npos ? options.sender_cpu : number<int>(value.substr(comma + 1));
    } else {
      usage_error(fmt::format("unknown option {}", word));
    }
  }
  if (place != 2 || options.bytes == 0 || options.bytes > 65507) {
    usage_error("an address and a port, please, and 1 to 65507 bytes");
  }
  return options;
}

void enter(const std::string& netns, int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (const int error = pthread_setaffinity_np(pthread_self(), sizeof(set), &set); error != 0) {
    errno = error;
    die(fmt::format("cannot run on CPU {}", cpu));
  }
  if (netns.empty()) {
    return;
  }
  const int fd = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) {
    die(fmt::format("cannot enter the namespace {}", netns));
  }
  close(fd);
}

int udp_socket() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    die("socket");
  }
  return fd;
}

std::uint64_t now_ns(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

struct Side {
  std::uint64_t packets = 0;
  std::uint64_t errors = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t wall_ns = 0;
};

void receive(const Options& options, std::latch& ready, const std::atomic<bool>& over, Side& side) {
  enter(options.to, options.receiver_cpu);
  const int fd = udp_socket();
  if (bind(fd, reinterpret_cast<const sockaddr*>(&options.target), sizeof(options.target)) != 0) {
    die("cannot bind the receiver");
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kQueueBytes, sizeof(kQueueBytes));
  std::array<char, 65536> buffer;
  ready.arrive_and_wait();
  const std::uint64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
  bool last_look = false;
  while (true) {
    if (recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0) {
      ++side.packets;
    } else if (last_look) {
      break;
    } else {
      // What the sender's last packets still wait for on its CPU has arrived after a nap.
      last_look = over;
      usleep(last_look ? 20'000 : kNapUs);
    }
  }
  side.cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
  close(fd);
}

void send(const Options& options, std::latch& ready, Side& side) {
  enter(options.from, options.sender_cpu);
  const int fd = udp_socket();
  const std::string payload(options.bytes, 'x');
  ready.arrive_and_wait();
  const std::uint64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
  const std::uint64_t begin_ns = now_ns(CLOCK_MONOTONIC);
  const std::uint64_t end_ns = begin_ns + static_cast<std::uint64_t>(options.seconds * 1e9);
  while (side.packets < options.count) {
    if (side.packets % 64 == 0 && now_ns(CLOCK_MONOTONIC) >= end_ns) {
      break;
    }
    if (sendto(fd, payload.data(), payload.size(), 0,
               reinterpret_cast<const sockaddr*>(&options.target), sizeof(options.target)) >= 0) {
      ++side.packets;
    } else if (++side.errors > 1000 && side.packets == 0) {
      die("cannot send");
    } else if (now_ns(CLOCK_MONOTONIC) >= end_ns) {
      break;
    }
  }
  side.wall_ns = now_ns(CLOCK_MONOTONIC) - begin_ns;
  side.cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::latch ready(2);
  std::atomic<bool> over = false;
  Side sent;
  Side received;
  std::thread receiver([&] { receive(options, ready, over, received); });
  std::thread sender([&] { send(options, ready, sent); });
  sender.join();
  over = true;
  receiver.join();
  const double seconds = static_cast<double>(sent.wall_ns) / 1e9;
  const auto per_second = [&](const Side& side) {
    return static_cast<double>(side.packets) / seconds;
  };
  const auto cpu_each = [](const Side& side) {
    return side.packets == 0 ? 0 : side.cpu_ns / side.packets;
  };
  fmt::print(
      R"({{"seconds":{:.3f},"sent":{},"received":{},"sent_per_s":{:.0f},"received_per_s":{:.0f},"sender_cpu_ns":{},"receiver_cpu_ns":{},"send_errors":{}}})"
      "\n",
      seconds, sent.packets, received.packets, per_second(sent), per_second(received),
      cpu_each(sent), cpu_each(received), sent.errors);
  return 0;
}
