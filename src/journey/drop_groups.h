// Drops of the same kind, counted: what `tracepkt drops` shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>

#include "decode/event.h"
#include "journey/journey.h"

namespace tracepkt::journey {

// Drops for one reason, in one place of the kernel, in one namespace, on one interface, of one
// process's packets; apart what was no fault.
struct DropGroup {
  std::uint64_t id = 0;            // 1, 2, 3, ... in order of first sight
  Journey sample;                  // the first of them: its one hop is the drop
  std::optional<Process> process;  // whose socket they belong to, where that is known
  bool harmless = false;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::uint64_t last_ns = 0;       // CLOCK_MONOTONIC; the first: sample.begin_ns()
  std::uint64_t count_before = 0;  // when the interval began
  std::uint64_t fresh() const { return count - count_before; }
};

class DropGroups {
 public:
  // Which process has that socket open? By its inode.
  using OwnerOf = std::function<std::optional<Process>(std::uint64_t)>;

  // Is it a fault that such a packet is dropped so?
  using IsFault = std::function<bool(const DropInfo&, const decode::Packet&)>;

  static constexpr std::size_t kMaxGroups = 4096;

  DropGroups(Names& names, OwnerOf owner_of, IsFault is_fault, std::size_t max_groups = kMaxGroups);

  // The group it went to; null for anything but a drop, and for a drop of a kind too many.
  const DropGroup* add(const decode::Event& event);

  // In order of first sight.
  const std::deque<DropGroup>& groups() const { return groups_; }
  std::uint64_t drops() const { return drops_; }
  // Drops of kinds too many to be told apart.
  std::uint64_t others() const { return others_; }

  // From here on fresh() counts from 0.
  void begin_interval();

 private:
  // Reason, location, netns inode, netns cookie, ifindex, pid, harmless.
  using Key = std::tuple<std::uint32_t, std::uint64_t, std::uint32_t, std::uint64_t, std::uint32_t,
                         std::uint32_t, bool>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };

  bool is_harmless(const decode::Event& event);

  Names& names_;
  OwnerOf owner_of_;
  IsFault is_fault_;
  std::size_t max_groups_;
  std::deque<DropGroup> groups_;
  std::unordered_map<Key, DropGroup*, KeyHash> by_key_;
  std::uint64_t drops_ = 0;
  std::uint64_t others_ = 0;
};

}  // namespace tracepkt::journey
