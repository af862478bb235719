#include "kernel/tracked_table.h"

#include <bpf/libbpf.h>

#include <vector>

#include "base/mapping.h"

namespace tracepkt::kernel {
namespace {

bool is_entry(std::uint64_t head) { return head != 0 && head != TRACKED_CLAIMED; }

}  // namespace

std::optional<TrackedTable> TrackedTable::map(const bpf_object* object) {
  constexpr std::size_t kSets = std::size_t{1} << TRACKED_SETS_BITS;
  const auto pages = std::make_shared<std::vector<Mapping>>();
  const auto map = [&](const char* name, std::size_t size) {
    const std::size_t page = Mapping::page_size();
    const int fd = bpf_object__find_map_fd_by_name(object, name);
    const Mapping& mapping =
        pages->emplace_back(fd, (size + page - 1) / page * page, PROT_READ | PROT_WRITE);
    return mapping.valid() ? mapping.start() : nullptr;
  };
  auto* sets = static_cast<tracked_set*>(map("tracked_sets", kSets * sizeof(tracked_set)));
  auto* packets =
      static_cast<const tracked*>(map("tracked_packets", TRACKED_MAX * sizeof(tracked)));
  auto* count = static_cast<std::int64_t*>(map(".data.tracked", sizeof(std::int64_t)));
  if (sets == nullptr || packets == nullptr || count == nullptr) {
    return std::nullopt;
  }
  TrackedTable table({sets, kSets}, {packets, TRACKED_MAX}, *count);
  table.mapped_ = pages;
  return table;
}

void TrackedTable::forget(std::uint64_t now_ns, std::uint64_t age_ns) {
  for (std::size_t set = 0; set < sets_.size(); ++set) {
    tracked_set& places = sets_[set];
    for (std::size_t way = 0; way < TRACKED_WAYS; ++way) {
      const auto is_stale = [&] {
        return is_entry(__atomic_load_n(&places.heads[way], __ATOMIC_ACQUIRE)) &&
               packets_[TRACKED_INDEX(set, way)].seen_ns + age_ns < now_ns;
      };
      if (!is_stale()) {
        continue;
      }
      // As the kernel side does it: see is_alone() in bpf/tracked.bpf.h.
      const bool alone = __atomic_fetch_add(&places.writers, 1, __ATOMIC_SEQ_CST) == 0;
      // It may have been forgotten meanwhile, and its place be another packet's.
      if (alone && is_stale()) {
        __atomic_store_n(&places.heads[way], 0, __ATOMIC_RELEASE);
        __atomic_fetch_sub(count_, 1, __ATOMIC_RELAXED);
      }
      __atomic_fetch_sub(&places.writers, 1, __ATOMIC_SEQ_CST);
    }
  }
}

}  // namespace tracepkt::kernel
