#include "sinks/json.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/json_writer.h"
#include "explain/advice.h"
#include "explain/route.h"

namespace tracepkt::sinks {
namespace {

void write_netns(JsonWriter& json, const journey::Netns& netns) {
  json.begin_object().field("inode", netns.inode).key("name");
  netns.name.empty() ? json.null() : json.value(netns.name);
  json.end_object();
}

void write_device(JsonWriter& json, const decode::Device& device) {
  if (device.index == 0) {
    json.null();
  } else {
    json.begin_object().field("index", device.index).field("name", device.name.view()).end_object();
  }
}

// Only an echo message has an id and a sequence number.
void write_icmp(JsonWriter& json, const decode::Icmp& icmp, bool echo) {
  json.begin_object().field("type", icmp.type).field("code", icmp.code);
  if (echo) {
    json.field("id", icmp.id).field("seq", icmp.seq);
  }
  json.end_object();
}

void write_packet(JsonWriter& json, const decode::Packet& packet) {
  json.begin_object().field("proto", packet.protocol_name());
  if (packet.is_ip()) {
    json.field("src", packet.src.text()).field("dst", packet.dst.text());
  }
  if (packet.has_ports) {
    json.field("sport", packet.sport).field("dport", packet.dport);
  }
  if (packet.icmp) {
    const decode::EchoKind kind = packet.echo_kind();
    write_icmp(json.key("icmp"), *packet.icmp,
               kind == decode::EchoKind::kRequest || kind == decode::EchoKind::kReply);
  }
  if (packet.quoted_echo) {
    json.key("about")
        .begin_object()
        .field("src", packet.quoted_src.text())
        .field("dst", packet.quoted_dst.text());
    write_icmp(json.key("icmp"), *packet.quoted_echo, true);
    json.end_object();
  }
  json.field("len", packet.len);
  if (packet.is_ip()) {
    json.field("ttl", packet.ttl);
  }
  if (packet.first_fragment || packet.later_fragment) {
    json.field("fragment", packet.first_fragment ? "first" : "later");
  }
  if (packet.mark != 0) {
    json.field("mark", packet.mark);
  }
  json.end_object();
}

void write_socket(JsonWriter& json, const decode::Socket& socket) {
  json.begin_object().field("pid", socket.pid).field("process", socket.comm.view());
  if (socket.family != AF_UNSPEC) {
    json.field("family", socket.family)
        .field("type", socket.type)
        .field("protocol", socket.protocol);
  }
  json.end_object();
}

void write_drop(JsonWriter& json, const journey::DropInfo& drop) {
  if (!drop.reason.empty()) {
    json.field("reason", drop.reason);
  }
  if (!drop.function.empty()) {
    json.field("function", drop.function);
  }
}

void write_route(JsonWriter& json, const decode::Route& route) {
  json.field("table", explain::route_table(route)).field("type", explain::route_type(route));
  if (route.via.family != 0) {
    json.field("via", route.via.text());
  }
  if (const std::string_view error = explain::route_error(route); !error.empty()) {
    json.field("error", error);
  }
}

void write_hop(JsonWriter& json, const journey::Journey& journey, const journey::Hop& hop) {
  json.begin_object().field("offset_ns", hop.time_ns - journey.begin_ns()).field("cpu", hop.cpu);
  write_netns(json.key("netns"), hop.netns);
  write_device(json.key("dev"), hop.route ? hop.route->device : hop.device);
  json.field("stage", decode::stage_name(hop.stage));
  if (hop.inferred) {
    json.field("inferred", true);
  }
  if (hop.packet && hop.packet->is_ip()) {
    json.field("src", hop.packet->src.text())
        .field("dst", hop.packet->dst.text())
        .field("ttl", hop.packet->ttl);
    json.field("proto", hop.packet->protocol_name());
  }
  if (hop.route) {
    write_route(json, *hop.route);
  }
  if (hop.drop) {
    write_drop(json, *hop.drop);
  }
  if (hop.answered) {
    json.field("answered", true);
  }
  if (hop.socket) {
    write_socket(json.key("socket"), *hop.socket);
  }
  json.end_object();
}

void write_advice(JsonWriter& json, const explain::AdviceWords& advice) {
  json.begin_object().field("key", advice.key).field("cause", advice.cause);
  json.field("check", advice.check).field("mend", advice.mend);
  if (advice.harmless) {
    json.field("harmless", true);
  }
  json.end_object();
}

void write_outcome(JsonWriter& json, const journey::Journey& journey) {
  const journey::Outcome& outcome = journey.outcome;
  json.begin_object().field("kind", journey::outcome_name(outcome.kind));
  write_netns(json.key("netns"), outcome.netns);
  if (outcome.drop) {
    write_drop(json, *outcome.drop);
  }
  if (const auto advice = explain::advice_words(journey)) {
    write_advice(json.key("advice"), *advice);
  }
  if (outcome.socket) {
    write_socket(json.key("socket"), *outcome.socket);
  }
  if (outcome.device.index != 0) {
    write_device(json.key("device"), outcome.device);
  }
  if (!outcome.seen) {
    json.field("seen", false);
  }
  json.end_object();
}

void write_ping(JsonWriter& json, const PingStatistics& ping) {
  json.begin_object()
      .field("host", ping.host)
      .field("transmitted", ping.sent)
      .field("received", ping.received);
  json.field("duplicates", ping.duplicates)
      .field("errors", ping.errors)
      .field("loss_percent", ping.loss_percent);
  if (ping.received > 0) {
    json.key("rtt_ns").begin_object().field("min", ping.rtt_min_ns).field("avg", ping.rtt_avg_ns);
    json.field("max", ping.rtt_max_ns).field("mdev", ping.rtt_mdev_ns).end_object();
  }
  json.end_object();
}

}  // namespace

void JsonSink::journey(const journey::Journey& journey) {
  JsonWriter json;
  json.begin_object().field("type", "journey").field("id", journey.id).key("exchange");
  journey.exchange == 0 ? json.null() : json.value(journey.exchange);
  json.field("direction", journey::direction_name(journey.direction));
  json.field("begin_ns",
             static_cast<std::int64_t>(journey.begin_ns()) + clock_.wall_minus_monotonic_ns);
  json.field("duration_ns", journey.duration_ns());
  write_packet(json.key("packet"), journey.packet);
  json.key("hops").begin_array();
  for (const journey::Hop& hop : journey.hops) {
    write_hop(json, journey, hop);
  }
  json.end_array();
  if (journey.more_hops != 0) {
    json.field("more_hops", journey.more_hops);
  }
  write_outcome(json.key("outcome"), journey);
  json.end_object();
  out_.write(json.text());
  out_.write("\n");
}

void JsonSink::exchange(const PingExchange& exchange) {
  for (const journey::Journey& one : exchange.journeys) {
    journey(one);
  }
  const auto in_exchange = std::ranges::find_if(
      exchange.journeys, [](const journey::Journey& one) { return one.exchange != 0; });
  JsonWriter json;
  json.begin_object().field("type", "exchange").key("exchange");
  in_exchange == exchange.journeys.end() ? json.null() : json.value(in_exchange->exchange);
  json.field("seq", exchange.seq).field("answered", exchange.rtt_ns.has_value());
  if (exchange.rtt_ns) {
    json.field("rtt_ns", *exchange.rtt_ns);
    if (exchange.ttl >= 0) {
      json.field("ttl", exchange.ttl);
    }
  }
  if (!exchange.trouble.empty()) {
    json.field("trouble", exchange.trouble);
  }
  if (const auto advice = silence_words(exchange)) {
    write_advice(json.key("advice"), *advice);
  }
  json.end_object();
  out_.write(json.text() + "\n");
}

void JsonSink::summary(const Summary& summary) {
  JsonWriter json;
  json.begin_object().field("type", "summary").field("journeys", summary.journeys);
  json.field("delivered", summary.delivered)
      .field("dropped", summary.dropped)
      .field("left", summary.left);
  json.field("consumed", summary.consumed)
      .field("lost_sight", summary.lost_sight)
      .field("events", summary.events);
  json.key("lost").begin_object();
  for (const LossCount& loss : summary.losses) {
    json.field(loss.name, loss.count);
  }
  json.end_object().field("not_shown", summary.not_shown).field("kernel", summary.kernel);
  json.key("probes").begin_object().key("attached").begin_array();
  for (const std::string& probe : summary.probes.attached) {
    json.value(probe);
  }
  json.end_array().key("unavailable").begin_array();
  for (const ProbeCount::Unavailable& probe : summary.probes.unavailable) {
    json.begin_object().field("name", probe.name).field("why", probe.why).end_object();
  }
  json.end_array().end_object();
  if (summary.ping) {
    write_ping(json.key("ping"), *summary.ping);
  }
  json.end_object();
  out_.write(json.text());
  out_.write("\n");
  out_.flush();
}

}  // namespace tracepkt::sinks
