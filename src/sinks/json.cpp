#include "sinks/json.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/json_writer.h"
#include "explain/advice_words.h"
#include "explain/netfilter.h"
#include "explain/notes.h"
#include "explain/programs.h"
#include "explain/route.h"
#include "sinks/json_parts.h"
#include "wire/function.h"

namespace tracepkt::sinks {
namespace {

void write_socket(JsonWriter& json, const decode::Socket& socket) {
  json.begin_object();
  if (socket.pid != 0) {
    json.field("pid", socket.pid).field("process", socket.comm.view());
  }
  if (socket.inode != 0) {
    json.field("inode", socket.inode);
  }
  if (socket.family != AF_UNSPEC) {
    json.field("family", socket.family)
        .field("type", socket.type)
        .field("protocol", socket.protocol);
  }
  json.end_object();
}

void write_routing_rule(JsonWriter& json, const journey::RoutingRule& rule) {
  json.begin_object().field("priority", rule.priority).field("text", rule.text).end_object();
}

void write_route(JsonWriter& json, const journey::Hop& hop) {
  decode::Route route = *hop.route;
  const bool refused = hop.routing_rule && hop.routing_rule->refuses != 0;
  if (refused) {
    route.type = hop.routing_rule->refuses;
  }
  if (hop.routing_rule) {
    write_routing_rule(json.key("ip_rule"), *hop.routing_rule);
  }
  if (route.kept) {
    json.field("cached", true);
  } else if (!refused) {
    json.field("table", explain::route_table(route));
  }
  json.field("type", explain::route_type(route));
  if (!route.vrf.view().empty()) {
    json.field("vrf", route.vrf.view());
  }
  if (route.via.family != 0) {
    json.field("via", route.via.text());
  } else if (route.any_hop) {
    json.key("via").null();
  }
  if (const std::string_view error = explain::route_error(route); !error.empty()) {
    json.field("error", error);
  }
}

void write_rule(JsonWriter& json, const journey::Rule& rule) {
  json.begin_object();
  json.field("chain", explain::chain_name(rule.raw));
  if (rule.raw.rule != 0) {
    json.field(rule.raw.backend == NETFILTER_XTABLES ? "number" : "handle", rule.raw.rule);
  }
  json.field("verdict", explain::verdict_name(rule.raw));
  if (!rule.text.empty()) {
    json.field("text", rule.text);
  }
  json.end_object();
}

void write_chain(JsonWriter& json, const journey::ChainWalk& walk) {
  const decode::Netfilter& base = walk.base;
  const journey::Rule* decisive = walk.decisive();
  json.field("family", explain::family_name(base)).field("hook", explain::hook_name(base));
  json.field("table", base.table)
      .field("chain", explain::chain_name(decisive != nullptr ? decisive->raw : base));
  json.field("base_chain", explain::chain_name(base));
  json.field("backend", base.backend == NETFILTER_XTABLES ? "xtables" : "nftables");
  json.field("verdict", explain::verdict_name(base));
  if (walk.is_flowtable) {
    json.field("flowtable", true);
  }
  if (walk.by_policy) {
    json.field("policy", true);
  }
  if (decisive != nullptr) {
    write_rule(json.key("rule"), *decisive);
  }
  if (!walk.rules.empty()) {
    json.key("rules").begin_array();
    for (const journey::Rule& rule : walk.rules) {
      if (rule.raw.kind == NETFILTER_RULE) {
        write_rule(json, rule);
      }
    }
    json.end_array();
  }
  if (base.connection) {
    json.key("conntrack").begin_object().field("state", explain::connection_state(base));
    json.field("mark", base.connection->mark).field("zone", base.connection->zone).end_object();
  } else if (explain::is_called_invalid(walk)) {
    json.key("conntrack").begin_object().field("state", "invalid").end_object();
  }
}

void write_program(JsonWriter& json, const journey::Program& program) {
  json.begin_object().field("kind", program.kind);
  if (program.id != 0) {
    json.field("id", program.id);
  }
  if (!program.name.empty()) {
    json.field("name", program.name);
  }
  if (program.handle != 0) {
    json.field("pref", program.pref).field("handle", program.handle);
  }
  json.end_object();
}

void write_programs(JsonWriter& json, const journey::Programs& programs) {
  json.begin_array();
  for (const journey::Program& program : programs.attached) {
    write_program(json, program);
  }
  json.end_array();
}

void write_verdict(JsonWriter& json, const decode::ProgramVerdict& verdict) {
  write_program(json.key("program"), journey::program_of(verdict));
  if (!verdict.is_xdp()) {
    json.field("direction", verdict.egress ? "egress" : "ingress");
  }
  json.field("verdict", explain::verdict_name(verdict));
}

void write_endpoints(JsonWriter& json, const decode::Packet& packet) {
  json.begin_object().field("src", packet.src.text()).field("dst", packet.dst.text());
  if (packet.has_ports) {
    json.field("sport", packet.sport).field("dport", packet.dport);
  }
  json.end_object();
}

void write_function(JsonWriter& json, const journey::Hop& hop, const decode::FunctionCall& call) {
  json.field("function", explain::function_name(hop));
  if (!call.returned) {
    return;
  }
  json.key("returned");
  switch (call.returns) {
    case RETURNS_SIGNED:
      json.value(static_cast<std::int64_t>(call.value));
      break;
    case RETURNS_BOOL:
      json.value(call.value != 0);
      break;
    case RETURNS_POINTER:  // more digits than a reader in JavaScript keeps of a number
      json.value(explain::returned_value(call));
      break;
    default:
      json.value(call.value);
  }
}

void write_note(JsonWriter& json, const journey::Hop& hop) {
  if (const auto* icmp = std::get_if<decode::IcmpError>(&hop.note)) {
    json.key("icmp").begin_object().field("type", icmp->type).field("code", icmp->code);
    json.end_object().field("says", explain::icmp_error_words(
                                        icmp->protocol, {.type = icmp->type, .code = icmp->code}));
  } else if (const auto* tcp = std::get_if<decode::TcpNote>(&hop.note);
             tcp != nullptr && hop.stage == STAGE_tcp) {  // of what was delivered, that says all
    json.field("event", explain::tcp_event(*tcp));
    if (!hop.reset_reason.empty()) {
      json.field("reason", hop.reset_reason);
    }
    if (tcp->kind == decode::TcpNote::Kind::kRetransmitted) {
      json.field("cause", explain::retransmit_cause(*tcp)).field("timeouts", tcp->tries);
    }
  } else if (const auto* neighbour = std::get_if<decode::Neighbour>(&hop.note)) {
    json.field("address", neighbour->address.text());
    json.field("state", explain::neighbour_state(*neighbour));
    if (neighbour->lladdr_len != 0) {
      json.field("lladdr", neighbour->lladdr_text());
    }
    if (neighbour->probes != 0) {
      json.field("probes", neighbour->probes);
    }
    if (neighbour->asked_ns != 0) {
      json.field("waited_ns",
                 neighbour->told_ns - std::min(neighbour->told_ns, neighbour->asked_ns));
    }
    if (hop.asked_by != 0) {
      json.field("asked_by", hop.asked_by);
    }
  } else if (const auto* queue = std::get_if<decode::Queue>(&hop.note)) {
    json.field("qdisc", queue->kind.view()).field("handle", explain::qdisc_handle(*queue));
    if (queue->waits) {
      json.field("waits", true);
    } else {
      json.field("queued_ns", hop.queued_ns);
    }
  } else if (const auto* refusal = std::get_if<decode::Refusal>(&hop.note)) {
    json.field("code", refusal->code).field("busy", explain::refused_as_busy(*refusal));
  } else if (const auto* call = std::get_if<decode::FunctionCall>(&hop.note)) {
    write_function(json, hop, *call);
  } else if (const auto* verdict = std::get_if<decode::ProgramVerdict>(&hop.note)) {
    write_verdict(json, *verdict);
  }
}

}  // namespace

void write_decision(JsonWriter& json, const journey::Hop& hop) {
  if (hop.route) {
    write_route(json, hop);
  }
  if (hop.chain) {
    write_chain(json, *hop.chain);
  }
  if (hop.nat) {
    write_endpoints(json.key("from"), hop.nat->from);
    write_endpoints(json.key("to"), hop.nat->to);
  }
  if (hop.tunnel) {
    json.field("action", hop.tunnel->into ? "encap" : "decap");
    json.field("kind", explain::tunnel_kind(hop.tunnel->outer));
    write_endpoints(json.key("outer"), hop.tunnel->outer);
    if (hop.tunnel->overhead != 0) {
      json.field("overhead", hop.tunnel->overhead);
    }
  }
  write_note(json, hop);
  if (hop.drop) {
    write_drop(json, *hop.drop);
  }
  if (hop.answered) {
    json.field("answered", true);
  }
  if (hop.socket) {
    write_socket(json.key("socket"), *hop.socket);
  }
}

namespace {

void write_hop(JsonWriter& json, const journey::Journey& journey, const journey::Hop& hop) {
  json.begin_object().field("offset_ns", hop.time_ns - journey.begin_ns()).field("cpu", hop.cpu);
  write_netns(json.key("netns"), hop.netns);
  write_device(json.key("dev"), hop.route ? hop.route->device : hop.device);
  json.field("stage", decode::stage_name(hop.stage));
  if (hop.inferred) {
    json.field("inferred", true);
  }
  if (hop.duplicate) {
    json.field("duplicate", true);
  }
  if (hop.looped) {
    json.field("looped", true);
  }
  if (hop.past_ip) {
    json.field("past_ip", true);
  }
  if (hop.packet && hop.packet->is_ip()) {
    json.field("src", hop.packet->src.text())
        .field("dst", hop.packet->dst.text())
        .field("ttl", hop.packet->ttl);
    json.field("proto", hop.packet->protocol_name());
  }
  write_decision(json, hop);
  json.end_object();
}

}  // namespace

void write_queue(JsonWriter& json, const journey::ListenQueue& queue) {
  json.begin_object().field("waiting", queue.waiting).field("backlog", queue.backlog).end_object();
}

void write_outcome_fields(JsonWriter& json, const journey::Journey& journey) {
  const journey::Outcome& outcome = journey.outcome;
  json.field("kind", journey::outcome_name(outcome.kind));
  write_netns(json.key("netns"), outcome.netns);
  if (outcome.drop) {
    write_drop(json, *outcome.drop);
  }
  if (outcome.chain) {
    json.key("firewall").begin_object();
    write_chain(json, *outcome.chain);
    json.end_object();
    if (const journey::Rule* rule = outcome.chain->decisive()) {
      write_rule(json.key("rule"), *rule);
    }
  }
  if (outcome.programs) {
    write_programs(json.key("programs"), *outcome.programs);
  }
  if (const auto advice = explain::advice_words(journey)) {
    write_advice(json.key("advice"), *advice);
  }
  if (outcome.socket) {
    write_socket(json.key("socket"), *outcome.socket);
  }
  if (outcome.full_queue) {
    write_queue(json.key("full_queue"), *outcome.full_queue);
  }
  if (outcome.full_syn_queue) {
    write_queue(json.key("full_syn_queue"), *outcome.full_syn_queue);
  }
  if (outcome.no_way_back) {
    json.field("no_way_back", true);
  }
  if (outcome.time_wait) {
    json.field("time_wait", true);
  }
  if (outcome.closed) {
    json.field("closed", true);
  }
  if (outcome.unread) {
    json.field("unread", *outcome.unread);
  }
  if (outcome.device.index != 0) {
    write_device(json.key("device"), outcome.device);
  }
  if (outcome.merged) {
    json.field("merged", true);
  }
  if (!outcome.seen) {
    json.field("seen", false);
  }
  if (outcome.cut) {
    json.field("cut", true);
  }
}

namespace {

void write_ping(JsonWriter& json, const PingStatistics& ping) {
  json.begin_object()
      .field("host", ping.host)
      .field("transmitted", ping.sent)
      .field("received", ping.received);
  json.field("duplicates", ping.duplicates)
      .field("errors", ping.errors)
      .field("corrupted", ping.corrupted)
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
  json.field("begin_ns", clock_.wall_ns(journey.begin_ns()));
  json.field("duration_ns", journey.duration_ns());
  write_packet(json.key("packet"), journey.packet);
  json.key("hops").begin_array();
  for_each_hop(journey, [&](const journey::Hop& hop) { write_hop(json, journey, hop); });
  json.end_array();
  if (journey.more_hops != 0) {
    json.field("more_hops", journey.more_hops);
  }
  if (journey.more_functions != 0) {
    json.field("more_functions", journey.more_functions);
  }
  json.key("outcome").begin_object();
  write_outcome_fields(json, journey);
  json.end_object().end_object();
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

std::string summary_json(const Summary& summary) {
  JsonWriter json;
  json.begin_object().field("type", "summary").field("journeys", summary.journeys);
  json.field("delivered", summary.delivered)
      .field("dropped", summary.dropped)
      .field("left", summary.left);
  json.field("consumed", summary.consumed)
      .field("lost_sight", summary.lost_sight)
      .field("events", summary.events);
  write_losses(json, summary);
  json.field("not_shown", summary.not_shown + summary.shorter).field("kernel", summary.kernel);
  write_probes(json, summary.probes);
  if (summary.ping) {
    write_ping(json.key("ping"), *summary.ping);
  }
  if (summary.damage.any()) {
    json.key("damaged").begin_object().field("places", summary.damage.places);
    json.field("bytes", summary.damage.bytes).field("has_end", summary.damage.has_end);
    json.end_object();
  }
  write_reading(json, summary.damage);
  json.end_object();
  return json.text();
}

void JsonSink::summary(const Summary& summary) { out_.write(summary_json(summary) + "\n"); }

}  // namespace tracepkt::sinks
