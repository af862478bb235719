# shellcheck shell=bash
# Which routing table answered, and with what: made here, forwarded, for this namespace; by a rule; and the kinds of
# routes that are none.
. "$(dirname "$0")/lib.sh"

router_network 4 6

# "left main unicast via A dev eth0; ..."
routes='[.hops[] | select(.stage == "route")
	| "\(.netns.name) \(.table) \(.type)" + (if .via then " via \(.via)" else "" end)
		+ (if .dev and .type != "local" then " dev \(.dev.name)" else "" end)
		+ (if .error then ": \(.error)" else "" end)] | join("; ")'

for family in 4 6; do
	d=$([ $family = 4 ] && echo "$target" || echo "$net6:1::2")
	echo "== through a router, $d"
	tp ping -c1 --netns left --format json "$d"
	expect_status 0
	via=$(at left ip "-$family" -j route get "$d" | jq -r '.[0].gateway')
	expect_json 'the ways of the request' \
		"left main unicast via $via dev eth0; router main unicast dev eth1; right local local" "requests[0] | $routes"
	expect_json 'in the order of the way' 'route tx rx in route tx rx in route deliver' \
		'requests[0] | [.hops[].stage] | join(" ")'
done

echo '== to a neighbour that has to be asked for first: its namespace looks up the same address, at an interface of the same number'
expect 'the same number' "$(ip -n router -j link show eth0 | jq '.[0].ifindex')" \
	"$(ip -n right -j link show eth0 | jq '.[0].ifindex')"
at router ip neigh flush dev eth1
tp ping -c1 --netns left --format json "$target"
expect_status 0
expect_json 'the ways of the request' \
	"left main unicast via $base.0.2 dev eth0; router main unicast dev eth1; right local local" "requests[0] | $routes"

tp ping -c1 --netns left "$target"
expect_line 'the table says so too' 'route +main: via [0-9.]+ dev eth0' "$out"

echo '== of other packets, with -v'
tp_trace -v --format json "icmp and host $target"
at left ping -q -c1 "$target" >/dev/null
wait_for_journeys 2 '.packet.icmp.type | IN(0, 8)'
tp_end INT
expect_json 'the ways of the request' \
	"left main unicast via $base.0.2 dev eth0; router main unicast dev eth1; right local local" "requests[0] | $routes"

echo '== of a packet that no interface sees: its next hop does not answer'
tp ping -c1 -W4 --netns left --format json "$base.0.77"
expect_status 1
expect_json 'the route and the end' "left main unicast dev eth0; dropped" "requests[0] | ($routes) + \"; \" + .outcome.kind"

echo '== by a rule, from a table of its own'
at router ip rule add fwmark 7 table 77
at router ip route add "$target/32" via "$target" dev eth1 onlink table 77
at router ip rule add iif eth0 table 78 pref 50
at router ip route add "$target/32" dev eth1 table 78
tp ping -c1 --netns left --format json "$target"
expect_json 'the router asks that table' 'router 78 unicast dev eth1' \
	"requests[0] | .hops |= map(select(.netns.name == \"router\")) | $routes"
ip_rule='[.hops[] | .ip_rule // empty | "\(.priority) \(.text)"] | join("; ")'
expect_json 'and that rule led there' '50 from all iif eth0 lookup 78' "requests[0] | $ip_rule"
check_json
at router ip rule add iif eth1 table 78 pref 51
tp ping -c1 --netns left --format json "$target"
expect_json 'of several rules for a table none is named' '' "requests[0] | $ip_rule"
check_json
at router ip rule del iif eth1 table 78 pref 51
tp ping -c1 --netns left "$target"
expect_line 'the table names it too' '78: dev eth1; rule 50: from all iif eth0 lookup 78$' "$out"
at router ip rule del fwmark 7 table 77
at router ip rule del iif eth0 table 78 pref 50

echo '== a rule that refuses'
kinds=(blackhole unreachable prohibit)
[ -z "$brief" ] || kinds=(prohibit)
for family in 4 6; do
	d=$([ $family = 4 ] && echo "$target" || echo "$net6:1::2")
	from=$(at left ip "-$family" -j route get "$d" | jq -r '.[0].prefsrc')
	for kind in "${kinds[@]}"; do
		at router ip "-$family" rule add from "$from" pref 100 "$kind"
		tp ping -c1 -W1 --netns left --format json "$d"
		expect_status 1
		expect_json "$kind by a rule, IPv$family" "null $kind 100 from $from $kind" \
			"requests[0] | [.hops[] | select(.stage == \"route\" and .netns.name == \"router\") | \"\(.table) \(.type)\"][-1] + \" \" + ($ip_rule)"
		expect_json 'and the advice' 'dropped rule_refuses' 'requests[0].outcome | "\(.kind) \(.advice.key)"'
		expect_json 'names it' true "requests[0].outcome.advice | (.cause | contains(\"100: from $from $kind\")) and (.mend | contains(\"rule del pref 100 from $from $kind\"))"
		check_json
		at router ip "-$family" rule del pref 100
	done
done

echo '== what was looked up for a datagram before is no part of the way of the next one'
if at right nft list ruleset >/dev/null 2>"$work/nft"; then
	serve right udp 6009 'while True: s.recv(9)'
	tp_trace -v --format json "udp dst port 6009"
	datagrams left "$target" 6009 1 1
	at right nft 'table ip early { chain it { type filter hook prerouting priority -300; udp dport 6009 drop; }; }'
	datagrams left "$target" 6009 1 1
	wait_for_journeys 1 '.outcome.kind == "dropped"'
	tp_end INT
	refused='(journeys | map(select(.outcome.kind == "dropped")) | .[0])'
	expect_json 'none in the namespace that it was dropped in' '[]' \
		"$refused | [.hops[] | select(.stage == \"route\" and .netns.name == \"right\")]"
	expect_json 'it begins where it was sent' left "$refused.hops[0].netns.name"
	check_json
	at right nft delete table ip early
	kill "$server"
else
	without "a datagram that is dropped before its route: $(head -1 "$work/nft")"
fi

echo '== routes that are none'
for kind in blackhole unreachable prohibit; do
	at router ip route add "$kind" "$target/32"
	tp ping -c1 -W1 --netns left --format json "$target"
	expect_status 1
	expect_json "$kind" "router main $kind" \
		"requests[0] | .hops |= map(select(.netns.name == \"router\") | del(.error)) | $routes"
	expect_json 'the end' 'dropped' 'requests[0] | .outcome.kind'
	at router ip route del "$kind" "$target/32"
done
at router ip route del "$base.1.0/24"
tp ping -c1 -W1 --netns left --format json "$target"
expect_json 'no route' 'router main none: no route' \
	"requests[0] | .hops |= map(select(.netns.name == \"router\")) | $routes"
