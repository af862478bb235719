#include "kernel/socket_owners.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/text.h"

namespace tracepkt::kernel {
namespace {

namespace fs = std::filesystem;

// Beyond this what is remembered is forgotten, rather than kept without bound.
constexpr std::size_t kMostRemembered = 1 << 16;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// "socket:[4711]" -> 4711
std::optional<std::uint64_t> socket_inode(std::string_view link) {
  constexpr std::string_view kBegin = "socket:[";
  if (!link.starts_with(kBegin) || !link.ends_with(']')) {
    return std::nullopt;
  }
  return number(link.substr(kBegin.size(), link.size() - kBegin.size() - 1));
}

// Entries of a directory whose names are numbers, from the lowest. A process may end meanwhile, and
// its directory with it.
std::vector<std::uint64_t> numbers_in(const std::string& directory) {
  std::vector<std::uint64_t> numbers;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (const auto value = number(it->path().filename().native())) {
      numbers.push_back(*value);
    }
  }
  std::ranges::sort(numbers);
  return numbers;
}

}  // namespace

std::optional<SocketOwner> SocketOwners::find(std::uint64_t inode) {
  if (inode == 0 || orphans_.contains(inode)) {
    return std::nullopt;
  }
  if (!owners_.contains(inode)) {
    look_round();
  }
  if (const auto it = owners_.find(inode); it != owners_.end()) {
    return it->second;
  }
  if (orphans_.size() >= kMostRemembered) {
    orphans_.clear();
  }
  orphans_.insert(inode);
  return std::nullopt;
}

void SocketOwners::look_round() {
  if (owners_.size() >= kMostRemembered) {
    owners_.clear();
  }
  for (const std::uint64_t pid : numbers_in(root_ + "/proc")) {
    const std::string process = fmt::format("{}/proc/{}", root_, pid);
    std::string name;
    for (const std::uint64_t fd : numbers_in(process + "/fd")) {
      std::error_code error;
      const fs::path link = fs::read_symlink(fmt::format("{}/fd/{}", process, fd), error);
      const auto inode = error ? std::nullopt : socket_inode(link.native());
      if (!inode || owners_.contains(*inode)) {
        continue;
      }
      if (name.empty()) {
        name = read_small_file(process + "/comm");
        if (name.ends_with('\n')) {
          name.pop_back();
        }
      }
      owners_.emplace(*inode, SocketOwner{.pid = static_cast<std::uint32_t>(pid), .name = name});
    }
  }
}

}  // namespace tracepkt::kernel
