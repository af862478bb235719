# shellcheck shell=bash
# What IP, its routes, TCP, UDP, queues and bridges refuse: the hop, the kernel's reason and the advice of each.
. "$(dirname "$0")/lib.sh"

router_network 4 6

look_for_reasons
tells_icmp || without 'ICMP errors: this kernel does not tell of them'

# The first of the journeys that jq makes of the output.
dropped() { # what where reason-regex key [key without reasons] [journey]
	local one=${6:-journeys[0]} key=$4
	[ -n "$has_reasons" ] || key=${5:-$4}
	[ -n "$has_reasons$has_symbols" ] || key=unknown
	expect_json "$1: where" "dropped in $2" "$one | outcome_words"
	[ -z "$has_reasons" ] || expect_json "$1: the reason" like "$one.outcome.reason | if test(\"^($3)\$\") then \"like\" else . end"
	expect_json "$1: the last hop says the same" true "$one | (.hops[-1].stage == \"drop\") and .hops[-1].reason == .outcome.reason"
	expect_json "$1: the advice's key" "$key" "$one.outcome.advice.key"
	expect_json "$1: all of it" 4 "[$one.outcome.advice | .key, .cause, .check, .mend | select(length > 2)] | length"
}
error_sent() { # what "netns type/code words" [journey]
	! tells_icmp || expect_json "$1: the error" "$2" \
		"${3:-journeys[0]} | .hops[] | select(.stage == \"icmp\") | \"\\(.netns.name) \\(.icmp.type)/\\(.icmp.code) \\(.says)\""
}

echo '== a port that nobody listens on'
for there in "$target" "$net6:1::2"; do
	tp_trace --format json "udp port 4444 and host $there"
	datagrams left "$there" 4444 1 1
	wait_for_journeys 1
	tp_end INT
	dropped "closed, $there" right NO_SOCKET port_closed
	[[ $there == *:* ]] || error_sent 'closed' 'right 3/3 port unreachable'
	check_json
done

# A listener whose buffer holds two such datagrams at most, and which reads none.
echo '== a socket whose buffer is full'
for there in "$target" "$net6:1::2"; do
	nsenter --net=/run/netns/right python3 -c "
import os, socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
s.bind(('', 6001))
print('bound', os.getpid(), flush=True)
while not os.path.exists('$work/end'): socket.socket().close(); __import__('time').sleep(0.05)" >"$work/listener" &
	listener=$!
	wait_for 'the listener' has bound "$work/listener"
	tp_trace --format json "udp port 6001 and host $there"
	datagrams left "$there" 6001 1000 8
	wait_for_journeys 5 '.outcome.kind == "dropped"'
	tp_end INT
	full='(journeys | map(select(.outcome.kind == "dropped")) | .[0])'
	# Without reasons it may have been the socket's filter as well.
	dropped "full, $there" right SOCKET_RCVBUFF socket_buffer_full socket_refused "$full"
	expect_json "full, $there: its port" 6001 "$full.packet.dport"
	expect_json "full, $there: the others were taken" "$(awk '{ print $2 }' "$work/listener")" \
		'journeys | map(select(.outcome.kind != "dropped").outcome.socket.pid) | unique | join(" ")'
	check_json
	touch "$work/end"
	wait "$listener"
	rm -f "$work/end" "$work/listener"
done

echo '== wrong checksums'
cat >"$work/wrong-checksum" <<-'END'
	# A packet of the protocol whose checksum does not fit; as a raw socket sends it, nobody mends that.
	import socket, struct, sys
	protocol, source, there = sys.argv[1:]
	if protocol == "udp":
	    data, at = struct.pack("!HHHH", 1234, 6002, 12, 0) + b"data", 6
	elif protocol == "tcp":
	    data, at = struct.pack("!HHIIBBHHH", 1234, 6002, 1, 1, 5 << 4, 0x10, 100, 0, 0), 16
	else:
	    data, at = struct.pack("!BBHHH", 8, 0, 0, 77, 1) + b"data", 2
	number = {"udp": 17, "tcp": 6, "icmp": 1}[protocol]
	def checksum(data):
	    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
	    total = (total >> 16) + (total & 0xffff)
	    return ~(total + (total >> 16)) & 0xffff
	pseudo = socket.inet_aton(source) + socket.inet_aton(there) + struct.pack("!BBH", 0, number, len(data))
	right = checksum((b"" if protocol == "icmp" else pseudo) + data)
	data = data[:at] + struct.pack("!H", right ^ 0x5555) + data[at + 2:]
	socket.socket(socket.AF_INET, socket.SOCK_RAW, number).sendto(data, (there, 0))
