#include "filter/filter.h"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <expected>
#include <memory>

#include "base/text.h"
#include "filter/locate.h"
#include "filter/translate.h"

namespace tracepkt::filter {
namespace {

constexpr int kSnapLength = 262144;

// libpcap's optimiser takes time that grows with the cube of a filter's length: 4 s for 12000
// instructions, minutes for twice as many. What is longer before it would not fit after it.
constexpr std::size_t kMaxUnoptimised = 12000;
constexpr std::size_t kMaxText = 16384;  // even without it, the time grows with the square

struct PcapClose {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};

// The error is libpcap's message.
std::expected<ClassicProgram, std::string> compile_for(int link_type, const std::string& text,
                                                       bool optimise) {
  const std::unique_ptr<pcap_t, PcapClose> pcap(pcap_open_dead(link_type, kSnapLength));
  if (!pcap) {
    return std::unexpected("libpcap gave up: no memory");
  }
  bpf_program program{};
  if (pcap_compile(pcap.get(), &program, text.c_str(), optimise ? 1 : 0, PCAP_NETMASK_UNKNOWN) !=
      0) {
    return std::unexpected(std::string(pcap_geterr(pcap.get())));
  }
  ClassicProgram result;
  result.reserve(program.bf_len);
  for (u_int i = 0; i < program.bf_len; ++i) {
    const bpf_insn& insn = program.bf_insns[i];
    result.push_back({insn.code, insn.jt, insn.jf, insn.k});
  }
  pcap_freecode(&program);
  return result;
}

std::unexpected<Error> compile_failure(const std::string& expression, const std::string& message) {
  const auto place = locate_error(expression, message, [](const std::string& text) {
    const auto attempt = compile_for(DLT_EN10MB, text, false);
    return attempt ? std::string() : attempt.error();
  });
  std::string what = fmt::format("the packet filter is wrong: {}", printable(message));
  if (place) {
    const std::string before = printable(std::string_view(expression).substr(0, *place));
    what += fmt::format("\n  {}\n  {:{}}^", printable(expression), "", display_width(before));
  }
  return failure(std::move(what), "the language is described in pcap-filter(7)");
}

// What the kernel keeps beside a packet (direction, ifindex, ...) libpcap asks for by loads from
// behind the end of all packets.
bool asks_beside_packet(const ClassicProgram& program) {
  constexpr auto kFirst = static_cast<std::uint32_t>(SKF_AD_OFF);
  return std::ranges::any_of(program, [](const sock_filter& insn) {
    return BPF_CLASS(insn.code) == BPF_LD && BPF_MODE(insn.code) == BPF_ABS && insn.k >= kFirst &&
           insn.k < kFirst + SKF_AD_MAX;
  });
}

std::unexpected<Error> too_long(std::size_t size, std::string_view of_what, std::size_t most) {
  return failure(
      fmt::format("the filter is too long: {} {}, and at most {} are allowed", size, of_what, most),
      "name networks or ranges of ports in place of many single ones");
}

bool run(const ClassicProgram& program, std::uint32_t len, std::span<const std::byte> bytes) {
  // The same struct under two names.
  static_assert(sizeof(bpf_insn) == sizeof(sock_filter));
  return bpf_filter(reinterpret_cast<const bpf_insn*>(program.data()),
                    reinterpret_cast<const u_char*>(bytes.data()), len,
                    static_cast<u_int>(bytes.size())) != 0;
}

}  // namespace

bool matches(const Filter& filter, std::uint16_t ethertype, std::uint32_t len,
             std::span<const std::byte> bytes) {
  const bool is_ip = ethertype == ETH_P_IP || ethertype == ETH_P_IPV6;
  if (filter.l3 && is_ip) {
    return run(*filter.l3, len, bytes);
  }
  if (!filter.l2) {
    return false;
  }
  std::vector<std::byte> frame(ETH_HLEN);  // from nobody to nobody
  frame[12] = static_cast<std::byte>(ethertype >> 8);
  frame[13] = static_cast<std::byte>(ethertype);
  frame.insert(frame.end(), bytes.begin(), bytes.end());
  return run(*filter.l2, len + ETH_HLEN, frame);
}

Result<Filter> compile(std::string_view expression) {
  Filter filter{.expression = std::string(expression), .l2 = {}, .l3 = {}};
  if (expression.contains('\0')) {
    return failure("the packet filter has a zero byte in it");
  }
  if (expression.size() > kMaxText) {
    return too_long(expression.size(), "characters", kMaxText);
  }
  if (const auto raw = compile_for(DLT_EN10MB, filter.expression, false);
      raw && raw->size() > kMaxUnoptimised) {
    return too_long(raw->size(), "instructions before it is optimised", kMaxUnoptimised);
  }
  auto l2 = compile_for(DLT_EN10MB, filter.expression, true);
  auto l3 = compile_for(DLT_RAW, filter.expression, true);
  if (!l2 && !l3) {
    return compile_failure(filter.expression, l2.error());
  }
  if (l2) {
    filter.l2 = std::move(*l2);
  }
  if (l3) {
    filter.l3 = std::move(*l3);
  }
  // Whether it can run is to be known now, not when it is written into an object.
  for (const auto* program : {&filter.l2, &filter.l3}) {
    if (*program) {
      if (asks_beside_packet(**program)) {
        return failure(
            "the packet filter asks for what is not in the packet's bytes: inbound and outbound "
            "cannot be told by them",
            "leave that out: the journey shows where a packet comes in and goes out");
      }
      if (const auto code = translate(**program); !code) {
        return std::unexpected(code.error());
      }
    }
  }
  return filter;
}

}  // namespace tracepkt::filter
