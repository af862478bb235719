#include "capture/rotation.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <optional>
#include <ranges>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>

#include "capture/reader.h"

namespace tracepkt::capture {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTimeDigits = 14;
constexpr std::size_t kLeastNumberDigits = 5;
constexpr std::size_t kMostNumberDigits = 18;

// "dir/today.pcapng" -> "dir/today" and ".pcapng"
std::pair<std::string, std::string> stem_and_extension(const std::string& path) {
  const fs::path whole(path);
  const std::string extension = whole.extension().native();
  return {path.substr(0, path.size() - extension.size()), extension};
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Of "_00001_20261121181522": which one, and when. By the number first: a clock may be set back.
struct Mark {
  std::uint64_t number = 0;
  std::string time;

  auto order() const { return std::tie(number, time); }
};

bool parse_mark(std::string_view text, Mark& mark) {
  if (text.size() < kLeastNumberDigits + kTimeDigits + 2 || text.front() != '_') {
    return false;
  }
  text.remove_prefix(1);
  const std::string_view number = text.substr(0, text.find('_'));
  const std::string_view time = text.substr(std::min(text.size(), number.size() + 1));
  mark.time = time;
  return number.size() >= kLeastNumberDigits && number.size() <= kMostNumberDigits &&
         all_digits(number) && time.size() == kTimeDigits && all_digits(time) &&
         std::from_chars(number.data(), number.data() + number.size(), mark.number).ec ==
             std::errc();
}

// 0 where the file is not one of a capture in several files that can be read.
std::uint64_t capture_of(const std::string& path) {
  auto reader = Reader::open(path);
  const auto item = reader ? reader->next() : std::nullopt;
  const auto* session = item ? std::get_if<Session>(&*item) : nullptr;
  return session != nullptr ? session->capture : 0;
}

struct RotatedFile {
  Mark mark;
  std::string path;
};

// All that have such a name, in order; whoever wrote them.
std::vector<RotatedFile> files_named_after(const std::string& path) {
  const auto [stem, extension] = stem_and_extension(path);
  const std::string name = fs::path(stem).filename().native();
  const fs::path directory = fs::path(path).parent_path();
  std::vector<RotatedFile> found;
  std::error_code error;
  for (fs::directory_iterator it(directory.empty() ? "." : directory, error), end;
       !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().native();
    Mark mark;
    if (file.size() > name.size() + extension.size() && file.starts_with(name) &&
        file.ends_with(extension) &&
        parse_mark(std::string_view(file).substr(name.size(),
                                                 file.size() - name.size() - extension.size()),
                   mark) &&
        it->is_regular_file(error)) {
      found.push_back({.mark = std::move(mark), .path = (directory / file).native()});
    }
  }
  std::ranges::sort(found, {}, [](const RotatedFile& file) { return file.mark.order(); });
  return found;
}

}  // namespace

Rotation::Rotation(std::string path, std::uint64_t bytes, std::size_t files)
    : path_(std::move(path)), bytes_(bytes), files_(files) {
  if (bytes_ == 0) {
    return;
  }
  for (RotatedFile& file : files_named_after(path_)) {
    part_ = file.mark.number;
    if (files_ != 0 && capture_of(file.path) != 0) {
      names_.push_back(std::move(file.path));
    }
  }
}

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

RotatedFiles rotated_files(const std::string& path) {
  const std::vector<RotatedFile> found = files_named_after(path);
  std::vector<std::uint64_t> captures;
  captures.reserve(found.size());
  for (const RotatedFile& file : found) {
    captures.push_back(capture_of(file.path));
  }
  const auto reversed = std::views::reverse(captures);
  const auto newest =
      std::ranges::find_if(reversed, [](std::uint64_t capture) { return capture != 0; });
  RotatedFiles files;
  for (std::size_t i = 0; i < found.size(); ++i) {
    // Where none is ours, they are all given: who reads them says what they are.
    const bool wanted = newest == reversed.end() || captures[i] == *newest;
    (wanted ? files.newest : files.others).push_back(found[i].path);
  }
  return files;
}

}  // namespace tracepkt::capture
