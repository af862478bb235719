// What a capture file says of a packet in words: the comment on its block. It has a grammar
// (docs/capture-format.md), by which wireshark/tracepkt.lua takes it apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "journey/journey.h"

namespace tracepkt::cli {

// "web eth0 drop: NO_SOCKET; udp 10.0.0.1:7 -> 10.0.0.2:53, 40 bytes"
std::string hop_comment(const journey::Hop& hop);

// Its beginning, which is the same for all that happens there: "web eth0 drop".
std::string comment_place(const journey::Netns& netns, const decode::Device& device,
                          stage_id stage);

// Adds the rest of it. `told`: what was decided there, in words; may be empty.
void add_to_comment(std::string& comment, std::string_view told,
                    const std::optional<decode::Packet>& packet);

}  // namespace tracepkt::cli
