// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * For -vv: every kernel function that is given a packet which is followed, and what it returns. In
 * an object of its own, which shares the tables of the one that follows packets: no other session
 * pays for this. It begins no journey.
 *
 * One program stands at all functions. Which of its arguments is the packet, `functions` tells it.
 */
/* It is for kernels from 5.10 on (before 6.2 with -DKERNEL_RING). */
#define WITHOUT_KFUNCS
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/note_header.bpf.h"
#include "bpf/tracked.bpf.h"
#include "wire/function.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct function_record {
	struct record_header header;
	struct function_section function;
};

/* By address. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FUNCTIONS_MAX);
	__type(key, __u64);
	__type(value, struct traced_function);
} functions SEC(".maps");

/*
 * All are loaded, and kept apart, before it is asked which is meant: an address in the context that
 * depends on something is refused.
 */
static __always_inline __u64 argument_of(struct pt_regs *ctx, __u8 number)
{
	__u64 first = ctx->di;
	__u64 second = ctx->si;
	__u64 third = ctx->dx;
	__u64 fourth = ctx->cx;
	__u64 fifth = ctx->r8;

	asm volatile("" : "+r"(first), "+r"(second), "+r"(third), "+r"(fourth), "+r"(fifth));
	switch (number) {
	case 1:
		return first;
	case 2:
		return second;
	case 3:
		return third;
	case 4:
		return fourth;
	default:
		return fifth;
	}
}

static __always_inline void fill_function(struct function_section *section,
					  const struct traced_function *function, __u64 address)
{
	section->section.id = SECTION_function;
	section->section.size = sizeof(*section);
	section->returns = function->returns;
	section->size = function->size;
	section->returned = 0;
	section->argument = function->argument;
	section->address = address;
	section->value = 0;
}

/*
 * Tells that the function is called, if its packet is followed: the packet's id then, else 0. An
 * skb whose bytes are an other's now is that other packet.
 */
static __always_inline __u64 tell_call(struct pt_regs *ctx, __u64 address,
				       const struct traced_function *function)
{
	struct sk_buff *skb = (struct sk_buff *)argument_of(ctx, function->argument);
	struct tracked *known = find_told((__u64)BPF_CORE_READ(skb, head));
	struct function_record *record;
	__u64 packet;

	if (!known)
		return 0;
	packet = known->id;
	record = room_for(sizeof(*record));
	if (!record)
		return 0;
	fill_note(&record->header, HOOK_function, STAGE_function, packet);
	record->header.netns = known->netns;
	record->header.iif = BPF_CORE_READ(skb, skb_iif);
	/* A socket keeps what it likes there: see find_place(). */
	if ((__s64)BPF_CORE_READ(skb, dev) < 0)
		fill_device(&record->header, BPF_CORE_READ(skb, dev));
	fill_function(&record->function, function, address);
	submit(record);
	return packet;
}

static __always_inline void tell_return(struct pt_regs *ctx, __u64 address, __u64 packet)
{
	struct traced_function *function = bpf_map_lookup_elem(&functions, &address);
	struct function_record *record;

	if (!function)
		return;
	record = room_for(sizeof(*record));
	if (!record)
		return;
	fill_note(&record->header, HOOK_function, STAGE_function, packet);
	fill_function(&record->function, function, address);
	record->function.returned = 1;
	record->function.value = ctx->ax;
	submit(record);
}

#ifdef WITH_SESSION

/* They take no argument until 7.0, and libbpf compares. */
#ifdef SESSION_TAKES_CONTEXT
extern __u64 *bpf_session_cookie(void *ctx) __ksym;
extern bool bpf_session_is_return(void *ctx) __ksym;
#define session_cookie(ctx) bpf_session_cookie(ctx)
#define session_is_return(ctx) bpf_session_is_return(ctx)
#else
extern __u64 *bpf_session_cookie(void) __ksym;
extern bool bpf_session_is_return(void) __ksym;
#define session_cookie(ctx) bpf_session_cookie()
#define session_is_return(ctx) bpf_session_is_return()
#endif

/* Called for both (6.10); after 1 at the call the kernel leaves the return alone. */
SEC("kprobe") int on_function_session(struct pt_regs *ctx)
{
	__u64 address = bpf_get_func_ip(ctx);
	__u64 *packet = session_cookie(ctx);
	struct traced_function *function;

	if (session_is_return(ctx)) {
		tell_return(ctx, address, *packet);
		return 0;
	}
	if (!tracked_count)
		return 1;
	function = bpf_map_lookup_elem(&functions, &address);
	if (!function)
		return 1;
	*packet = tell_call(ctx, address, function);
	return !*packet || function->returns == RETURNS_NOTHING;
}

#else

/* A call that has not returned, by where on the stack it returns to: no two have that in common. */
struct call {
	__u64 packet;
	__u64 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRACKED_MAX);
	__type(key, __u64);
	__type(value, struct call);
} calls SEC(".maps");

/* The helper came with 5.15 (9ffd9f3ff719). Before, a kprobe at the first byte has gone past it. */
static __always_inline __u64 function_at(struct pt_regs *ctx)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_func_ip))
		return bpf_get_func_ip(ctx);
	return ctx->ip - 1;
}

/* A return takes its address off the stack. */
#define RETURN_ADDRESS_BYTES 8

SEC("kprobe") int on_function(struct pt_regs *ctx)
{
	__u64 key = ctx->sp;
	struct traced_function *function;
	struct call call = {};

	if (!tracked_count)
		return 0;
	call.address = function_at(ctx);
	function = bpf_map_lookup_elem(&functions, &call.address);
	if (!function)
		return 0;
	call.packet = tell_call(ctx, call.address, function);
	if (call.packet && function->returns != RETURNS_NOTHING)
		bpf_map_update_elem(&calls, &key, &call, BPF_ANY);
	else /* of a call whose return was missed */
		bpf_map_delete_elem(&calls, &key);
	return 0;
}

SEC("kretprobe") int on_function_return(struct pt_regs *ctx)
{
	__u64 key = ctx->sp - RETURN_ADDRESS_BYTES;
	struct call *call = bpf_map_lookup_elem(&calls, &key);

	if (!call)
		return 0;
	tell_return(ctx, call->address, call->packet);
	bpf_map_delete_elem(&calls, &key);
	return 0;
}

#endif
