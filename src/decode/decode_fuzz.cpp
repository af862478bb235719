// Records as they come from the ring or, one day, from somebody else's file: any bytes.
#include <cstddef>
#include <cstdint>
#include <span>

#include "decode/event.h"
#include "decode/split.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tracepkt::decode::split_record(std::as_bytes(std::span(data, size)),
                                 [](std::span<const std::byte> record) {
                                   const auto event = tracepkt::decode::decode_record(record);
                                   if (event && event->packet) {
                                     event->packet->addresses_text();
                                     event->packet->protocol_name();
                                   }
                                 });
  const std::uint16_t ethertype = size % 2 == 0 ? 0x0800 : 0x86dd;
  tracepkt::decode::parse_packet(ethertype, static_cast<std::uint32_t>(size), {data, size});
  return 0;
}
