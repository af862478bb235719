/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * An ICMP error about a packet. Where it is sent, the packet may be in a buffer that no hook saw
 * before: made anew where a clone is changed on its way, or of a packet made here. What was there
 * before is another one then, so that it is looked at again.
 */
#pragma once

#include "bpf/crossing.bpf.h"
#include "bpf/unbroken.bpf.h"

struct icmp_note {
	struct record_header header;
	struct icmp_section icmp;
};

static __always_inline int tell_icmp(const __u64 *ctx, struct sk_buff *skb, enum hook_id hook,
				     __u8 protocol)
{
	struct sighting sighting;
	struct icmp_note *note;
	struct place place;
	struct view view;

	if (!tracked_count)
		return 0;
	place = find_place(skb);
	sighting = look_again(skb, &place, STAGE_icmp, VIEW_OUT, &view);
	if (!sighting.id)
		return 0;
	note = room_for(sizeof(*note));
	if (!note)
		return 0;
	fill_note(&note->header, hook, STAGE_icmp, sighting.id);
	fill_device(&note->header, device_at(&place));
	__builtin_memset(&note->icmp, 0, sizeof(note->icmp));
	note->icmp.section.id = SECTION_icmp;
	note->icmp.section.size = sizeof(note->icmp);
	note->icmp.protocol = protocol;
	note->icmp.type = argument(ctx, 1);
	note->icmp.code = argument(ctx, 2);
	submit(note);
	return 0;
}

SEC("hook/icmp_send") int UNBROKEN(on_icmp_send, __u64 *ctx)
{
	return tell_icmp(ctx, (struct sk_buff *)ctx[0], HOOK_icmp_send, IPPROTO_ICMP);
}

/* Where there is no such tracepoint, as in 5.10. */
SEC("fentry/__icmp_send") int UNBROKEN(on_icmp_send_function, __u64 *ctx)
{
	return tell_icmp(ctx, (struct sk_buff *)ctx[0], HOOK_icmp_send, IPPROTO_ICMP);
}

SEC("fentry/icmp6_send") int UNBROKEN(on_icmp6_send, __u64 *ctx)
{
	return tell_icmp(ctx, (struct sk_buff *)ctx[0], HOOK_icmp6_send, IPPROTO_ICMPV6);
}
