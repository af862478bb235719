# shellcheck shell=bash
# Out through a router that masquerades, and in through one that forwards: addresses change on the way, the exchange
# stays one.
. "$(dirname "$0")/lib.sh"

router_network 4 6

nat() { # chain-type hook priority rule
	at router nft -f - 2>"$work/nft" <<-END
		table inet translate {
			chain $2 {
				type nat hook $2 priority $3;
				$4
			}
		}
	END
}

sources='.hops | map(select(.stage | IN("tx", "rx")) | .src) | join(" ")'
destinations='.hops | map(select(.stage | IN("tx", "rx")) | .dst) | join(" ")'

nat nat postrouting 100 'oifname eth1 masquerade' || skip "no NAT by nftables here: $(head -1 "$work/nft")"

check() { # left router right
	expect_json 'the way of the request' 'left eth0 tx, router eth0 rx, router eth1 tx, right eth0 rx' 'requests[0] | crossings'
	expect_json 'the way of the reply' 'right eth0 tx, router eth1 rx, router eth0 tx, left eth0 rx' 'replies[0] | crossings'
	expect_json 'the source becomes the router' "$1 $1 $2 $2" "requests[0] | $sources"
	expect_json 'and in the reply, the destination ours again' "$2 $2 $1 $1" "replies[0] | $destinations"
	expect_json 'one exchange' '1 1' '"\(requests | length) \(journeys | map(.exchange) | unique | length)"'
	expect_json 'outcomes' 'delivered in right, delivered in left' \
		'[requests[0], replies[0]] | map(outcome_words) | join(", ")'
}

for family in 4 6; do
	if [ $family = 4 ]; then
		a=$base.0.1 b=$base.1.1 c=$target
	else
		a=$net6:0::1 b=$net6:1::1 c=$net6:1::2
		a=${a/:0::/::} # as it is written
	fi
	echo "== masquerade, ping, $c"
	tp ping -c1 --netns left --format json "$c"
	expect_status 0
	check "$a" "$b"
	echo "== masquerade, trace, $c"
	tp_trace --format json "(icmp or icmp6) and host $c"
	at left ping -q -c1 "$c" >/dev/null
	wait_for_journeys 2 '.packet.icmp.type | IN(0, 8, 128, 129)'
	tp_end INT
	check "$a" "$b"
done

echo '== payloads too short for more than the id'
for size in 0 4; do
	tp ping -c1 -s $size --netns left --format json "$target"
	expect_status 0
	check "$base.0.1" "$base.1.1"
done

echo '== another id on the way: two that have the same'
if ping -e 77 -c1 -q 127.0.0.1 >/dev/null 2>&1; then
	tp_start ping -c1000 -i 0.05 --netns left --format json "$target"
	wait_for_journeys 2
	id=$(head -1 "$out" | jq .packet.icmp.id)
	at right ping -q -c3 -i 0.05 -e "$id" "$base.0.1" >/dev/null || true
	at left ping -q -c3 -i 0.05 -e "$id" -I "$base.0.1" "$target" >/dev/null || true
	tp_end INT
	expect_status 0
	expect_json 'every ping has its answer' true 'summary.ping | .transmitted - .received <= 1'
	expect_json 'all that is shown is ours' "$id" 'requests | map(.packet.icmp.id) | unique | join(" ")'
fi
at router nft delete table inet translate

echo '== DNAT'
ip -n router addr add "$base.0.50/24" dev eth0
nat nat prerouting -100 "ip daddr $base.0.50 dnat ip to $target"
tp ping -c1 --netns left --format json "$base.0.50"
expect_status 0
expect_json 'the destination becomes the real one' "$base.0.50 $base.0.50 $target $target" "requests[0] | $destinations"
expect_json 'and in the reply, the source the other again' "$target $target $base.0.50 $base.0.50" "replies[0] | $sources"
expect_json 'one exchange' 1 'journeys | map(.exchange) | unique | length'
expect_json 'outcomes' 'delivered in right, delivered in left' '[requests[0], replies[0]] | map(outcome_words) | join(", ")'

