# shellcheck shell=bash
# Queues of interfaces: how long a packet was in one, and which; and one that is full.
. "$(dirname "$0")/lib.sh"

cable_network 24
wait_for 'IPv4 to be open' at left ping -c1 -W2 "$net4.2"
modprobe -q sch_tbf 2>/dev/null || true
tc -n left qdisc add dev eth0 root handle 7: tbf rate 200kbit burst 2kb limit 4kb 2>"$work/tc" || skip "no tbf: $(cat "$work/tc")"

send() { datagrams left "$net4.2" 6002 1000 "$1"; } # number
serve right udp 6002 'while True: s.recv(2000)'

echo '== longer than a millisecond, and full'
tp_trace -v --format json "udp port 6002 and net $net4.0/24"
send 20
wait_for_journeys 20
tp_end INT
expect_status 0
queued='journeys | map(.hops[] | select(.stage == "qdisc"))'
expect_json 'which queue, and where' 'left eth0 tbf 7:' \
	"$queued | map(\"\\(.netns.name) \\(.dev.name) \\(.qdisc) \\(.handle)\") | unique | join(\", \")"
expect_json 'some waited' true "$queued | map(.queued_ns) | max > 1000000"
expect_json 'after the interface was given it, and before the other end has it' true \
	'journeys | map(select(.hops | any(.stage == "qdisc")) | [.hops[].stage] | index("tx") < index("qdisc") and index("qdisc") < index("rx")) | all'
expect_json 'others found it full' true \
	'journeys | map(select(.outcome.kind == "dropped")) | length > 0 and all(.outcome.netns.name == "left" and .outcome.device.name == "eth0")'
expect_json 'each is one or the other' 20 'journeys | length'

echo '== in the table, and not without -v'
tp_trace -v "udp port 6002 and net $net4.0/24"
send 3
wait_for 'the queue' has 'tbf 7:' "$out"
tp_end INT
expect_line 'in words' 'left +eth0 +qdisc +tbf 7: [0-9.]+ .s in the queue' "$out"
tp_trace --format json "udp port 6002 and net $net4.0/24"
send 1
wait_for_journeys 1
tp_end INT
expect_json 'none' 0 "$queued | length"
expect_json 'the hook is not attached' false 'summary.probes.attached | any(contains("qdisc"))'

echo '== of a ping'
tp ping -v -c2 -i 0.002 -s 1400 --netns left --format json "$net4.2"
expect_status 0
expect_json 'one waited' 'left eth0 tbf 7:' \
	'requests | map(.hops[] | select(.stage == "qdisc")) | max_by(.queued_ns) | "\(.netns.name) \(.dev.name) \(.qdisc) \(.handle)"'
tp ping -c1 --netns left --format json "$net4.2"
expect_json 'without -v' 0 'requests | map(.hops[] | select(.stage == "qdisc")) | length'
check_json

echo '== in it still when the ping gives up'
tc -n left qdisc replace dev eth0 root handle 9: tbf rate 8kbit burst 1600 limit 100000
send 30 # which takes half a minute
tp ping -v -c1 -W1 --netns left --format json "$net4.2"
expect_status 1
if has_hook 'tp_btf:qdisc_enqueue'; then
	expect_json 'it waits there' 'left eth0 tbf 9: true' \
		'requests[0].hops | last | "\(.netns.name) \(.dev.name) \(.qdisc) \(.handle) \(.waits)"'
	expect_json 'what shows it' 'interface_queue: ip netns exec left tc -s qdisc show dev eth0' \
		'requests[0].outcome | "\(.advice.key): \(.advice.check)"'
	tp ping -v -c1 -W1 --netns left "$net4.2"
	expect_line 'in words' 'NOT ANSWERED: WAITING in the queue of eth0' "$out"
	expect_line 'and as a hop' 'left +eth0 +qdisc +tbf 9: still in the queue' "$out"
else
	without 'what waits in a queue: Linux 5.15'
fi
tp ping -c1 -W1 --netns left "$net4.2"
expect_line 'without -v it may be' 'It may still be in' "$out"
expect_no_line 'which is not known' WAITING "$out"

