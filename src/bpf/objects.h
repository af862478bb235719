// The compiled BPF objects, embedded in the program.
#pragma once

#include <cstddef>
#include <span>

extern "C" {
extern const std::byte tracepkt_bpf_tracepkt_begin[];
extern const std::byte tracepkt_bpf_tracepkt_end[];
extern const std::byte tracepkt_bpf_trial_begin[];
extern const std::byte tracepkt_bpf_trial_end[];
}

namespace tracepkt::bpf
{

// The programs that trace (tracepkt.bpf.c).
inline std::span<const std::byte> tracepkt_object()
{
	return {tracepkt_bpf_tracepkt_begin, tracepkt_bpf_tracepkt_end};
}

// One empty program per kind of probe (trial.bpf.c), to see which kinds this kernel takes.
inline std::span<const std::byte> trial_object()
{
	return {tracepkt_bpf_trial_begin, tracepkt_bpf_trial_end};
}

} // namespace tracepkt::bpf
