#include "capture/rotation.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <tuple>

namespace tracepkt::capture {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTimeDigits = 14;
constexpr std::size_t kLeastNumberDigits = 5;

// "dir/today.pcapng" -> "dir/today" and ".pcapng"
std::pair<std::string, std::string> stem_and_extension(const std::string& path) {
  const fs::path whole(path);
  const std::string extension = whole.extension().native();
  return {path.substr(0, path.size() - extension.size()), extension};
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Of "_00001_20261121181522": when, and which one. By the time first: an older capture of the same
// name may be there as well.
struct Mark {
  std::string time;
  std::string number;

  auto order() const { return std::tuple(time, number.size(), number); }
};

bool parse_mark(std::string_view text, Mark& mark) {
  if (text.size() < kLeastNumberDigits + kTimeDigits + 2 || text.front() != '_') {
    return false;
  }
  text.remove_prefix(1);
  const std::string_view number = text.substr(0, text.find('_'));
  const std::string_view time = text.substr(std::min(text.size(), number.size() + 1));
  mark = {.time = std::string(time), .number = std::string(number)};
  return number.size() >= kLeastNumberDigits && all_digits(number) && time.size() == kTimeDigits &&
         all_digits(time);
}

}  // namespace

std::string Rotation::next(std::int64_t wall_ns) {
  const auto seconds = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  std::tm local = {};
  localtime_r(&seconds, &local);
  const auto [stem, extension] = stem_and_extension(path_);
  names_.push_back(fmt::format("{}_{:05}_{:%Y%m%d%H%M%S}{}", stem, ++part_, local, extension));
  return names_.back();
}

void Rotation::keep_newest() {
  while (files_ != 0 && names_.size() > files_) {
    unlink(names_.front().c_str());  // somebody may have taken it away
    names_.pop_front();
  }
  if (files_ == 0) {
    names_.clear();
  }
}

std::vector<std::string> rotated_files(const std::string& path) {
  const auto [stem, extension] = stem_and_extension(path);
  const std::string name = fs::path(stem).filename().native();
  const fs::path directory = fs::path(path).parent_path();
  std::vector<std::pair<Mark, std::string>> found;
  std::error_code error;
  for (fs::directory_iterator it(directory.empty() ? "." : directory, error), end;
       !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().native();
    Mark mark;
    if (file.size() > name.size() + extension.size() && file.starts_with(name) &&
        file.ends_with(extension) &&
        parse_mark(std::string_view(file).substr(name.size(),
                                                 file.size() - name.size() - extension.size()),
                   mark)) {
      found.emplace_back(std::move(mark), (directory / file).native());
    }
  }
  std::ranges::sort(found, {}, [](const auto& one) { return one.first.order(); });
  std::vector<std::string> files;
  for (auto& [mark, file] : found) {
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace tracepkt::capture
