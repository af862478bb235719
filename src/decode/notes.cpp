#include "decode/notes.h"

#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <cstddef>

#include "wire/function.h"

namespace tracepkt::decode {

std::string_view ShortName::view() const {
  return {bytes.data(), static_cast<std::size_t>(std::ranges::find(bytes, '\0') - bytes.begin())};
}

std::string link_address_text(const std::uint8_t* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += fmt::format("{}{:02x}", i == 0 ? "" : ":", bytes[i]);
  }
  return text;
}

std::string Neighbour::lladdr_text() const { return link_address_text(lladdr.data(), lladdr_len); }

// What is no verdict of XDP's counts as XDP_ABORTED.
bool ProgramVerdict::is_drop() const {
  return is_xdp() ? verdict < XDP_PASS || verdict > XDP_REDIRECT : verdict == TC_ACT_SHOT;
}

bool ProgramVerdict::is_taken() const {
  if (is_xdp()) {
    return verdict == XDP_TX || verdict == XDP_REDIRECT;
  }
  return verdict == TC_ACT_REDIRECT || verdict == TC_ACT_STOLEN || verdict == TC_ACT_QUEUED ||
         verdict == TC_ACT_TRAP;
}

bool FunctionCall::has_return() const { return returns != RETURNS_NOTHING; }

}  // namespace tracepkt::decode
