# shellcheck shell=bash
# Routes that no table is asked for, because a socket keeps them; and those of a VRF, which has a table of its own.
. "$(dirname "$0")/lib.sh"

router_network 4 6

# Where it is made: "main unicast via A dev eth0", "cached unicast via A dev eth0"
made='[.hops[] | select(.stage == "route" and .netns.name == "left")
	| "\(if .cached then "cached" else .table end) \(.type)" + (if .via then " via \(.via)" else "" end) + " dev \(.dev.name)"] | join("; ")'

serve right udp6 6001 'while True: s.recv(1)'
serve right tcp6 6002 '
while True:
    c = s.accept()[0]
    while c.recv(1000): pass
    c.close()'

# One socket, connected to there.
connected_datagrams() { # address port number
	at left python3 -c "
import socket
s = socket.socket(socket.AF_INET6 if ':' in '$1' else socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('$1', $2))
for i in range($3): s.send(b'x')"
}

for there in "$target" "$net6:1::2"; do
	family=$([[ $there == *:* ]] && echo 6 || echo 4)
	via=$(at left ip "-$family" -j route get "$there" | jq -r '.[0].gateway')

	echo "== datagrams of a socket that is connected, $there"
	tp_trace -v --format json "udp dst port 6001 and host $there"
	connected_datagrams "$there" 6001 3
	wait_for_journeys 3
	tp_end INT
	expect_json 'looked up once, then kept' "main unicast via $via dev eth0, cached unicast via $via dev eth0, cached unicast via $via dev eth0" \
		"journeys | sort_by(.id) | map($made) | join(\", \")"
	expect_json 'after who sent it, before it leaves' 'out route tx' \
		'journeys | sort_by(.id) | .[1] | [.hops[].stage | select(. != "netfilter")] | .[0:3] | join(" ")'
	expect_json 'a router looks up each' '["router main"]' \
		'journeys | map([.hops[] | select(.stage == "route" and .netns.name == "router") | "\(.netns.name) \(.table)"] | join(", ")) | unique | tojson'
	check_json

	echo "== datagrams of one that is not, $there"
	tp_trace -v --format json "udp dst port 6001 and host $there"
	datagrams left "$there" 6001 1 3
	wait_for_journeys 3
	tp_end INT
	expect_json 'each is looked up' "[\"main unicast via $via dev eth0\"]" "journeys | map($made) | unique | tojson"
	check_json

	echo "== TCP, $there"
	tp_trace -v --format json "tcp dst port 6002 and host $there"
	at left python3 -c "
import socket
s = socket.create_connection(('$there', 6002))
for i in range(3): s.sendall(b'x' * 10)
s.shutdown(socket.SHUT_WR)
s.recv(1)"
	wait_for_journeys 3 '.packet.len > 60 or .packet.tcp.flags == "FIN ACK" or .packet.tcp.flags == "SYN"'
	tp_end INT
	expect_json 'the first is looked up' "main unicast via $via dev eth0" \
		"journeys | map(select(.packet.tcp.flags == \"SYN\"))[0] | $made"
	expect_json 'the others have it from the socket' "[\"cached unicast via $via dev eth0\"]" \
		"journeys | map(select(.packet.tcp.flags == \"PSH ACK\") | $made) | unique | tojson"
	check_json
done

tp_trace -v "udp dst port 6001 and host $target"
connected_datagrams "$target" 6001 2
wait_for 'the second' has 'cached: via' "$out"
tp_end INT
expect_line 'in words' '^ +cached: via [0-9.]+ dev eth0$' "$out"

