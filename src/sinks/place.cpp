#include "sinks/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

#include "base/text.h"

namespace tracepkt::sinks {

bool is_at_interface(const journey::Hop& hop) {
  static constexpr std::array<stage_id, 6> kStages = {STAGE_tx, STAGE_rx,    STAGE_xdp,
                                                      STAGE_tc, STAGE_qdisc, STAGE_driver};
  return hop.device.index != 0 && std::ranges::find(kStages, hop.stage) != kStages.end();
}

bool is_news(const journey::Hop& hop) {
  if (const auto* verdict = std::get_if<decode::ProgramVerdict>(&hop.note)) {
    return verdict->is_drop() || verdict->is_taken();
  }
  return (hop.stage != STAGE_out || hop.socket) && (!hop.chain || !hop.chain->base.is_accept());
}

std::string device_label(const journey::Hop& hop) {
  const decode::Device& device = hop.route ? hop.route->device : hop.device;
  if (device.index == 0) {
    return "";
  }
  return device.name.view().empty() ? fmt::format("ifindex {}", device.index)
                                    : printable(device.name.view());
}

}  // namespace tracepkt::sinks
