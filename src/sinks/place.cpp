#include "sinks/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace tracepkt::sinks {

bool is_at_interface(const journey::Hop& hop) {
  static constexpr std::array<std::string_view, 6> kStages = {"tx", "rx",    "xdp",
                                                              "tc", "qdisc", "driver"};
  return hop.device.index != 0 &&
         std::ranges::find(kStages, decode::stage_name(hop.stage)) != kStages.end();
}

bool is_news(const journey::Hop& hop) {
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