# A packet, somebody else's lookup in vain, a packet: of one socket.
between_lookups_in_vain() { # what address via command...
	echo "== $1"
	tp_trace -v --format json "udp dst port 6001 and host $2"
	rm -f "$work/go"
	mkfifo "$work/go"
	at left python3 -c "
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in '$2' else socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('$2', 6001))
for line in sys.stdin: s.send(b'x')" <"$work/go" &
	exec {go}>"$work/go"
	echo >&"$go"
	wait_for_journeys 1
	expect 'it knows no way' 2 "$("${@:4}" 2>"$work/get" >&2 || echo $?)"
	echo >&"$go"
	wait_for_journeys 2
	exec {go}>&-
	tp_end INT
	expect_json 'what went on was not refused' "main unicast via $3 dev eth0, cached unicast via $3 dev eth0" \
		"journeys | sort_by(.id) | map($made) | join(\", \")"
	check_json
}
netns other
ip -n other addr add "$base.7.1/32" dev lo
between_lookups_in_vain 'another namespace looks for the same address in vain' "$target" "$middle" \
	at other ip route get "$target"
there=$net6:1::2
via=$(at left ip -6 -j route get "$there" | jq -r '.[0].gateway')
at left ip -6 route add unreachable default table 99
at left ip -6 rule add fwmark 7 lookup 99
between_lookups_in_vain 'another program looks for the same IPv6 address in vain' "$there" "$via" \
	at left ip -6 route get "$there" mark 7

echo '== to an address of this namespace'
tp_trace -v --format json 'udp dst port 6003'
serve left udp 6003 'signal.pause()'
connected_datagrams 127.0.0.1 6003 2
wait_for_journeys 2
tp_end INT
expect_json 'local' 'local local dev lo, cached local dev lo' \
	"journeys | sort_by(.id) | map($made | split(\"; \")[0]) | join(\", \")"
check_json

echo '== a VRF'
if ! has_device vrf table 10; then
	without "a VRF: $(head -1 "$work/has_device")"
	exit $((failures > 0))
fi
ip -n router link add name blue type vrf table 10
ip -n router link set dev blue up
for device in eth0 eth1; do
	ip -n router link set dev $device master blue # which loses its IPv6 addresses
done
wait_for 'the VRF to be open' at left ping -c1 -W2 "$target"
tp ping -c1 --netns left --format json "$target"
expect_status 0
vrf='[.hops[] | select(.stage == "route" and .netns.name == "router") | "\(.table) \(.vrf) \(.type) \(.dev.name)"] | join(", ")'
expect_json 'its table, and its name' '10 blue unicast eth1' "requests[0] | $vrf"
expect_json 'back, too' '10 blue unicast eth0' "replies[0] | $vrf"
expect_json 'others are in none' '[null]' \
	'journeys | map(.hops[] | select(.stage == "route" and .netns.name != "router").vrf) | unique | tojson'
tp ping -c1 --netns left --format json "$base.0.2"
expect_status 0
expect_json 'for the router itself: its local routes are in that table' '10 blue local' \
	"requests[0] | $vrf | sub(\" [^ ]*\$\"; \"\")"
tp ping -c1 --netns left "$target"
expect_line 'in words' ' +10 \(VRF blue\): dev eth1' "$out"
expect_line 'it takes over what comes in by its devices' '^ +router +blue +rx ' "$out"
ip -n router route add vrf blue blackhole "$target/32"
tp ping -c1 -W1 --netns left --format json "$target"
expect_status 1
expect_json 'a blackhole in it' '10 blackhole' \
	'requests[0] | [.hops[] | select(.stage == "route" and .netns.name == "router") | "\(.table) \(.type)"] | join(", ")'
echo '== from one VRF into another'
ip -n router route del vrf blue "$target/32"
ip -n router link add name red type vrf table 20
ip -n router link set dev red up
ip -n router link set dev eth1 master red
ip -n router route add table 10 "$base.1.0/24" dev eth1
ip -n router route add table 20 "$base.0.0/24" dev eth0
wait_for 'the way from VRF to VRF' at left ping -c1 -W2 "$target"
tp ping -c1 --netns left --format json "$target"
expect_status 0
expect_json 'the table is not that of the VRF behind it' '10 null unicast eth1' "requests[0] | $vrf"
expect_json 'nor back' '20 null unicast eth0' "replies[0] | $vrf"
expect_json 'and what was not passed is not told' '[]' \
	'journeys | map(.hops[] | select(.stage == "rx" and (.dev.name == "blue" or .dev.name == "red")).dev.name) | tojson'
check_json
