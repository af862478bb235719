# shellcheck shell=bash
# trace: packets that tracepkt did not send; filters; when it ends.
. "$(dirname "$0")/lib.sh"

bridge_network web db
ours="net $net4.0/24 or net $net6::/64"

echo '== pings of others'
tp_trace --format json "(icmp or icmp6) and ($ours)"
at web ping -q -c2 -i 0.2 "$net4.3" >/dev/null
at web ping -q -c2 -i 0.2 "$net6::3" >/dev/null
wait_for_journeys 8 '.packet.icmp.type | IN(0, 8, 128, 129)'
tp_end INT
expect_status 0
pings='journeys | map(select(.packet.icmp.type | IN(0, 8, 128, 129)))'
expect_json 'two requests and two replies each' '8 0 8 0 128 129 128 129' "$pings | map(.packet.icmp.type) | join(\" \")"
expect_json 'each request and its reply are an exchange' '1 1 2 2 3 3 4 4' \
	"($pings | map(.exchange)) as \$e | (\$e | unique) as \$u | \$e | map(. as \$x | \$u | index(\$x) + 1) | join(\" \")"
expect_json 'requests and replies' 'request reply request reply request reply request reply' \
	"$pings | map(.direction) | join(\" \")"
expect_json 'the way of every request' \
	'web eth0 tx, outer v-web rx, outer v-db tx, db eth0 rx, db eth0 in, db eth0 deliver' \
	"$pings | map(select(.direction == \"request\") | way) | unique | join(\" | \")"
expect_json 'the way of every reply' \
	'db eth0 tx, outer v-db rx, outer v-web tx, web eth0 rx, web eth0 in, web eth0 deliver' \
	"$pings | map(select(.direction == \"reply\") | way) | unique | join(\" | \")"
expect_json 'at the IP layer: source, destination, protocol' "$net4.2 $net4.3 icmp" \
	"$pings | .[0].hops[] | select(.stage == \"in\") | \"\\(.src) \\(.dst) \\(.proto)\""
expect_json 'at the IP layer, IPv6' "$net6::2 $net6::3" \
	"$pings | .[4].hops[] | select(.stage == \"in\") | \"\\(.src) \\(.dst)\""
expect_json 'who read the replies' ping "$pings | map(select(.direction == \"reply\") | .outcome.socket.process) | unique | join(\" \")"
expect_json 'nothing lost' 0 'summary.lost | add'

echo '== --count'
tp_trace --format json --count 3 "icmp and net $net4.0/24"
at web ping -q -c3 -i 0.2 "$net4.3" >/dev/null
tp_wait
expect_status 0
expect_json 'journeys' '3 3' '"\(journeys | length) \(summary.journeys)"'

echo '== --duration, and a filter that nothing matches'
tp_trace --format json --duration 1 "icmp and host $net4.77"
at web ping -q -c3 -i 0.2 "$net4.3" >/dev/null
tp_wait
expect_status 0
expect_json 'nothing' '0 0' '"\(journeys | length) \(summary.events)"'

echo '== UDP'
udp() { # netns address port: one datagram, to whom it concerns
	at "$1" bash -c "echo hello >/dev/udp/$2/$3"
}
serve db udp6 6002 'while True: s.recvfrom(100)'
tp_trace --format json "udp port 6002 and ($ours)"
udp web "$net4.3" 6002
udp web "$net6::3" 6002
udp web "$net4.3" 6003
wait_for_journeys 2 '.packet.dport == 6002'
tp_end INT
expect_status 0
expect_json 'only those to the port' '6002 6002' 'journeys | map(.packet.dport) | join(" ")'
expect_json 'protocol and ports' 'udp true udp true' 'journeys | map("\(.packet.proto) \(.packet.sport > 0)") | join(" ")'
# Which process reads a datagram is told by no hook on newer kernels (README, "What it does not do yet").
expect_json 'the way' 'web eth0 tx, outer v-web rx, outer v-db tx, db eth0 rx, db eth0 in' \
	'journeys | map(way | sub(", db eth0 deliver$"; "")) | unique | join(" | ")'
