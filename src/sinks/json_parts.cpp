#include "sinks/json_parts.h"

#include <netinet/in.h>

namespace tracepkt::sinks {
namespace {

// Only an echo message has an id and a sequence number.
void write_icmp(JsonWriter& json, const decode::Icmp& icmp, bool echo) {
  json.begin_object().field("type", icmp.type).field("code", icmp.code);
  if (echo) {
    json.field("id", icmp.id).field("seq", icmp.seq);
  }
  json.end_object();
}

}  // namespace

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

void write_packet(JsonWriter& json, const decode::Packet& packet) {
  json.begin_object().field("proto", packet.protocol_name());
  if (packet.is_ip()) {
    json.field("src", packet.src.text()).field("dst", packet.dst.text());
  }
  if (packet.has_ports) {
    json.field("sport", packet.sport).field("dport", packet.dport);
  }
  if (packet.protocol == IPPROTO_TCP && packet.has_ports) {
    json.key("tcp").begin_object().field("flags", packet.tcp_flags_text());
    json.field("seq", packet.tcp_seq).field("ack", packet.tcp_ack).end_object();
  }
  if (packet.arp) {
    json.key("arp").begin_object().field("op", packet.arp->op);
    json.field("sender", packet.arp->sender.text())
        .field("sender_mac", decode::link_address_text(packet.arp->sender_mac.data(),
                                                       packet.arp->sender_mac.size()))
        .field("target", packet.arp->target.text())
        .end_object();
  }
  if (packet.nd_target.family != 0) {
    json.field("target", packet.nd_target.text());
  }
  if (packet.icmp) {
    const decode::EchoKind kind = packet.echo_kind();
    write_icmp(json.key("icmp"), *packet.icmp,
               kind == decode::EchoKind::kRequest || kind == decode::EchoKind::kReply);
  }
  if (packet.quoted_echo) {
    json.key("about")
        .begin_object()
        .field("src", packet.quoted_echo->src.text())
        .field("dst", packet.quoted_echo->dst.text());
    write_icmp(json.key("icmp"), packet.quoted_echo->icmp, true);
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

void write_drop(JsonWriter& json, const journey::DropInfo& drop) {
  if (!drop.reason.empty()) {
    json.field("reason", drop.reason);
  }
  if (!drop.function.empty()) {
    json.field("function", drop.function);
  }
}

void write_advice(JsonWriter& json, const explain::AdviceWords& advice) {
  json.begin_object().field("key", advice.key).field("cause", advice.cause);
  json.field("check", advice.check).field("mend", advice.mend);
  if (advice.harmless) {
    json.field("harmless", true);
  }
  json.end_object();
}

void write_losses(JsonWriter& json, const Summary& summary) {
  json.key("lost").begin_object();
  for (const LossCount& loss : summary.losses) {
    json.field(loss.name, loss.count);
  }
  json.end_object();
}

void write_probes(JsonWriter& json, const ProbeCount& probes) {
  json.key("probes").begin_object().key("attached").begin_array();
  for (const std::string& probe : probes.attached) {
    json.value(probe);
  }
  json.end_array().key("unavailable").begin_array();
  for (const ProbeCount::Unavailable& probe : probes.unavailable) {
    json.begin_object().field("name", probe.name).field("why", probe.why).end_object();
  }
  json.end_array().end_object();
}

void write_reading(JsonWriter& json, const FileDamage& damage) {
  if (!damage.read_to_end) {
    json.field("read_to_end", false);
  }
}

}  // namespace tracepkt::sinks
