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

echo '== one of several next hops: which, is selected after the table was asked'
netns near
netns far
for k in 1 2; do
	ip link add "x$k" netns near type veth peer name "x$k" netns far
	for at in near far; do
		ip -n $at link set "x$k" up
		n=$([ $at = near ] && echo 1 || echo 2)
		ip -n $at addr add "10.8.$k.$n/24" dev "x$k"
		ip -n $at addr add "$net6:8$k::$n/64" dev "x$k" nodad
	done
done
ip -n far addr add 10.8.1.3/24 dev x1
taken='[.hops[] | select(.netns.name == "near" and (.stage == "route" or .stage == "tx"))
	| if .stage == "tx" then .dev.name else "\(.via) \(.dev.name)" end] | join(" then ")'
several() { # [destination "next hops" "what is told": a list]...
	local all=("$@") i d
	for ((i = 0; i < $#; i += 3)); do
		d=${all[i]}
		ip -n far addr add "$d" dev lo
		# shellcheck disable=SC2086
		ip -n near "$([[ $d == *:* ]] && echo -6 || echo -4)" route add "$d" ${all[i + 1]}
	done
	tp_trace -v --format json 'icmp or icmp6'
	for ((i = 0; i < $#; i += 3)); do at near ping -q -c1 "${all[i]}" >/dev/null; done
	wait_for_journeys $(($# / 3)) '.packet.icmp.type | IN(8, 128)'
	tp_end INT
	expect_status 0
	for ((i = 0; i < $#; i += 3)); do
		expect_json "${all[i]}" true \
			"requests | map(select(.packet.dst == \"${all[i]}\"))[0] | ($taken) | if IN(${all[i + 2]}) then true else . end"
	done
	check_json
}
of_two=()
for k in 1 2 3 4 5 6; do
	of_two+=("10.9.9.$k" 'nexthop via 10.8.1.2 dev x1 nexthop via 10.8.2.2 dev x2'
		'"10.8.1.2 x1 then x1", "10.8.2.2 x2 then x2"'
		"$net6:99::$k" "nexthop via $net6:81::2 dev x1 nexthop via $net6:82::2 dev x2"
		"\"$net6:81::2 x1 then x1\", \"$net6:82::2 x2 then x2\"")
done
several "${of_two[@]}"
echo '== and nothing tells which of two at the same interface, nor which of a group of nexthop objects'
ip -n near nexthop add id 1 via 10.8.1.2 dev x1
ip -n near nexthop add id 2 via 10.8.2.2 dev x2
ip -n near nexthop add id 3 via 10.8.2.2 dev x2
ip -n near nexthop add id 9 group 1/2
# A packet that waits for its next hop's link address has its route with it: here none waits.
for via in 10.8.1.2 10.8.1.3 10.8.2.2; do at near ping -q -c1 "$via" >/dev/null; done
several 10.9.9.7 'nexthop via 10.8.1.2 dev x1 nexthop via 10.8.1.3 dev x1' '"null x1 then x1"' \
	10.9.9.8 'nhid 9' '"null x1 then x1", "null x2 then x2"' 10.9.9.9 'nhid 3' '"10.8.2.2 x2 then x2"'
tp ping -c1 --netns near 10.9.9.7
expect_line 'in words' '^ +main: dev x1, by one of several next hops' "$out"

echo '== what others ask for meanwhile is not told: their packets have a mark, and go another way'
ip -n far addr add 10.9.9.10 dev lo
ip -n near route add 10.9.9.10 via 10.8.1.2
ip -n near route add 10.9.9.10 via 10.8.2.2 table 100
ip -n near rule add fwmark 1 lookup 100
others=()
for i in 1 2 3; do
	nsenter --net=/run/netns/near python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 1)
while True:
    try: s.sendto(b"\x08\0\xf7\xff\0\0\0\0", ("10.9.9.10", 0))
    except OSError: pass' &
	others+=($!)
done
sent_by_others() { [ "$(ip -n near -s -j link show x2 | jq '.[0].stats64.tx.packets')" -gt 100 ]; }
wait_for 'the others to send' sent_by_others
tp ping -c20 -i .05 --netns near --format json 10.9.9.10
# Since 7.0 a program is preempted with its thread, and what others ask for meanwhile is missed, ours too: that is counted.
kill "${others[@]}"
expect_json 'ours' '["10.8.1.2 x1 then x1"]' \
	"(summary.lost.program_busy > 0) as \$busy | requests | map($taken) | unique | map(select(. != \"x1\" or (\$busy | not))) | tojson"

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

echo '== a rule that does not take what its table has'
for family in 4 6; do
	# IPv4 tells it from forwarding that is off by its reasons; and on 5.10 no rule of IPv6 suppresses what comes in.
	kernel_since 6 1 || { without "what a rule of IPv$family suppresses: Linux 6.1" && continue; }
	d=$([ $family = 4 ] && echo "$target" || echo "$net6:1::2")
	at router ip "-$family" rule add pref 32000 table main suppress_prefixlength 127
	at router ip "-$family" rule del pref 32766
	tp ping -c1 -W1 --netns left --format json "$d"
	at router ip "-$family" rule add pref 32766 table main
	at router ip "-$family" rule del pref 32000
	expect_status 1
	expect_json "IPv$family" 'dropped rule_suppresses' 'requests[0].outcome | "\(.kind) \(.advice.key)"'
	check_json
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