END
for protocol in udp tcp icmp; do
	filter="$protocol and port 6002"
	[ $protocol != icmp ] || filter='icmp[icmptype] == icmp-echo'
	tp_trace --format json "$filter and dst host $target"
	at left python3 "$work/wrong-checksum" $protocol "$near" "$target"
	wait_for_journeys 1
	tp_end INT
	case $protocol in
		udp) dropped "$protocol checksum" right UDP_CSUM bad_checksum port_closed ;;
		tcp) dropped "$protocol checksum" right TCP_CSUM bad_checksum tcp_refused ;;
		icmp) dropped "$protocol checksum" right ICMP_CSUM bad_checksum nobody_waits ;;
	esac
	[ -z "$has_reasons" ] || expect_json "$protocol checksum: whose" true \
		"journeys[0].outcome.advice.check | contains(\"ip netns exec right tcpdump\") and contains(\"host $near\")"
	check_json
done

echo '== segments that no connection here is for'
cat >"$work/segment" <<-'END'
	# A TCP segment without data, with such flags.
	import socket, struct, sys
	source, there, flags = sys.argv[1:]
	data = struct.pack("!HHIIBBHHH", 1234, 6003, 1, 1, 5 << 4, int(flags, 16), 100, 0, 0)
	pseudo = socket.inet_aton(source) + socket.inet_aton(there) + struct.pack("!BBH", 0, 6, len(data))
	total = sum(struct.unpack("!16H", pseudo + data))
	total = (total >> 16) + (total & 0xffff)
	data = data[:16] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + data[18:]
	socket.socket(socket.AF_INET, socket.SOCK_RAW, 6).sendto(data, (there, 0))
END
for segment in '02 port_closed' '12 unasked_answer' '10 no_connection' '04 no_connection_to_reset'; do
	read -r flags key <<<"$segment"
	tp_trace --format json "tcp dst port 6003 and dst host $target"
	at left python3 "$work/segment" "$near" "$target" "$flags"
	wait_for_journeys 1
	tp_end INT
	if [ -n "$has_reasons" ]; then
		expect_json "flags $flags" "dropped NO_SOCKET $key" 'journeys[0].outcome | "\(.kind) \(.reason) \(.advice.key)"'
	fi
	check_json
done
serve right tcp 6003 's.accept()'
tp_trace --format json "tcp dst port 6003 and dst host $target"
at left python3 "$work/segment" "$near" "$target" 10
wait_for_journeys 1
tp_end INT
# Since 6.9 it is told that it is its flags.
if [ "$(query 'journeys[0].outcome.reason')" = TCP_FLAGS ]; then
	expect_json 'to a server that was started again' no_connection 'journeys[0].outcome.advice.key'
fi
check_json
kill "$server"

echo '== a receiver that is full, and is asked whether it still is'
serve right tcp 6003 "
c = s.accept()[0]
while not __import__('os').path.exists('$work/end'): __import__('time').sleep(0.05)"
tp_trace --format json "tcp dst port 6003 and dst host $target"
nsenter --net=/run/netns/left python3 -c "
import os, socket, time
s = socket.create_connection(('$target', 6003))
s.setblocking(False)
while not os.path.exists('$work/end'):
    try: s.send(b'x' * 65536)
    except BlockingIOError: time.sleep(0.05)" &
sender=$!
if [ -n "$has_reasons" ]; then
	wait_for_journeys 1 '.outcome.reason | IN("TCP_OLD_SEQUENCE", "TCP_INVALID_SEQUENCE")'
	touch "$work/end"
	tp_end INT
	# Before 6.6 it is told that its number is outside of the window.
	expect_json 'a probe' '[]' \
		'journeys | map(select(.outcome.reason == "TCP_OLD_SEQUENCE").outcome.advice | select(.key != "tcp_probe" or .harmless != true))'
else
	touch "$work/end"
	tp_end INT
fi
check_json
wait "$sender" "$server"
rm -f "$work/end"

echo '== longer than the other end of a veth takes'
at router ip link set eth0 mtu 1300
tp_trace --format json "udp port 6003 and dst host $target"
datagrams left "$target" 6003 1350 1
wait_for_journeys 1
tp_end INT
dropped 'the other end' left NOT_SPECIFIED peer_refused
[ -z "$has_symbols" ] || expect_match 'the other end: the check names it' '.*eth0@.* link-netns.*' \
	"$(eval "$(query 'journeys[0].outcome.advice.check')" | tr '\n' ' ')"
check_json
at router ip link set eth0 mtu 1500

