// Records as they are in the ring, made records as they are everywhere else.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace tracepkt::decode {

using TakeRecord = std::function<void(std::span<const std::byte>)>;

// The ring has in one record what files have in two, because each costs the kernel side its time: a
// packet that was received and then taken in (SECTION_before), or that was sent, and whose it is
// (a socket, and then the packet). Hands `take` first the one and then the other; what is one
// record, or none that makes sense, as it is. What is handed over lasts as long as the call.
void split_record(std::span<const std::byte> record, const TakeRecord& take);

}  // namespace tracepkt::decode
