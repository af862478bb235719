// The compiled BPF objects, embedded in the program.
#pragma once

#include <cstddef>
#include <span>

extern "C" {
extern const std::byte tracepkt_bpf_trace_short_begin[];
extern const std::byte tracepkt_bpf_trace_short_end[];
extern const std::byte tracepkt_bpf_trace_long_begin[];
extern const std::byte tracepkt_bpf_trace_long_end[];
extern const std::byte tracepkt_bpf_trace_without_kfuncs_begin[];
extern const std::byte tracepkt_bpf_trace_without_kfuncs_end[];
extern const std::byte tracepkt_bpf_command_begin[];
extern const std::byte tracepkt_bpf_command_end[];
extern const std::byte tracepkt_bpf_command_without_kfuncs_begin[];
extern const std::byte tracepkt_bpf_command_without_kfuncs_end[];
extern const std::byte tracepkt_bpf_functions_begin[];
extern const std::byte tracepkt_bpf_functions_end[];
extern const std::byte tracepkt_bpf_functions_kernel_ring_begin[];
extern const std::byte tracepkt_bpf_functions_kernel_ring_end[];
extern const std::byte tracepkt_bpf_functions_session_begin[];
extern const std::byte tracepkt_bpf_functions_session_end[];
extern const std::byte tracepkt_bpf_functions_session_context_begin[];
extern const std::byte tracepkt_bpf_functions_session_context_end[];
extern const std::byte tracepkt_bpf_device_programs_begin[];
extern const std::byte tracepkt_bpf_device_programs_end[];
extern const std::byte tracepkt_bpf_device_programs_kernel_ring_begin[];
extern const std::byte tracepkt_bpf_device_programs_kernel_ring_end[];
extern const std::byte tracepkt_bpf_trial_begin[];
extern const std::byte tracepkt_bpf_trial_end[];
}

namespace tracepkt::bpf
{

// The programs that trace (tracepkt.bpf.c), with stubs that nearly every filter fits.
inline std::span<const std::byte> short_trace_object()
{
	return {tracepkt_bpf_trace_short_begin, tracepkt_bpf_trace_short_end};
}

// The same with the longest stubs there are.
inline std::span<const std::byte> long_trace_object()
{
	return {tracepkt_bpf_trace_long_begin, tracepkt_bpf_trace_long_end};
}

// The same for kernels without bpf_rdonly_cast (before 6.2).
inline std::span<const std::byte> without_kfuncs_trace_object()
{
	return {tracepkt_bpf_trace_without_kfuncs_begin, tracepkt_bpf_trace_without_kfuncs_end};
}

// The same, both, for the packets of a command alone (command.bpf.h).
inline std::span<const std::byte> command_object()
{
	return {tracepkt_bpf_command_begin, tracepkt_bpf_command_end};
}

inline std::span<const std::byte> command_without_kfuncs_object()
{
	return {tracepkt_bpf_command_without_kfuncs_begin, tracepkt_bpf_command_without_kfuncs_end};
}

// The programs at kernel functions (functions.bpf.c), one for the call and one for the return.
// `kernel_ring`: their records' way is the one of the object for kernels before 6.2.
inline std::span<const std::byte> functions_object(bool kernel_ring)
{
	return kernel_ring ? std::span<const std::byte>{tracepkt_bpf_functions_kernel_ring_begin,
							tracepkt_bpf_functions_kernel_ring_end}
			   : std::span<const std::byte>{tracepkt_bpf_functions_begin,
							tracepkt_bpf_functions_end};
}

// The same as one program for both; `takes_context`: as its kfuncs are called since 7.0.
inline std::span<const std::byte> functions_session_object(bool takes_context)
{
	return takes_context
		   ? std::span<const std::byte>{tracepkt_bpf_functions_session_context_begin,
						tracepkt_bpf_functions_session_context_end}
		   : std::span<const std::byte>{tracepkt_bpf_functions_session_begin,
						tracepkt_bpf_functions_session_end};
}

// The programs at the BPF programs of interfaces (device_programs.bpf.c). `kernel_ring`: as above.
inline std::span<const std::byte> device_programs_object(bool kernel_ring)
{
	return kernel_ring
		   ? std::span<const std::byte>{tracepkt_bpf_device_programs_kernel_ring_begin,
						tracepkt_bpf_device_programs_kernel_ring_end}
		   : std::span<const std::byte>{tracepkt_bpf_device_programs_begin,
						tracepkt_bpf_device_programs_end};
}

// One empty program per kind of probe (trial.bpf.c), to see which kinds this kernel takes.
inline std::span<const std::byte> trial_object()
{
	return {tracepkt_bpf_trial_begin, tracepkt_bpf_trial_end};
}

} // namespace tracepkt::bpf
