#include "sinks/report_block.h"

#include <algorithm>

#include "base/json_writer.h"
#include "base/text.h"
#include "explain/words.h"
#include "sinks/json.h"
#include "sinks/json_parts.h"
#include "sinks/place.h"

namespace tracepkt::sinks {
namespace {

using journey::Hop;
using journey::Journey;

// Where it was, to choose it by.
std::string way_json(const Journey& journey) {
  std::vector<std::string> namespaces;
  std::vector<std::string> devices;
  const auto add = [](std::vector<std::string>& list, std::string&& name) {
    if (!name.empty() && std::ranges::find(list, name) == list.end()) {
      list.push_back(std::move(name));
    }
  };
  for (const Hop& hop : journey.hops) {
    add(namespaces, printable(hop.netns.label()));
    add(devices, device_label(hop));
  }
  JsonWriter json;
  const auto write = [&json](std::string_view key, const std::vector<std::string>& list) {
    json.key(key).begin_array();
    for (const std::string& name : list) {
      json.value(name);
    }
    json.end_array();
  };
  json.begin_object();
  write("namespaces", namespaces);
  write("devices", devices);
  return json.end_object().text();
}

// A hop but for when, and for the packet.
std::string hop_json(const Journey& journey, const Hop& hop, const Hop* before) {
  JsonWriter json;
  json.begin_object().field("ns", printable(hop.netns.label())).field("inode", hop.netns.inode);
  const std::string device = device_label(hop);
  json.key("dev");
  device.empty() ? json.null() : json.value(device);
  json.field("stage", decode::stage_name(hop.stage));
  json.field("at", is_at_interface(hop) ? "interface" : "inside");
  if (hop.inferred) {
    json.field("inferred", true);
  }
  // That it is still the packet of the title needs no words.
  const bool is_same = hop.stage == STAGE_in && !hop.duplicate && hop.packet &&
                       hop.packet->addresses_text() == journey.packet.addresses_text();
  const std::string words = is_same ? "" : explain::hop_words(hop, before);
  if (!words.empty()) {
    json.field("words", words);
  }
  write_decision(json, hop);
  return json.end_object().text();
}

std::string outcome_json(const Journey& journey) {
  JsonWriter json;
  json.begin_object();
  write_outcome_fields(json, journey);
  const std::string cause = explain::cause_words(journey);
  if (!cause.empty()) {
    json.field("cause", cause);
  }
  return json.end_object().text();
}

std::string packet_json(const decode::Packet& packet) {
  JsonWriter json;
  write_packet(json, packet);
  return json.text();
}

std::string end_words(const Journey& journey) {
  std::string words = explain::outcome_words(journey);
  if (journey.outcome.drop && !journey.outcome.drop->reason.empty()) {
    words += ": " + printable(journey.outcome.drop->reason);
  }
  return words;
}

}  // namespace

std::string embedded_json(std::string_view json) {
  std::string out;
  out.reserve(json.size() + json.size() / 64);
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string_view here = json.substr(i, 3);
    if (json[i] == '<') {
      out += "\\u003c";
    } else if (json[i] == '>') {
      out += "\\u003e";
    } else if (json[i] == '&') {
      out += "\\u0026";
    } else if (here == "\xe2\x80\xa8" || here == "\xe2\x80\xa9") {
      out += here == "\xe2\x80\xa8" ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += json[i];
    }
  }
  return out;
}

std::size_t ReportBlock::Shared::number(const std::string& json) {
  const auto [it, is_new] = numbers_.emplace(json, numbers_.size());
  if (is_new) {
    all_ += (all_.empty() ? "" : ",\n") + json;
  }
  return it->second;
}

std::size_t ReportBlock::bytes() const {
  return index_.size() + details_.size() + texts_.bytes() + ways_.bytes() + hops_.bytes() +
         packets_.bytes() + outcomes_.bytes();
}

void ReportBlock::add(const Journey& journey) {
  const std::size_t packet = packets_.number(packet_json(journey.packet));
  JsonWriter row;
  row.begin_array().value(journey.id).value(journey.exchange);
  row.value(journey::direction_name(journey.direction));
  row.value(static_cast<std::int64_t>(journey.begin_ns() - base_ns_)).value(journey.duration_ns());
  row.value(static_cast<unsigned>(journey.outcome.kind)).value(explain::is_fault(journey) ? 1 : 0);
  row.value(texts_.number(json_string(journey.packet.protocol_name())));
  row.value(explain::packet_words(journey.packet));
  row.value(texts_.number(json_string(end_words(journey))));
  row.value(ways_.number(way_json(journey))).end_array();
  index_ += (count_ == 0 ? "" : ",\n") + row.text();

  JsonWriter rest;
  rest.begin_array().value(packet).value(outcomes_.number(outcome_json(journey)));
  rest.value(journey.more_hops).begin_array();
  const Hop* before = nullptr;
  std::size_t told = 0;
  for_each_hop(journey, [&](const Hop& hop) {
    rest.value(hops_.number(hop_json(journey, hop, before)));
    if (hop.packet) {
      rest.value(packets_.number(packet_json(*hop.packet)));
    } else {
      rest.value(-1);
    }
    rest.value(hop.time_ns - journey.begin_ns());
    // A function's hop does not last.
    before = hop.stage == STAGE_function ? before : &journey.hops[told++];
  });
  details_ += (count_ == 0 ? "" : ",\n") + rest.end_array().end_array().text();
  ++count_;
}

std::string ReportBlock::index() const {
  return "{\"texts\":" + texts_.array() + ",\"ways\":" + ways_.array() + ",\"journeys\":[" +
         index_ + "]}";
}

std::string ReportBlock::details() const {
  return "{\"hops\":" + hops_.array() + ",\"packets\":" + packets_.array() +
         ",\"outcomes\":" + outcomes_.array() + ",\"journeys\":[" + details_ + "]}";
}

}  // namespace tracepkt::sinks
