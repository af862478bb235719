# shellcheck shell=bash
# Fragments: each is a packet of its own, and all but the first say little.
. "$(dirname "$0")/lib.sh"

router_network 4 6
# What waits in vain is not to be told of in the parts behind.
at right sysctl -qw net.ipv4.ipfrag_time=600 net.ipv6.ip6frag_time=600
filter="net $base.0.0/16 and (udp or ip[6:2] & 0x1fff != 0)"

# Over UDP, in fragments where they need be: IP_PMTUDISC_DONT.
send() { datagrams left "$target" 6002 "$1" 1 0; } # bytes
# Fragments that are sent again, and the packets that a receiver answers with, are none of these.
first='map(select(.packet.fragment == "first"))[0]'
later='map(select(.packet.fragment == "later"))'

echo '== delivered'
serve right udp 6002 'print(len(s.recv(9000)), flush=True)'
tp_trace --format json "$filter"
send 4000
wait "$server"
tp_end INT
expect 'all of it came' 4000 "$(tail -n 1 "$work/server")"
expect_json 'three' 3 'journeys | length'
expect_json 'none is missed, none dropped' 'consumed delivered' \
	'[journeys[] | .outcome.kind, "delivered"] | unique | join(" ")'
expect_json 'each came to where it was meant to go' '["right"]' '[journeys[].outcome.netns.name] | unique | tojson'
tp_trace "$filter"
send 4000 # nobody listens, and the first is dropped
wait_for 'the drop' grep -q 'NO_SOCKET\|DROPPED in right' "$out"
tp_end INT
expect_no_line 'of none is said what is not so' 'LOST SIGHT|waiting for the link address|MTU' "$out"

echo '== cut by a router'
ip -n router link set dev eth1 mtu 1300
tp_trace "$filter"
datagrams left "$target" 6002 1400 1 0
wait_for 'the parts' grep -q 'a later fragment' "$out"
tp_end INT
expect_line 'the router has not taken it' ' left through eth1 after' "$out"
expect_line 'it is said what became of it' 'It was sent by eth1 as several packets' "$out"
ip -n router link set dev eth1 mtu 1500

echo '== IPv6: what the receiver makes of the fragments is the first of them, and so is what a router does that tracks connections'
target6=$net6:1::2
for tracking in '' yes; do
	if [ "$tracking" ] && ! at router nft 'add table inet guard; add chain inet guard it { type filter hook forward priority 0; ct state invalid drop; }' 2>"$work/nft"; then
		without "connection tracking: $(head -1 "$work/nft")"
		continue
	fi
	tp_trace -v --format json "ip6 src $net6:0::1 and not icmp6"
	datagrams left "$target6" 6002 4000 1
	wait_for_journeys 3
	tp_end INT
	expect_json "three${tracking:+, tracked}" 3 'journeys | length'
	expect_json 'the first is dropped where the packet is' 'dropped in right: eth0 tx, eth0 rx, eth0 in, eth1 tx, eth0 rx, eth0 in, eth0 drop' \
		"journeys | $first"' | "\(outcome_words): \([.hops[] | select(.stage | IN("tx", "rx", "in", "drop")) | "\(.dev.name) \(.stage)"] | join(", "))"'
	expect_json 'and knows that it is for this namespace' 'local' "journeys | $first"' | [.hops[] | select(.stage == "route" and .netns.name == "right")] | map(.type) | join(", ")'
	expect_json 'the others are a part of it' '["consumed in right"]' "journeys | $later | map(outcome_words) | unique | tojson"
	tp_start ping -c1 -s 4000 --netns left --format json "$target6"
	tp_wait
	expect_status 0
	expect_json 'a ping, too: there' 'delivered in right: local' \
		'journeys | map(select(.direction == "request"))[0] | "\(outcome_words): \([.hops[] | select(.stage == "route" and .netns.name == "right") | .type] | join(", "))"'
	expect_json 'and back' 'delivered in left' 'journeys | map(select(.direction == "reply"))[0] | outcome_words'
	expect_json 'each is one' 2 'journeys | length'
done
[ -z "$tracking" ] || at router nft delete table inet guard 2>/dev/null || true

if at right nft 'add table ip guard; add chain ip guard it { type filter hook prerouting priority -500; ip frag-off & 0x1fff != 0 drop; }' 2>"$work/nft"; then
	echo '== the first waits for the others, which do not come'
	tp_watch trace "$filter"
	send 4000
	tp_end INT
	expect_line 'it is said' 'Reasm' "$out"
	at right nft delete table ip guard
else
	without "fragments that are dropped: $(head -1 "$work/nft")"
fi