echo '== what IPv6 throws away'
for packet in '59 consumed' '43 routing_header'; do
	read -r protocol key <<<"$packet"
	tp_trace --format json "ip6 proto 59 or ip6 proto 43"
	at left python3 -c "
import socket
there = '$net6:1::2'
routing = bytes([59, 2, 4, 1, 0, 0, 0, 0]) + socket.inet_pton(socket.AF_INET6, there)
socket.socket(socket.AF_INET6, socket.SOCK_RAW, $protocol).sendto(routing, (there, 0))"
	wait_for_journeys 1
	tp_end INT
	[ -z "$has_symbols" ] || expect_json "IPv6, protocol $protocol" "dropped $key" \
		'journeys[0].outcome | "\(.kind) \(.advice.key)"'
	check_json
done

echo '== may not be cut, and is larger than the next link takes'
at router ip link set eth1 mtu 1000
tp_trace --format json "udp port 6003 and dst host $target"
datagrams left "$target" 6003 1300 1 2
wait_for_journeys 1
tp_end INT
dropped 'MTU' router 'PKT_TOO_BIG|IP_.*' mtu forward_refused
error_sent 'MTU' 'router 3/4 fragmentation needed, but not allowed'
expect_json 'MTU: it came so far' 'left eth0 tx, router eth0 rx' 'journeys[0] | crossings'
check_json
at router ip link set eth1 mtu 1500
at left ip route flush cache

echo '== routes that are none'
for kind in unreachable prohibit blackhole; do
	at router ip route add $kind "$target/32"
	tp_trace -v --format json "udp port 6004 and dst host $target"
	datagrams left "$target" 6004 1 1
	wait_for_journeys 1
	tp_end INT
	dropped $kind router 'IP_INNOROUTES|IP_OUTNOROUTES|NOT_SPECIFIED|IP_INADDRERRORS|SKB_.*' route_refuses
	expect_json "$kind: the route" "router main $kind" \
		'journeys[0] | [.hops[] | select(.stage == "route" and .netns.name == "router") | "\(.netns.name) \(.table) \(.type)"] | join(", ")'
	expect_json "$kind: how to see it" "ip netns exec router ip route show table all match $target" 'journeys[0].outcome.advice.check'
	case $kind in
		unreachable) error_sent $kind 'router 3/1 host unreachable' ;;
		prohibit) error_sent $kind 'router 3/13 administratively prohibited' ;;
		blackhole) error_sent $kind '' ;;
	esac
	check_json
	at router ip route del $kind "$target/32"
done

echo '== a segment of many, which no interface on its way has to cut'
serve right tcp 6005 '
c = s.accept()[0]
got = 0
while got < 200000: got += len(c.recv(1000000))'
tp_trace --format json "tcp dst port 6005 and host $target and len > 3000"
at left python3 -c "
import socket
s = socket.create_connection(('$target', 6005))
s.sendall(b'x' * 200000)
s.shutdown(socket.SHUT_WR)
s.recv(1)"
wait "$server"
wait_for_journeys 2 '.packet.len > 3000'
tp_end INT
expect_json 'GSO: each is one journey, all the way' 'left eth0 tx, router eth0 rx, router eth1 tx, right eth0 rx' \
	'journeys | map(crossings) | unique | join(" | ")'
expect_json 'GSO: as long as it was, in all of them' true 'journeys | map(.packet.len > 3000) | all'
expect_json 'GSO: none is a piece of another' true \
	'journeys | map(.packet.tcp.seq) | length == (unique | length)'
expect_json 'GSO: they are taken in' '["right"]' 'journeys | map(.outcome.netns.name) | unique | tojson'
expect_json 'GSO: not dropped' 0 'journeys | map(select(.outcome.kind == "dropped")) | length'
check_json

# What a router changes of a segment that its sender keeps, it changes in a buffer that no hook has seen; where that lies,
# another segment of the connection may have been before.
echo '== an error about one segment of many'
if firewall router forward '' through 2>"$work/nft"; then
	serve right tcp 6007 '
c = s.accept()[0]
while c.recv(1000): pass'
	rounds=${brief:+3} rounds=${rounds:-30}
	tp_trace --format json "tcp port 6007 and host $target"
	at left python3 -c "
import socket, subprocess
def nft(*words): subprocess.run(('ip', 'netns', 'exec', 'router', 'nft') + words, check=True)
s = socket.create_connection(('$target', 6007))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
def acknowledged():
    while s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[24:28] != bytes(4): pass
