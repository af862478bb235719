#include "sinks/perfetto.h"

#include <fmt/format.h>

#include <algorithm>

#include "explain/words.h"
#include "sinks/summary_words.h"

namespace tracepkt::sinks {
namespace {

// Containers come and go: with so many interfaces, numbers are given out anew.
constexpr std::size_t kMaxTracks = 16384;
// More packets than this at the same time on one interface are shown as moments.
constexpr std::size_t kMaxLanes = 64;

std::string slice_name(const journey::Hop& hop) {
  std::string name(decode::stage_name(hop.stage));
  if (hop.drop && !hop.drop->reason.empty()) {
    name += ": " + hop.drop->reason;
  }
  return name;
}

void write_outcome(JsonWriter& json, const journey::Journey& journey) {
  json.field("outcome", explain::outcome_words(journey));
  if (const auto advice = explain::advice_words(journey)) {
    json.field("cause", advice->cause).field("check", advice->check).field("mend", advice->mend);
  }
}

}  // namespace

void PerfettoSink::begin() {
  if (!has_begun_) {
    out_.write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
    has_begun_ = true;
  }
}

void PerfettoSink::write(const JsonWriter& event) {
  begin();
  out_.write(has_events_ ? ",\n" : "\n");
  out_.write(event.text());
  has_events_ = true;
}

void PerfettoSink::announce(const char* what, std::uint64_t process, std::uint64_t thread,
                            const std::string& name) {
  JsonWriter json;
  json.begin_object().field("name", what).field("ph", "M").field("pid", process);
  json.field("tid", thread).key("args").begin_object().field("name", name).end_object();
  json.end_object();
  write(json);
}

PerfettoSink::Track& PerfettoSink::track_of(const journey::Hop& hop) {
  const NetnsKey netns{hop.netns.inode, hop.netns.label()};
  const TrackKey key{netns, hop.device.index, std::string(hop.device.name.view())};
  if (const auto it = tracks_.find(key); it != tracks_.end()) {
    return it->second;
  }
  if (tracks_.size() == kMaxTracks) {
    tracks_.clear();
    processes_.clear();
  }
  const auto [process, is_new] = processes_.try_emplace(netns, next_id_);
  if (is_new) {
    announce("process_name", process->second, next_id_, "namespace " + netns.second);
    ++next_id_;
  }
  Track& track = tracks_[key];
  track.process = process->second;
  return track;
}

PerfettoSink::Place PerfettoSink::place_for(const journey::Hop& hop, std::uint64_t end_ns) {
  Track& track = track_of(hop);
  const auto free = std::ranges::find_if(
      track.lanes, [&](const Lane& lane) { return lane.end_ns <= hop.time_ns; });
  if (free != track.lanes.end()) {
    free->end_ns = end_ns;
    return {.process = track.process, .thread = free->thread};
  }
  if (track.lanes.size() == kMaxLanes) {
    return {.process = track.process, .thread = track.lanes.front().thread, .is_free = false};
  }
  std::string name(hop.device.index == 0 ? "-" : hop.device.name.view());
  if (!track.lanes.empty()) {
    name += fmt::format(" ({})", track.lanes.size() + 1);
  }
  const std::uint64_t thread = next_id_++;
  track.lanes.push_back({.thread = thread, .end_ns = end_ns});
  announce("thread_name", track.process, thread, name);
  return {.process = track.process, .thread = thread};
}

// From the hop to the one after it; an arrow from slice to slice.
void PerfettoSink::slice(const journey::Journey& journey, std::size_t index) {
  const journey::Hop& hop = journey.hops[index];
  const bool is_first = index == 0;
  const bool is_last = index + 1 == journey.hops.size();
  const std::uint64_t end_ns =
      is_last ? hop.time_ns : std::max(hop.time_ns, journey.hops[index + 1].time_ns);
  const Place place = place_for(hop, end_ns);
  JsonWriter json;
  json.begin_object().field("name", slice_name(hop)).field("cat", "hop").field("ph", "X");
  json.key("ts").thousandths(hop.time_ns);
  json.key("dur").thousandths(place.is_free ? end_ns - hop.time_ns : 0);
  json.field("pid", place.process).field("tid", place.thread);
  json.key("args").begin_object().field("journey", journey.id);
  if (journey.exchange != 0) {
    json.field("exchange", journey.exchange);
  }
  json.field("packet", explain::packet_words(hop.packet ? *hop.packet : journey.packet));
  const journey::Hop* const before = is_first ? nullptr : &journey.hops[index - 1];
  if (const std::string words = explain::hop_words(hop, before); !words.empty()) {
    json.field("told", words);
  }
  if (is_last) {
    write_outcome(json, journey);
  }
  json.end_object().end_object();
  write(json);
  if (is_first && is_last) {
    return;
  }
  JsonWriter arrow;
  arrow.begin_object().field("name", "journey").field("cat", "journey");
  arrow.field("ph", is_first ? "s" : is_last ? "f" : "t");
  if (is_last) {
    arrow.field("bp", "e");  // it ends in the slice that is there, not in the next one
  }
  arrow.field("id", journey.id).key("ts").thousandths(hop.time_ns);
  arrow.field("pid", place.process).field("tid", place.thread).end_object();
  write(arrow);
}

void PerfettoSink::journey(const journey::Journey& journey) {
  for (std::size_t index = 0; index < journey.hops.size(); ++index) {
    slice(journey, index);
  }
}

void PerfettoSink::exchange(const PingExchange& exchange) {
  for (const journey::Journey& one : exchange.journeys) {
    journey(one);
  }
  if (!exchange.trouble.empty()) {
    err_.write(fmt::format("tracepkt: {}\n", exchange.trouble));
    err_.flush();
  }
}

void PerfettoSink::summary(const Summary& summary) {
  begin();
  JsonWriter json;
  json.begin_object().field("version", "tracepkt " TRACEPKT_VERSION);
  json.field("kernel", summary.kernel).field("clock", "CLOCK_MONOTONIC");
  // As text: more digits than a reader in JavaScript keeps of a number.
  json.field("wall_minus_monotonic_ns", std::to_string(clock_.wall_minus_monotonic_ns));
  json.field("journeys", summary.journeys).field("events", summary.events);
  json.field("lost", summary.lost_events()).field("not_shown", summary.not_shown).end_object();
  out_.write("\n],\"otherData\":" + json.text() + "}\n");
  out_.offer();
  err_.write(summary_words(summary));
  err_.flush();
}

}  // namespace tracepkt::sinks
