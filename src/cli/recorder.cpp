#include "cli/recorder.h"

#include <fmt/format.h>

#include "cli/hop_comment.h"
#include "cli/rule_scope.h"

namespace tracepkt::cli {
namespace {

using capture::NameKind;

capture::Ping ping_of(const sinks::PingStatistics& ping) {
  return {.host = ping.host,
          .packets_line = ping.packets_line,
          .rtt_line = ping.rtt_line,
          .sent = ping.sent,
          .received = ping.received,
          .duplicates = ping.duplicates,
          .errors = ping.errors,
          .rtt_min_ns = ping.rtt_min_ns,
          .rtt_max_ns = ping.rtt_max_ns,
          .rtt_avg_ns = ping.rtt_avg_ns,
          .rtt_mdev_ns = ping.rtt_mdev_ns,
          .loss_percent = ping.loss_percent};
}

capture::End end_of(const sinks::Summary& summary) {
  capture::End end;
  for (const sinks::LossCount& loss : summary.losses) {
    end.losses.push_back({.name = loss.name, .says = loss.says, .count = loss.count});
  }
  for (const std::string& probe : summary.probes.attached) {
    end.probes.push_back({.name = probe, .why = {}});
  }
  for (const auto& probe : summary.probes.unavailable) {
    end.probes.push_back({.name = probe.name, .why = probe.why});
  }
  if (summary.ping) {
    end.ping = ping_of(*summary.ping);
  }
  return end;
}

// A chain that is through, or one of its rules.
journey::ChainWalk chain_of(const decode::Event& event) {
  journey::ChainWalk walk{.base = *event.netfilter, .rules = {}};
  if (event.netfilter->kind != NETFILTER_CHAIN) {
    walk.rules.push_back({.raw = *event.netfilter, .text = {}});
    walk.by_policy = event.netfilter->kind == NETFILTER_POLICY;
  }
  return walk;
}

}  // namespace

// The live name, and a note in the file when it is another than before.
template <typename LookUp>
const std::string& Recorder::name(const Key& key, LookUp look_up) {
  const auto [it, is_new] = known_.try_emplace(key);
  Known& known = it->second;
  if (known.turn != turn_) {
    known.turn = turn_;
    if (std::string text(look_up()); is_new || text != known.text) {
      known.text = std::move(text);
      const auto& [kind, first, second] = key;
      writer_.add(capture::Name{.kind = kind, .key = first, .key2 = second, .text = known.text});
    }
  }
  return known.text;
}

std::string Recorder::netns(const decode::NetnsId& id) {
  return name({NameKind::kNetns, id.inode, id.cookie}, [&] { return live_.netns(id); });
}

std::string Recorder::netns_file(std::uint32_t inode) {
  return name({NameKind::kNetnsFile, inode, 0}, [&] { return live_.netns_file(inode); });
}

std::string Recorder::drop_reason(std::uint32_t reason) {
  return name({NameKind::kReason, reason, 0}, [&] { return live_.drop_reason(reason); });
}

std::string Recorder::symbol(std::uint64_t address) {
  return name({NameKind::kSymbol, address, 0}, [&] { return live_.symbol(address); });
}

std::string Recorder::rule(std::uint32_t inode, const decode::Netfilter& netfilter) {
  return name({NameKind::kRule, netfilter.rule, rule_scope(inode, netfilter)},
              [&] { return live_.rule(inode, netfilter); });
}

std::string Recorder::socket_owner(std::uint64_t inode) {
  return name({NameKind::kSocketOwner, inode, 0}, [&] { return live_.socket_owner(inode); });
}

std::string Recorder::reset_reason(std::uint32_t reason) {
  return name({NameKind::kResetReason, reason, 0}, [&] { return live_.reset_reason(reason); });
}

void Recorder::describe(const decode::Event& event) {
  journey::Hop hop{.netns = {.inode = event.netns.inode, .name = {}},
                   .device = event.device,
                   .stage = event.stage,
                   .packet = event.packet,
                   .drop = {},
                   .socket = event.socket,
                   .route = event.route,
                   .chain = {},
                   .nat = {}};
  if (event.netfilter) {
    hop.chain = chain_of(event);
  }
  if (event.netns.inode != 0) {
    hop.netns.name = netns(event.netns);
  }
  if (event.drop) {
    hop.drop = journey::DropInfo{.raw = *event.drop};
    hop.drop->reason = event.drop->has_reason ? drop_reason(event.drop->reason) : "";
    if (hop.drop->reason.empty()) {  // which is dear to look up
      hop.drop->function = symbol(event.drop->location);
    }
  }
  netns_ = hop.netns.label();
  comment_ = hop_comment(hop);
}

void Recorder::joined(std::uint64_t journey) {
  if (journey != 0) {
    comment_.insert(0, fmt::format("#{} ", journey));
  }
}

void Recorder::add_record(std::span<const std::byte> record) {
  const decode::PacketBytes packet = decode::packet_bytes(record);
  writer_.record(record, {.ethertype = packet.ethertype,
                          .len = packet.len,
                          .bytes = packet.bytes,
                          .netns = netns_,
                          .comment = comment_});
  end_turn();
}

void Recorder::add_step(const capture::Step& step) {
  writer_.add(step);
  end_turn();
}

void Recorder::end(const sinks::Summary& summary) {
  writer_.add(end_of(summary));
  end_turn();
}

void Recorder::end_turn() {
  ++turn_;
  netns_.clear();
  comment_.clear();
}

}  // namespace tracepkt::cli
