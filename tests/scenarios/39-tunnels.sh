# shellcheck shell=bash
# Tunnels: the packet inside and the one outside are one journey, and where the one becomes the other is told.
. "$(dirname "$0")/lib.sh"

cable_network 25
wait_for 'IPv4 to be open' at left ping -c1 -W2 "$net4.2"
base=${net4%.*}

# "left tun encap vxlan 10.0.0.1 -> 10.0.0.2"
tunnels='[.hops[] | select(.stage == "tunnel") | "\(.netns.name) \(.dev.name) \(.action) \(.kind) \(.outer.src) -> \(.outer.dst)"] | join(", ")'

expect_request() { # kind overhead
	local kind=$1 overhead=$2
	expect_json "$kind: there" "left tun encap $kind $net4.1 -> $net4.2, right tun decap $kind $net4.1 -> $net4.2" "requests[0] | $tunnels"
	expect_json "$kind: so many bytes more" "$overhead" 'requests[0].hops | map(select(.stage == "tunnel") | .overhead) | unique | map(tostring) | join(" ")'
	expect_json "$kind: between the interfaces" 'tx tunnel tx rx tunnel rx deliver' \
		'requests[0] | [.hops[].stage | select(IN("tx", "tunnel", "rx", "deliver"))] | join(" ")'
}

tried=0
tunnel() { # kind overhead type args...
	local kind=$1 overhead=$2 type=$3 target=$base.250.2
	echo "== $kind"
	modprobe -q "$type" 2>/dev/null || true
	if ! ip -n left link add name tun type "${@:3}" local "$net4.1" remote "$net4.2" 2>"$work/ip"; then
		without "$kind: $(cat "$work/ip")"
		return 0
	fi
	tried=1
	ip -n right link add name tun type "${@:3}" local "$net4.2" remote "$net4.1"
	ip -n left link set dev tun up
	ip -n right link set dev tun up
	if [ "$type" = sit ]; then
		target=$net6:250::2
		address left tun "$net6:250::1/64"
		address right tun "$target/64"
	else
		address left tun "$base.250.1/24"
		address right tun "$target/24"
	fi
	wait_for 'the tunnel to be open' at left ping -c1 -W2 "$target"
	tp ping -c1 --netns left --format json "$target"
	expect_status 0
	# An emulated machine may take longer for it than a packet can and still be known for the same (TRANSFORM_NS in
	# bpf/track.bpf.h).
	if [ -n "$brief" ] && [ "$(query 'requests[0] | crossings')" = 'left tun tx, right tun rx' ]; then
		without "$kind: the outer way of the request: this machine is too slow"
	else
		expect_request "$kind" "$overhead"
	fi
	expect_json "$kind: and back" "right tun encap $kind $net4.2 -> $net4.1, left tun decap $kind $net4.2 -> $net4.1" "replies[0] | $tunnels"
	expect_json "$kind: one journey each way" '1 1' '"\(requests | length) \(replies | length)"'
	expect_json "$kind: in order" true '[requests[0], replies[0]] | map(ordered) | all'
	tp ping -c1 --netns left "$target"
	expect_line "$kind: in words" "encap: into $kind " "$out"
	expect_line "$kind: and out again" "decap: out of $kind " "$out"
	# Of the outer packet, the filter knows the outer addresses only.
	tp_trace --format json "host $net4.2 and host $net4.1 and not arp"
	at left ping -q -c1 -W2 "$target" >/dev/null
	# What it was before is not known, but what comes out of it is.
	wait_for_journeys 1 "$tunnels == \"right tun decap $kind $net4.1 -> $net4.2\""
	wait_for_journeys 1 "$tunnels == \"left tun decap $kind $net4.2 -> $net4.1\""
	tp_end INT
	ip -n left link del dev tun
	ip -n right link del dev tun 2>/dev/null || true
}

tunnel vxlan 50 vxlan id 7 dstport 4789 dev eth0
if ip -n left link add name tun type vxlan id 7 dstport 4789 local "$net4.1" remote "$net4.2" df set 2>"$work/ip"; then
	echo '== too long for the way of the tunnel'
	ip -n left link set dev tun up
	address left tun "$base.250.1/24"
	ip -n left neigh replace "$base.250.2" lladdr 02:00:00:00:00:02 dev tun
	ip -n left route add "$net4.2/32" dev eth0 mtu 1400
	tp ping -c1 -W1 -s 1400 --netns left --format json "$base.250.2"
	expect_status 1
	if ! tells_icmp; then
		without 'the error about the outer packet: this kernel tells of none'
	fi
	expect_json 'the outer packet is dropped, and is the same one' 'dropped in left: tun tx, tun tunnel, eth0 drop' \
		'requests[0] | "\(outcome_words): \([.hops[] | select(.stage | IN("tx", "tunnel", "drop")) | "\(.dev.name) \(.stage)"] | join(", "))"'
	expect_json 'which names the tunnel' 'tunnel_mtu Give tun an MTU that is 50 bytes smaller' \
		'requests[0].outcome.advice | "\(.key) \(.mend | split(" than")[0])"'
	ip -n left route del "$net4.2/32" dev eth0
	ip -n left link del dev tun
else
	without "what is too long for a tunnel's way: $(cat "$work/ip")"
fi
tunnel ipip 20 ipip
tunnel gre 24 gre
tunnel gre 38 gretap
tunnel sit 20 sit
[ $tried = 1 ] || skip 'no kind of tunnel here'