for i in range($rounds):
    for k in range(50):
        s.sendall(b'x' * 10)
    acknowledged()
    nft('add', 'rule', 'inet', 'guard', 'through', 'tcp', 'dport', '6007', 'reject', 'with', 'icmp', 'type', 'admin-prohibited')
    s.sendall(b'x' * 10)
    nft('flush', 'chain', 'inet', 'guard', 'through')
    acknowledged()"
	wait "$server"
	wait_for_journeys 1 '.packet.tcp.flags == "FIN ACK"'
	tp_end INT
	refused='(journeys | map(select(.outcome.kind == "dropped" and .outcome.netns.name == "router")))'
	with_error='journeys | map(select(.hops | any(.stage == "icmp")))'
	expect_json 'some were refused' true "$refused | length >= $rounds"
	expect_json 'no error is told of one that was let through' '[]' \
		"$with_error | map(select(.outcome.kind != \"dropped\" or .outcome.netns.name != \"router\").id)"
	expect_json 'of each, one error, just before its end' '[]' \
		"$with_error | map(select([.hops[].stage | select(. != \"netfilter\")] | (map(select(. == \"icmp\")) | length != 1) or .[-2:] != [\"icmp\", \"drop\"]).id)"
	expect_json 'where it was made' '[]' \
		"$with_error | map(.hops[] | select(.stage == \"icmp\" and .netns.name != \"router\"))"
	check_json
	no_firewall router
else
	without "an error about one segment of many: $(head -1 "$work/nft")"
fi

echo '== a queue that is full'
modprobe -q sch_tbf 2>/dev/null || true
if tc -n left qdisc add dev eth0 root handle 7: tbf rate 200kbit burst 2kb limit 4kb 2>"$work/tc"; then
	tp_trace --format json "udp port 6006 and dst host $target"
	datagrams left "$target" 6006 1000 20
	wait_for_journeys 1 '.outcome.kind == "dropped" and .outcome.netns.name == "left"'
	tp_end INT
	full='(journeys | map(select(.outcome.kind == "dropped" and .outcome.netns.name == "left")) | .[0])'
	dropped 'qdisc' left 'QDISC_.*' qdisc_full qdisc_full "$full"
	expect_json 'qdisc: on which interface' eth0 "$full.outcome.device.name"
	[ -z "$has_reasons" ] || expect_json 'qdisc: how to see it' 'ip netns exec left tc -s qdisc show dev eth0' "$full.outcome.advice.check"
	check_json
	tc -n left qdisc del dev eth0 root
else
	without "a queue that is full: $(head -1 "$work/tc")"
fi

echo '== a program that reads from an interface (a VPN), and answers nothing'
nsenter --net=/run/netns/left python3 -c "
import fcntl, os, struct, subprocess
tun = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH', b'vpn0', 0x1001))
subprocess.run('ip link set vpn0 up && ip addr add 10.99.0.1/24 dev vpn0', shell=True, check=True)
print('bound', flush=True)
while True: os.read(tun, 2000)" >"$work/vpn" 2>"$work/vpn.err" &
vpn=$!
is_open_or_gone() { has bound "$work/vpn" || is_gone "$vpn"; }
wait_for 'the VPN' is_open_or_gone
if has bound "$work/vpn"; then
	tp ping -c1 -W1 --netns left --format json 10.99.0.2
	expect_status 1
	expect_json 'who took it' 'delivered python3 deliver' \
		'requests[0] | "\(.outcome.kind) \(.outcome.socket.process) \(.hops[-1].stage)"'
	expect_json 'and what to do about it' 'unanswered_by_process ip netns exec left ip -s -d link show dev vpn0' \
		'map(select(.type == "exchange"))[0].advice | "\(.key) \(.check)"'
	check_json
	kill "$vpn"
else
	without "a program that reads from an interface: $(tail -1 "$work/vpn.err")"
fi

echo '== forwarding that is off at one interface alone'
at router sysctl -qw net.ipv4.conf.eth0.forwarding=0
tp ping -c1 -W1 --netns left --format json "$target"
expect_status 1
dropped 'off at eth0' router IP_INADDRERRORS forwarding_off input_refused
[ -z "$has_reasons" ] || expect_json 'off at eth0: the check shows it' 0 \
	"requests[0].outcome.advice.check | test(\" net/ipv4/conf/eth0/forwarding$\") | if . then \"$(at router sysctl -n net/ipv4/conf/eth0/forwarding)\" else . end"
check_json
at router sysctl -qw net.ipv4.conf.eth0.forwarding=1

