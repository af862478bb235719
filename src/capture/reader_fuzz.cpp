// Capture files: any bytes, behind a beginning that is accepted.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "capture/fields.h"
#include "capture/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::byte> rest = std::as_bytes(std::span(data, size));
  auto reader = tracepkt::capture::Reader::open("it", [&](std::span<std::byte> room) {
    const std::size_t taken = std::min(room.size(), rest.size());
    std::ranges::copy(rest.first(taken), room.begin());
    rest = rest.subspan(taken);
    return static_cast<std::int64_t>(taken);
  });
  if (!reader) {
    return 0;
  }
  std::size_t bytes = 0;
  for (bool is_quick = (size & 1) != 0;;) {
    if (const auto record = is_quick ? reader->next_record() : std::nullopt) {
      bytes += record->size();
      continue;
    }
    const auto item = reader->next();
    if (!item) {
      break;
    }
    // What was read can be written again.
    bytes += tracepkt::capture::encode(*item).size();
  }
  // No option makes more of itself than it is; what is made up where the beginning is lost is
  // short.
  if (bytes > 2 * size + 1024) {
    std::abort();
  }
  // Nothing is counted twice.
  if (reader->damage().bytes > size || reader->damage().places > reader->damage().bytes) {
    std::abort();
  }
  return 0;
}
