// Events for tests, made in one line each. Test code only.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "journey/assemble.h"
#include "journey/journey.h"

namespace tracepkt::journey::testing {

class FakeNames : public Names {
 public:
  std::string netns(const decode::NetnsId& id) override {
    return id.inode == 1 ? "host" : "ns" + std::to_string(id.inode);
  }
  std::string netns_file(std::uint32_t inode) override {
    return inode == 1 ? "" : "/run/netns/ns" + std::to_string(inode);
  }
  std::string drop_reason(std::uint32_t reason) override {
    return reasons.contains(reason) ? reasons[reason] : "REASON_" + std::to_string(reason);
  }
  std::string symbol(std::uint64_t address) override {
    return symbols.contains(address) ? symbols[address] : address == 0 ? "" : "function+0x1";
  }

  std::string rule(std::uint32_t, const decode::Netfilter& netfilter) override {
    return rules.contains(netfilter.rule) ? rules[netfilter.rule] : "";
  }

  std::string flowtable(std::uint32_t, const decode::Device& device) override {
    const std::string name(device.name.view());
    return flowtables.contains(name) ? flowtables[name] : "";
  }

  std::map<std::string, std::string> flowtables;  // by device
  std::map<std::uint64_t, std::string> rules;
  std::map<std::uint64_t, std::string> symbols;
  std::map<std::uint32_t, std::string> reasons;
};

struct At {
  std::uint64_t packet_id = 1;
  std::uint64_t time_ns = 0;
  stage_id stage = STAGE_tx;
  std::uint32_t netns = 1;
  std::uint32_t ifindex = 1;
  std::string device = "eth0";
  std::uint32_t iif = 0;
  bool last = false;
};

inline decode::Address ip(std::uint8_t last) { return {.family = 4, .bytes = {10, 0, 0, last}}; }

inline decode::Packet echo(bool reply, std::uint8_t from, std::uint8_t to, std::uint16_t id,
                           std::uint16_t seq) {
  decode::Packet packet{.ethertype = 0x0800, .protocol = 1, .ttl = 64, .len = 84};
  packet.src = ip(from);
  packet.dst = ip(to);
  packet.icmp = decode::Icmp{
      .type = static_cast<std::uint8_t>(reply ? 0 : 8), .code = 0, .id = id, .seq = seq};
  return packet;
}

inline decode::Event event(const At& at, const std::optional<decode::Packet>& packet = {}) {
  decode::Event event{.stage = at.stage,
                      .last = at.last,
                      .time_ns = at.time_ns,
                      .packet_id = at.packet_id,
                      .netns = {.inode = at.netns, .cookie = at.netns},
                      .device = {.index = at.ifindex},
                      .iif = at.iif,
                      .packet = packet};
  std::memcpy(event.device.name.bytes.data(), at.device.data(),
              std::min<std::size_t>(at.device.size(), 15));
  return event;
}

// "host eth0 tx | ns2 eth1 rx"
inline std::string way(const Journey& journey) {
  std::string text;
  for (const Hop& hop : journey.hops) {
    text += (text.empty() ? "" : " | ") + hop.netns.label() + ' ' +
            std::string(hop.device.name.view()) + ' ' + std::string(decode::stage_name(hop.stage));
  }
  return text;
}

// What is made of some events of one packet.
class AssembleTest : public ::testing::Test {
 protected:
  Journey run(std::vector<decode::Event> events, Ending ending = Ending::kSeen) {
    Journey journey;
    assemble(events, {.names = names_, .ending = ending}, journey);
    return journey;
  }

  FakeNames names_;
  decode::Packet packet_ = echo(false, 1, 2, 7, 1);
};

}  // namespace tracepkt::journey::testing