expect_json 'neither dropped nor lost sight of' true \
	'journeys | map(.outcome.kind) | all(. == "delivered" or . == "consumed")'
expect_json 'a datagram on its own is no request' 'original original' 'journeys | map(.direction) | join(" ")'

echo '== nobody listens'
tp_trace --format json "udp port 6004 and net $net4.0/24"
udp web "$net4.3" 6004 || true
wait_for_journeys 1 '.packet.dport == 6004'
tp_end INT
expect_json 'no socket: dropped there' 'dropped in db' 'journeys[0] | outcome_words'

echo '== not icmp'
tp_trace --format json "host $net4.3 and not icmp and not arp"
at web ping -q -c2 -i 0.2 "$net4.3" >/dev/null
udp web "$net4.3" 6002
wait_for_journeys 1 '.packet.proto == "udp"'
tp_end INT
expect_status 0
expect_json 'protocols' 'udp' 'journeys | map(.packet.proto) | unique | join(" ")'

echo '== TCP'
tp_trace --format json "tcp port 6005 and net $net4.0/24"
serve db tcp 6005 '
c = s.accept()[0]
c.sendall(b"y" * 100)
c.recv(100)'
at web python3 -c "
import socket
s = socket.create_connection(('$net4.3', 6005))
s.recv(100)
s.close()"
wait "$server"
wait_for_journeys 5 '.packet.proto == "tcp"'
tp_end INT
expect_status 0
expect_json 'there and back' "$net4.2>$net4.3 $net4.3>$net4.2" \
	'journeys | map("\(.packet.src)>\(.packet.dst)") | unique | join(" ")'
expect_json 'each crosses the same four interfaces, each once' \
	'db eth0 tx, outer v-db rx, outer v-web tx, web eth0 rx | web eth0 tx, outer v-web rx, outer v-db tx, db eth0 rx' \
	'journeys | map(crossings) | unique | join(" | ")'
# The kernel frees as dropped what a TIME_WAIT socket takes, the last one; of the others, none is.
expect_json 'none of them dropped' true 'summary.dropped <= 1'

echo '== TCP of which one half is closed: what the other half is acknowledged by is not dropped'
serve db tcp 6008 '
c = s.accept()[0]
while c.recv(9): pass
for i in range(3): c.sendall(b"x" * 9); __import__("time").sleep(0.05)
c.close()'
tp_trace --format json "tcp port 6008"
at web python3 -c "
import socket
s = socket.create_connection(('$net4.3', 6008))
s.shutdown(socket.SHUT_WR)
while s.recv(9): pass"
wait "$server"
wait_for_journeys 2 '.packet.tcp.flags == "FIN ACK"'
tp_end INT
expect_json 'none of them dropped, but one by TIME_WAIT' true 'summary.dropped <= 1'

echo '== ARP'
tp_trace --format json "arp and host $net4.3"
at web ip neigh flush dev eth0
at db ip neigh flush dev eth0
at web ping -q -c1 "$net4.3" >/dev/null
wait_for_journeys 1 '.packet.proto == "arp"'
tp_end INT
expect_status 0
expect_json 'only ARP' arp 'journeys | map(.packet.proto) | unique | join(" ")'

echo '== a bad filter'
for filter in 'icmp and and tcp' 'hots 10.0.0.1' 'port 99999' 'icmp)' 'ether host'; do
	tp trace "$filter"
	expect_status 2
	expect "nothing on stdout for '$filter'" '' "$(cat "$out")"
	expect "why, for '$filter'" 1 "$(count_lines '^tracepkt: .*filter' "$err")"
done
tp trace 'icmp and and tcp'
expect_line 'it shows the place' '\^' "$err"
