#include "journey/drop_groups.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "journey/assemble.h"
#include "journey/false_drops.h"

namespace tracepkt::journey {

std::size_t DropGroups::KeyHash::operator()(const Key& key) const {
  return std::apply(
      [](auto... parts) {
        std::size_t hash = 0;
        ((hash = hash * 0x9e3779b97f4a7c15 + std::hash<decltype(parts)>()(parts)), ...);
        return hash;
      },
      key);
}

DropGroups::DropGroups(Names& names, OwnerOf owner_of, IsFault is_fault, std::size_t max_groups)
    : names_(names),
      owner_of_(std::move(owner_of)),
      is_fault_(std::move(is_fault)),
      max_groups_(max_groups) {}

// By the packet, too: in one place of the kernel one is missed and another one is not.
bool DropGroups::is_harmless(const decode::Event& event) {
  const std::vector<Hop> no_way;
  DropInfo drop{.raw = *event.drop};
  name_drop(drop, names_);
  drop.taken = FalseDrops(no_way, names_).is_end(event);
  return !is_fault_(drop, event.packet.value_or(decode::Packet{}));
}

const DropGroup* DropGroups::add(const decode::Event& event) {
  if (event.stage != STAGE_drop || !event.drop) {
    return nullptr;
  }
  ++drops_;
  auto process = owner_of_(event.drop->socket);
  const bool harmless = is_harmless(event);
  const Key key = {
      event.drop->reason, event.drop->location,       event.netns.inode, event.netns.cookie,
      event.device.index, process ? process->pid : 0, harmless};
  auto it = by_key_.find(key);
  if (it == by_key_.end()) {
    if (groups_.size() >= max_groups_) {
      ++others_;
      return nullptr;
    }
    DropGroup& group = groups_.emplace_back();
    group.id = groups_.size();
    group.process = std::move(process);
    group.harmless = harmless;
    std::vector<decode::Event> events = {event};
    assemble(events, {.names = names_, .ending = Ending::kSeen}, group.sample);
    it = by_key_.emplace(key, &group).first;
  }
  DropGroup& group = *it->second;
  ++group.count;
  group.bytes += event.packet ? event.packet->len : 0;
  group.last_ns = std::max(group.last_ns, event.time_ns);
  return &group;
}

void DropGroups::begin_interval() {
  for (DropGroup& group : groups_) {
    group.count_before = group.count;
  }
}

}  // namespace tracepkt::journey
