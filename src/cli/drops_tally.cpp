#include "cli/drops_tally.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "explain/words.h"

namespace tracepkt::cli {
namespace {

using journey::DropGroup;

double seconds(std::uint64_t begin_ns, std::uint64_t end_ns) {
  return static_cast<double>(end_ns - std::min(begin_ns, end_ns)) / 1e9;
}

}  // namespace

DropsTally::DropsTally(const DropsOptions& options, std::optional<std::uint64_t> count,
                       journey::Names& names, journey::DropGroups::OwnerOf owner_of,
                       std::unique_ptr<sinks::DropsView> view)
    : options_(options),
      count_(count),
      groups_(names, std::move(owner_of),
              [](const journey::DropInfo& drop, const decode::Packet& packet) {
                return explain::is_fault(drop, packet);
              }),
      view_(std::move(view)) {}

bool DropsTally::is_shown(const DropGroup& group) const {
  return options_.common.verbosity > 0 || !group.harmless;
}

void DropsTally::add(const decode::Event& event) {
  if (!wants_more()) {
    return;
  }
  const std::uint64_t others = groups_.others();
  const DropGroup* group = groups_.add(event);
  drops_ += group != nullptr ? is_shown(*group) : groups_.others() - others;
}

sinks::DropsReport DropsTally::report(std::uint64_t now_ns) {
  sinks::DropsReport report{.drops = drops_,
                            .fresh = drops_ - drops_before_,
                            .others = groups_.others(),
                            .interval_s = seconds(interval_ns_, now_ns),
                            .elapsed_s = seconds(begin_ns_, now_ns)};
  shown_.clear();
  for (const DropGroup& group : groups_.groups()) {
    if (is_shown(group)) {
      shown_.push_back(&group);
    } else {
      report.harmless += group.count;
    }
  }
  std::ranges::stable_sort(shown_, std::greater(), &DropGroup::count);
  report.groups = shown_;
  return report;
}

void DropsTally::show_interval(std::uint64_t now_ns) {
  view_->interval(report(now_ns));
  groups_.begin_interval();
  drops_before_ = drops_;
  interval_ns_ = now_ns;
}

void DropsTally::end(std::uint64_t now_ns, const sinks::Summary& summary) {
  view_->end(report(now_ns), summary);
}

}  // namespace tracepkt::cli