# What netif_rx saw is told by whoever sees the packet next: here not the IP layer. The limit is the machine's.
echo '== a CPU that has too many packets waiting'
machine() { nsenter --net=/proc/1/ns/net "$@"; }
old=$(machine sysctl -n net.core.netdev_max_backlog 2>"$work/machine") || true
if [ -n "$old" ] && machine sysctl -qw "net.core.netdev_max_backlog=$old" 2>"$work/machine"; then
	at_exit "machine sysctl -qw net.core.netdev_max_backlog=$old"
	at left ip link set dev eth0 mtu 9000
	at router ip link set dev eth0 mtu 9000
	tp_trace --format json "udp and net $base.0.0/16 or ip[6:2] & 0x1fff != 0"
	machine sysctl -qw net.core.netdev_max_backlog=0
	# The router makes fragments of it, which come to the next interface together.
	datagrams left "$target" 6002 8000 1 0
	machine sysctl -qw "net.core.netdev_max_backlog=$old"
	wait_for_journeys 1 '.outcome.kind == "dropped" and .outcome.netns.name == "right"'
	tp_end INT
	late='(journeys | map(select(.outcome.kind == "dropped" and .outcome.netns.name == "right")) | .[0])'
	dropped 'no room' right CPU_BACKLOG cpu_backlog_full cpu_backlog_full "$late"
	expect_json 'no room: it was received before' 'tx rx drop' "$late | [.hops[] | select(.stage | IN(\"tx\", \"rx\", \"in\", \"drop\")).stage] | join(\" \")"
	expect_json 'no room: where it was received, and when' 'right/eth0 true' \
		"$late.hops | (map(select(.stage == \"rx\"))[0]) as \$rx | \"\\(\$rx.netns.name)/\\(\$rx.dev.name) \\(\$rx.offset_ns < .[-1].offset_ns)\""
	check_json
else
	without "a CPU that has too many packets waiting: $(tail -1 "$work/machine")"
fi

echo '== a queue that is emptied because its interface is taken down'
if tc -n right qdisc add dev eth0 root tbf rate 4kbit burst 1600 limit 90000 2>"$work/tc"; then
	tp_trace --format json "udp dst port 6010"
	datagrams right "$middle" 6010 1400 2
	wait_for 'one to wait' eval 'tc -n right -s qdisc show dev eth0 | grep -q "backlog [1-9]"'
	ip -n right link set dev eth0 down
	wait_for_journeys 1 '.outcome.kind == "dropped" and .outcome.netns.name == "right"'
	tp_end INT
	emptied='(journeys | map(select(.outcome.kind == "dropped" and .outcome.netns.name == "right")) | .[0])'
	[ -z "$has_symbols" ] || expect_json 'what to do about it' device_down "$emptied.outcome.advice.key"
	check_json
else
	without "a queue that is emptied: $(head -1 "$work/tc")"
fi

echo '== a port of a bridge that is blocked'
bridge_network web db
# STP, which listens for half a minute before it lets anything pass.
ip link set dev br0 type bridge forward_delay 3000 stp_state 1
ip link set dev v-db down
ip link set dev v-db up
is_listening() { bridge -d link show dev v-db | grep -q 'state \(listening\|learning\|blocking\)'; }
wait_for 'STP' is_listening
at db ip neigh replace "$net4.2" lladdr "$(mac web eth0)" dev eth0
tp ping -c1 -W1 --netns db --format json "$net4.2"
expect_status 1
# The reason came with 6.14.
key=bridge_port
query 'journeys[0].outcome.reason' | grep -q '^BRIDGE_' || key=bridge_refused
dropped 'blocked port' outer 'BRIDGE_INGRESS_STP_STATE|NOT_SPECIFIED' $key bridge_refused
expect_json 'blocked port: which' v-db 'journeys[0].outcome.device.name'
check_json
ip link set dev br0 type bridge stp_state 0
ip link set dev br0 type bridge forward_delay 0
is_forwarding() { bridge -d link show dev v-db | grep -q 'state forwarding'; }
wait_for 'the port' is_forwarding

echo '== a bridge that is down'
ip link set dev br0 down
tp ping -c1 -W1 --netns db --format json "$net4.2"
expect_status 1
dropped 'bridge down' outer 'BRIDGE_INGRESS_STP_STATE|NOT_SPECIFIED' $key bridge_refused
expect_match 'bridge down: the check shows it' '.*state disabled.*' \
	"$(eval "$(query 'journeys[0].outcome.advice.check')" | tr '\n' ' ')"
[ $key != bridge_port ] || expect_json 'bridge down: what mends it' true \
	'journeys[0].outcome.advice.mend | contains("ip link set dev BRIDGE up")'
check_json
ip link set dev br0 up
wait_for 'the bridge to take it' at db ping -c1 -W1 "$net4.2"