echo '== both ways of a flow, through DNAT'
flow() { # socket kind: the client sends from two ports, and each time waits for the answer
	rm -f "$work/port"
	at right python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.$1)
s.bind(('$target', 0))
if s.type == socket.SOCK_STREAM: s.listen()
open('$work/port.new', 'w').write(str(s.getsockname()[1]))
__import__('os').rename('$work/port.new', '$work/port')
for _ in range(2):
    if s.type == socket.SOCK_STREAM:
        with s.accept()[0] as c: c.sendall(c.recv(9))
    else:
        s.sendto(*s.recvfrom(9))" &
	local server_job=$!
	wait_for 'the server' test -s "$work/port"
	port=$(cat "$work/port")
	tp_trace --format json -w "$work/$1.pcapng" "port $port"
	at left python3 -c "
import socket
for _ in range(2):
    with socket.socket(socket.AF_INET, socket.$1) as s:
        s.connect(('$base.0.50', $port))
        s.sendall(b'question')
        assert s.recv(9) == b'question'"
	wait "$server_job"
	wait_for_journeys 2 ".direction == \"reply\" and .packet.len > 28"
	tp_end INT
	# Of each: its exchange, who began it, and that the answers came from where NAT had sent it.
	expect_json "$1: an exchange for each port of the client" 2 \
		'journeys | map({exchange, port: (if .direction == "reply" then .packet.dport else .packet.sport end)}) | unique | length'
	expect_json "$1: which way is the first" "$base.0.50 original, $target reply" \
		'journeys | map(if .direction == "reply" then "\(.packet.src) reply" else "\(.packet.dst) original" end) | unique | join(", ")'
}
flow SOCK_DGRAM
flow SOCK_STREAM
tp trace -r "$work/SOCK_STREAM.pcapng" --format json --journey 1
expect_status 0
expect_json 'one packet of a flow alone' 'SYN' 'journeys | map(.packet.tcp.flags) | join(", ")'

echo '== for a process on another port, and its answers'
at router nft delete table inet translate
at right nft -f - <<-END
	table inet guard {
		chain prerouting {
			type nat hook prerouting priority -100;
			tcp dport 80 redirect to :8000
		}
	}
END
for there in "$target" "$net6:1::2"; do
	serve right tcp6 8000 '
c = s.accept()[0]
c.sendall(c.recv(10))
c.recv(10)'
	tp_trace --format json "tcp port 80 and host $there"
	port=$(at left python3 -c "
import socket
s = socket.create_connection(('$there', 80))
s.sendall(b'x')
s.recv(1)
print(s.getsockname()[1])")
	wait "$server"
	wait_for_journeys 2 '.packet.tcp.flags | IN("SYN", "SYN ACK")'
	tp_end INT
	changes='map(.hops[] | select(.stage == "nat") | "\(.netns.name) \(.from.sport)>\(.to.sport) \(.from.dport)>\(.to.dport)") | unique | join(" ")'
	expect_json "to $there: the port is another" "right $port>$port 80>8000" \
		"journeys | map(select(.packet.tcp.flags == \"SYN\")) | $changes"
	expect_json "from $there: and back again" "right 8000>80 $port>$port" \
		"journeys | map(select(.packet.tcp.flags == \"SYN ACK\")) | $changes"
	expect_json 'who reads is told behind it' 'in nat deliver' \
		'journeys | map(select(.packet.tcp.flags == "PSH ACK" and .packet.dport == 80))[0].hops | map(.stage | select(IN("in", "nat", "deliver"))) | .[-3:] | join(" ")'
	check_json
done
echo '== to a port where nobody listens'
tp_trace --format json "tcp dst port 80"
at left python3 -c "
import socket
socket.socket().connect_ex(('$target', 80))"
wait_for_journeys 1 '.outcome.kind == "dropped"'
tp_end INT
expect_json 'the port is another before that' 'nat 80>8000' \
	'journeys[0].hops | map(select(.stage | IN("nat", "tcp", "drop")))[0] | "\(.stage) \(.from.dport)>\(.to.dport)"'
check_json
at right nft delete table inet guard
