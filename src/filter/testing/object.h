// The compiled testing/filter_trial.bpf.c.
#pragma once

#include <cstddef>
#include <span>

// NOLINTBEGIN(readability-identifier-naming): what bpf_object() calls them
extern "C" {
extern const std::byte tracepkt_bpf_filter_trial_begin[];
extern const std::byte tracepkt_bpf_filter_trial_end[];
extern const std::byte tracepkt_bpf_filter_trial_short_begin[];
extern const std::byte tracepkt_bpf_filter_trial_short_end[];
}
// NOLINTEND(readability-identifier-naming)

namespace tracepkt::filter::testing {

inline std::span<const std::byte> trial_object() {
  return {tracepkt_bpf_filter_trial_begin, tracepkt_bpf_filter_trial_end};
}

// The same with stubs of FILTER_INSNS_SHORT.
inline std::span<const std::byte> short_trial_object() {
  return {tracepkt_bpf_filter_trial_short_begin, tracepkt_bpf_filter_trial_short_end};
}

}  // namespace tracepkt::filter::testing
