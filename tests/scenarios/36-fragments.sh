# shellcheck shell=bash
# Fragments: each is a packet of its own, and all but the first say little.
. "$(dirname "$0")/lib.sh"

router_network 4
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
