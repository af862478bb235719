// Names as the live run knew them, from its capture file.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "capture/contents.h"
#include "journey/drop_groups.h"
#include "journey/journey.h"

namespace tracepkt::cli {

class FileNames : public journey::Names {
 public:
  explicit FileNames(bool numeric) : numeric_(numeric) {}

  void add(capture::Name&& name);

  std::string netns(const decode::NetnsId& id) override;
  std::string netns_file(std::uint32_t inode) override;
  std::string drop_reason(std::uint32_t reason) override;
  std::string symbol(std::uint64_t address) override;
  std::string rule(std::uint32_t inode, const decode::Netfilter& netfilter) override;
  std::string socket_owner(std::uint64_t inode) override;
  std::uint64_t socket_at(const journey::SocketPlace& place) override;
  std::string full_queue(const journey::SocketPlace& place) override;
  std::string full_syn_queue(const journey::SocketPlace& place) override;
  std::optional<std::uint64_t> unread(const journey::SocketPlace& place, std::uint64_t inode,
                                      std::uint64_t since_ns) override;
  bool is_conntrack_full(std::uint32_t inode) override;
  bool has_connection(const journey::SocketPlace& place) override;
  bool is_time_wait(const journey::SocketPlace& place) override;
  bool has_no_way_back(const journey::SocketPlace& place) override;
  std::string reset_reason(std::uint32_t reason) override;
  std::string flowtable(std::uint32_t inode, const decode::Device& device) override;
  std::string routing_rules(std::uint32_t inode, std::uint8_t family) override;
  std::string programs(std::uint32_t inode, std::uint32_t ifindex,
                       journey::ProgramPlace place) override;

 private:
  using Key = std::tuple<capture::NameKind, std::uint64_t, std::uint64_t>;

  std::string_view find(capture::NameKind kind, std::uint64_t key, std::uint64_t key2 = 0) const;

  bool numeric_;
  std::map<Key, capture::Name> names_;
  std::deque<Key> order_;  // the oldest first: no file makes us keep names without end
};

}  // namespace tracepkt::cli
