// Moments as users write them, for --since and --until.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "cli/options.h"

namespace tracepkt::cli {

// "2026-11-21 18:15:00.5", "2026-11-21T18:15:00+01:00", "...Z", "@1795284900": the wall clock, in
// local time where no zone is said. "18:15" and "18:15:00.5": on the day on which the capture
// begins. "+90s", "+5m", "+2h", "+1d": after the capture's beginning. "-5m": before now.
Result<Moment> parse_moment(std::string_view text);

// On the wall clock, ns, of a capture that begins at `begin_ns`.
std::int64_t resolve(const Moment& moment, std::int64_t begin_ns);

}  // namespace tracepkt::cli
