// Values that more than one kind of JSON line holds; docs/json.md describes them.
#pragma once

#include "base/json_writer.h"
#include "explain/advice_words.h"
#include "journey/journey.h"
#include "sinks/sink.h"

namespace tracepkt::sinks {

void write_netns(JsonWriter& json, const journey::Netns& netns);
// null where there is none
void write_device(JsonWriter& json, const decode::Device& device);
void write_packet(JsonWriter& json, const decode::Packet& packet);
void write_advice(JsonWriter& json, const explain::AdviceWords& advice);

// Fields of the object that is open: `reason` and `function`; `lost`; `probes`; `read_to_end`.
void write_drop(JsonWriter& json, const journey::DropInfo& drop);
void write_losses(JsonWriter& json, const Summary& summary);
void write_probes(JsonWriter& json, const ProbeCount& probes);
void write_reading(JsonWriter& json, const FileDamage& damage);

}  // namespace tracepkt::sinks