if has_device vxlan id 7 dstport 4789 dev lo; then
	echo "== what a tunnel's packet is cut into, because it is longer than the next link takes"
	at_tunnel=$base.250
	for end in "left 1 $near $target" "right 2 $target $near"; do
		read -r end number local remote <<<"$end"
		ip -n "$end" link add name tun mtu 1500 address "02:00:00:00:00:0$number" type vxlan id 7 dstport 4789 local "$local" remote "$remote"
		ip -n "$end" link set dev tun up
		address "$end" tun "$at_tunnel.$number/24"
		ip -n "$end" neigh replace "$at_tunnel.$((3 - number))" dev tun lladdr "02:00:00:00:00:0$((3 - number))"
	done
	tp_trace --format json "$filter"
	datagrams left "$at_tunnel.2" 6002 1472 1 2 # IP_PMTUDISC_DO: what is inside is not cut
	wait_for_journeys 1 ".packet.dst == \"$at_tunnel.2\" and .hops[0].netns.name == \"left\""
	wait_for_journeys 1 '.packet.fragment == "later"'
	tp_end INT
	expect_json 'it left through the tunnel' 'left tun' \
		'journeys | map(select(.packet.dst == "'"$at_tunnel.2"'" and .hops[0].netns.name == "left"))[0].outcome | "\(.kind) \(.device.name)"'
	# An emulated machine may take longer: see scenario 39.
	if [ -n "$brief" ] && [ "$(query "journeys | $first | .outcome.kind")" = consumed ]; then
		without "what comes out of a tunnel's fragments: this machine is too slow"
	else
		expect_json 'and comes out of its fragments' "decap vxlan $near -> $target of tun" \
			"journeys | $first"' | .hops[] | select(.stage == "tunnel") | "\(.action) \(.kind) \(.outer.src) -> \(.outer.dst) of \(.dev.name)"'
	fi
	ip -n left route flush cache
	tp_watch trace "$filter"
	datagrams left "$at_tunnel.2" 6002 1472 1 2
	wait_for 'the fragments' grep -q 'a later fragment' "$out"
	tp_end INT
	expect_line 'it is said' 'What tun put it into was sent by eth0' "$out"
	ip -n left link del dev tun
	ip -n right link del dev tun
else
	without "a tunnel's packet that is cut: $(cat "$work/has_device")"
fi

echo '== of a ping: that the others are dropped is told, once'
# family, address, what a later fragment is to nft
while read -r family there later_is; do
	if ! at right nft "add table $family guard; add chain $family guard it { type filter hook prerouting priority -500; $later_is drop; }" 2>"$work/nft"; then
		without "fragments that are dropped ($family): $(head -1 "$work/nft")"
		continue
	fi
	tp ping -c1 -W1 -s 4000 --netns left --format json "$there"
	expect_status 1
	expect_json "one, and who dropped it ($family)" 'dropped in right: firewall' "journeys | $later"' | map("\(outcome_words): \(.outcome.advice.key)") | join(", ")'
	expect_json 'the ping is not answered' 'false' 'map(select(.type == "exchange"))[0].answered'
	at right nft delete table "$family" guard
	tp ping -c1 -s 4000 --netns left --format json "$there"
	expect_json 'of what is put together nothing is dropped' '["delivered in left","delivered in right"]' 'journeys | map(outcome_words) | unique | tojson'
done <<-END
	ip $target ip frag-off & 0x1fff != 0
	ip6 $target6 frag frag-off != 0
END

echo '== may not be cut, and is too large for the next link'
at router ip link set eth1 mtu 1000
tp_trace --format json "$filter"
datagrams left "$target" 6002 1300 1 2 # IP_PMTUDISC_DO
wait_for_journeys 1
tp_end INT
# Without reasons (before 5.17) ip_forward may have had any.
expect_json 'the router drops it, for that reason' 'dropped in router: mtu' \
	'journeys[0] | "\(outcome_words): \(if .outcome.reason then .outcome.advice.key else "mtu" end)"'
at router ip link set eth1 mtu 1500
at left ip route flush cache

if at left nft 'add table netdev guard; add chain netdev guard it { type filter hook egress device "eth0" priority 0; udp dport 6002 drop; }' 2>"$work/nft"; then
	echo '== the first is dropped where it leaves: the others go with it'
	tp_trace --format json "$filter"
	send 4000
	wait_for_journeys 2
	tp_end INT
	expect_json 'the first, by the firewall' 'dropped in left: firewall' "journeys | $first | \"\\(outcome_words): \\(.outcome.advice.key)\""
	expect_json 'the others, with it' '["dropped in left: fragments_freed"]' \
		"journeys | $later | map(\"\\(outcome_words): \\(.outcome.advice.key)\") | unique | tojson"
	tp_watch drops --format json -i 0.1 "$filter"
	# Six fragments each. All but the first two never had a header, only room for it, and stale memory in it.
	datagrams left "$target" 6002 8000 20 0
	freed='map(select(.type == "drops")) | group_by(.advice.key) | map("\(.[0].advice.key) \(map(.fresh) | add)") | join(", ")'
	drops_told() { jq -rse "$freed == \"firewall 20, fragments_freed 20\"" "$out" >"$work/told"; }
	wait_for 'the drops' drops_told
	tp_end INT
	expect_json 'drops says the same, and of nothing else' 'firewall 20, fragments_freed 20' "$freed"
else
	without "a firewall at egress: $(head -1 "$work/nft")"
fi

if at right nft 'add table ip guard; add chain ip guard it { type filter hook input priority 0; tcp dport 6003 reject with icmp type host-unreachable; }' 2>"$work/nft"; then
	echo '== an ICMP error that ends a connection has done its work'
	tp_trace --format json "icmp and net $base.0.0/16"
	at left python3 -c "
import socket
try: socket.create_connection(('$target', 6003), 20)
except OSError as error: print(error)"
	wait_for_journeys 1
	tp_end INT
	expect_json 'it was delivered' '["delivered in left"]' 'journeys | map(outcome_words) | unique | tojson'
else
	without "reject: $(head -1 "$work/nft")"
fi
