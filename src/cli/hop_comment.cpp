#include "cli/hop_comment.h"

#include <string_view>

#include "base/text.h"
#include "explain/words.h"

namespace tracepkt::cli {
namespace {

// One word, or in quotes: who makes a namespace may give it any name, also one that looks like the
// rest of a comment.
std::string name_of(std::string_view raw) {
  const std::string name = printable(raw);
  const bool is_word = !name.empty() && name != "-" && name.front() != '#' &&
                       name.find_first_of(" \"") == std::string::npos;
  if (is_word) {
    return name;
  }
  std::string quoted = "\"";
  for (const char one : name) {
    quoted += one == '"' ? std::string("\\x22") : std::string(1, one);
  }
  return quoted + '"';
}

std::string netns_of(const journey::Netns& netns) {
  return netns.name.empty() && netns.inode != 0 ? std::to_string(netns.inode)
                                                : name_of(netns.label());
}

}  // namespace

std::string hop_comment(const journey::Hop& hop) {
  std::string comment = comment_place(hop.netns, hop.device, hop.stage);
  // What goes in is said anyway, and what the kernel did with what it took is not known yet.
  const bool is_silent = hop.stage == STAGE_in || (hop.stage == STAGE_deliver && !hop.socket);
  add_to_comment(comment, is_silent ? "" : explain::hop_words(hop, nullptr), hop.packet);
  return comment;
}

std::string comment_place(const journey::Netns& netns, const decode::Device& device,
                          stage_id stage) {
  std::string place = netns_of(netns) + ' ';
  place += device.index == 0 ? "-" : name_of(device.name.view());
  place += ' ';
  place += decode::stage_name(stage);
  return place;
}

void add_to_comment(std::string& comment, std::string_view told,
                    const std::optional<decode::Packet>& packet) {
  if (!told.empty() || packet) {
    comment += ':';
  }
  if (!told.empty()) {
    comment += ' ';
    comment += told;
    comment += ';';
  }
  if (packet) {
    comment += ' ';
    explain::append_packet_words(comment, *packet);
  }
}

}  // namespace tracepkt::cli
