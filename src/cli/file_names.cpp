#include "cli/file_names.h"

#include <cstddef>
#include <utility>

#include "cli/name_keys.h"

namespace tracepkt::cli {
namespace {

// As many as the live run knows, and those of a second capture of the same set.
constexpr std::size_t kMaxNames = 1 << 17;

}  // namespace

void FileNames::add(capture::Name&& name) {
  const Key key = {name.kind, name.key, name.key2};
  if (names_.insert_or_assign(key, std::move(name)).second) {
    order_.push_back(key);
  }
  if (order_.size() > kMaxNames) {
    names_.erase(order_.front());
    order_.pop_front();
  }
}

std::string FileNames::netns(const decode::NetnsId& id) {
  return numeric_ ? std::string()
                  : std::string(find(capture::NameKind::kNetns, id.inode, id.cookie));
}

std::string FileNames::netns_file(std::uint32_t inode) {
  return numeric_ ? std::string() : std::string(find(capture::NameKind::kNetnsFile, inode));
}

std::string FileNames::drop_reason(std::uint32_t reason) {
  const std::string_view name = find(capture::NameKind::kReason, reason);
  return name.empty() ? "REASON_" + std::to_string(reason) : std::string(name);
}

std::string FileNames::symbol(std::uint64_t address) {
  return std::string(find(capture::NameKind::kSymbol, address));
}

std::string FileNames::rule(std::uint32_t inode, const decode::Netfilter& netfilter) {
  return std::string(find(capture::NameKind::kRule, netfilter.rule, rule_scope(inode, netfilter)));
}

std::string FileNames::socket_owner(std::uint64_t inode) {
  return std::string(find(capture::NameKind::kSocketOwner, inode));
}

std::uint64_t FileNames::socket_at(const journey::SocketPlace& place) {
  return number_in(find(capture::NameKind::kSocketAt, place_key(place)));
}

std::string FileNames::full_queue(const journey::SocketPlace& place) {
  return std::string(find(capture::NameKind::kFullQueue, place_key(place)));
}

std::string FileNames::full_syn_queue(const journey::SocketPlace& place) {
  return std::string(find(capture::NameKind::kFullSynQueue, place_key(place)));
}

std::optional<std::uint64_t> FileNames::unread(const journey::SocketPlace& /*place*/,
                                               std::uint64_t inode, std::uint64_t since_ns) {
  const std::string_view text = find(capture::NameKind::kUnread, inode, since_ns);
  return text.empty() ? std::nullopt : std::optional(number_in(text));
}

bool FileNames::is_conntrack_full(std::uint32_t inode) {
  return !find(capture::NameKind::kConntrackFull, inode).empty();
}

bool FileNames::has_connection(const journey::SocketPlace& place) {
  return !find(capture::NameKind::kConnection, place_key(place)).empty();
}

bool FileNames::is_time_wait(const journey::SocketPlace& place) {
  return !find(capture::NameKind::kTimeWait, place_key(place)).empty();
}

bool FileNames::has_no_way_back(const journey::SocketPlace& place) {
  return !find(capture::NameKind::kNoWayBack, place_key(place)).empty();
}

std::string FileNames::reset_reason(std::uint32_t reason) {
  return std::string(find(capture::NameKind::kResetReason, reason));
}

std::string FileNames::flowtable(std::uint32_t inode, const decode::Device& device) {
  return std::string(
      find(capture::NameKind::kFlowtable, std::uint64_t{inode} << 32 | device.index));
}

std::string FileNames::routing_rules(std::uint32_t inode, std::uint8_t family) {
  return std::string(find(capture::NameKind::kRoutingRules, inode, family));
}

std::string FileNames::programs(std::uint32_t inode, std::uint32_t ifindex,
                                journey::ProgramPlace place) {
  return std::string(find(capture::NameKind::kPrograms, std::uint64_t{inode} << 32 | ifindex,
                          static_cast<std::uint64_t>(place)));
}

std::string_view FileNames::find(capture::NameKind kind, std::uint64_t key,
                                 std::uint64_t key2) const {
  const auto it = names_.find({kind, key, key2});
  return it == names_.end() ? std::string_view() : it->second.text;
}

}  // namespace tracepkt::cli