# Both come in by the interface, as one packet.
echo '== a queue that duplicates'
modprobe -q sch_netem 2>/dev/null || true
if tc -n left qdisc replace dev eth0 root netem duplicate 100% 2>"$work/tc"; then
	twice='[.hops[] | select(.duplicate) | "\(.netns.name) \(.stage)"] | join(", ")'
	tp ping -c1 --netns left --format json "$net4.2"
	expect_status 0
	expect_json 'ping counts the second answer' '1 1' 'summary.ping | "\(.received) \(.duplicates)"'
	expect_json 'the request came in twice' 'right in' "requests | map($twice) | join(\" | \")"
	expect_json 'and was answered twice' 'right tx, left rx, left in' "replies | map($twice) | join(\" | \")"
	tp ping -c1 --netns left "$net4.2"
	expect_line 'in words' 'right +eth0 +in +a duplicate of it' "$out"
	serve right udp 6005 'while True: s.recv(2000)'
	tp_trace --format json "udp port 6005 and net $net4.0/24"
	datagrams left "$net4.2" 6005 100 3
	wait_for_journeys 3
	tp_end INT
	expect_json 'each datagram is one' '3 right in' "journeys | \"\\(length) \\(map($twice) | unique | join(\" | \"))\""
	serve right tcp 6004 'peer, _ = s.accept()
while peer.recv(2000): pass'
	tp_trace --format json "tcp dst port 6004 and net $net4.0/24"
	at left python3 -c "
import socket, time
with socket.create_connection(('$net4.2', 6004)) as sender:
    sender.send(b'x' * 1000)
    time.sleep(0.2)"
	wait "$server"
	wait_for_journeys 1 '.packet.len > 1000'
	tp_end INT
	expect_json 'the segment is one, delivered' '1 delivered' 'journeys | map(select(.packet.len > 1000)) | "\(length) \(map(.outcome.kind) | join(" "))"'
	expect_json 'sight is lost of none' 0 'summary.lost_sight'
	check_json
else
	without "a queue that duplicates: $(tail -1 "$work/tc")"
fi

# A veth whose other end has a ring, for GRO, that is full: its driver says so since 6.16.
echo '== a driver that is busy'
napi_threads() { ps -e -o pid=,comm= | awk '$2 ~ "^napi/eth0-" { print $1 }' | sort; }
before=$(napi_threads)
if kernel_since 6 16 &&
	at right ethtool -K eth0 gro on 2>/dev/null && at left ethtool -K eth0 tso off 2>/dev/null &&
	at right unshare --mount sh -c 'mount -t sysfs sysfs /sys && echo 1 >/sys/class/net/eth0/threaded'; then
	# Who empties the ring has to wait for the CPU that fills it.
	for thread in $(comm -13 <(echo "$before") <(napi_threads)); do taskset -pc 0 "$thread" >/dev/null; done
	tc -n left qdisc replace dev eth0 root handle 8: pfifo limit 1000
	busy() { # tracepkt's options...
		tp_trace "$@" "udp port 6003 and net $net4.0/24"
		at left taskset -c 0 chrt -f 1 python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 32, 1 << 22)  # SO_SNDBUFFORCE: more than the ring holds
for i in range(400): s.sendto(b'x', ('$net4.2', 6003))"
	}
	busy -v --format json
	wait_for_journeys 400
	tp_end INT
	refused='journeys | map(select(.hops | any(.stage == "driver")))'
	expect_json 'it refused some' true "$refused | length > 0"
	expect_json 'where, and why' 'left eth0 16 true' \
		"$refused | map(.hops[] | select(.stage == \"driver\") | \"\\(.netns.name) \\(.dev.name) \\(.code) \\(.busy)\") | unique | join(\", \")"
	expect_json 'they went on later' true "$refused | map([.hops[].stage] | index(\"driver\") < index(\"rx\")) | all"
	busy -v
	wait_for 'the refusal' has 'does not take it now' "$out"
	tp_end INT
	expect_line 'in words' 'left +eth0 +driver +busy, does not take it now' "$out"
else
	without 'a busy driver: Linux 6.16, ethtool and a NAPI thread'
fi
