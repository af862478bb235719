// Mapping owns memory that is mapped from a file descriptor and shared with who else has it.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

namespace tracepkt {

class Mapping {
 public:
  Mapping() = default;
  // `size` bytes of it, from byte `at` on: a multiple of a page's. Not valid() where the kernel
  // refuses; errno says why.
  Mapping(int fd, std::size_t size, int protection, std::size_t at = 0)
      : start_(mmap(nullptr, size, protection, MAP_SHARED, fd, static_cast<off_t>(at))),
        size_(size) {}
  Mapping(Mapping&& other) noexcept
      : start_(std::exchange(other.start_, MAP_FAILED)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(start_, other.start_);
    std::swap(size_, other.size_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (valid()) {
      munmap(start_, size_);
    }
  }

  bool valid() const { return start_ != MAP_FAILED; }
  void* start() const { return start_; }

  static std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

 private:
  void* start_ = MAP_FAILED;
  std::size_t size_ = 0;
};

}  // namespace tracepkt
