# shellcheck shell=bash
# Packets are known by where their bytes are. Where the kernel uses that memory again, it is another packet; where a tunnel puts
# a header before it, however late, it is the same one.
. "$(dirname "$0")/lib.sh"

cable_network 25
wait_for 'IPv4 to be open' at left ping -c1 -W2 "$net4.2"
base=${net4%.*}
# 20,000 bytes at a time over TCP, in a pace in which the receiver reads them, from CPU 0.
send_paced() { # netns address port times [what runs beside it, in Python]
	at "$1" taskset -c 0 python3 -c "
import socket, time
${5-}
with socket.create_connection(('$2', $3)) as sender:
    for i in range($4):
        sender.send(b'x' * 20000)
        time.sleep(0.002)"
}

echo '== the buffer of what TCP gave up, used again for UDP'
# Nobody sees TCP free what it has sent: the kernel's free list hands the memory to the next that is made.
modprobe -q tun 2>/dev/null || true
mkfifo "$work/go"
at left python3 -c "
import fcntl, os, select, socket, struct, subprocess, sys
nic = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(nic, 0x400454ca, struct.pack('16sH22x', b'nic0', 0x1001))
subprocess.check_call('ip addr add $base.240.1/24 dev nic0 && ip addr add $net6:240::1/64 dev nic0 nodad && ip link set nic0 up', shell=True)
def taken(what):
    while True:
        select.select([nic], [], [], 10)
        packet = os.read(nic, 4000)
        if packet[9 if packet[0] >> 4 == 4 else 6] == what: return
print('up', flush=True)
sys.stdin.readline()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
for family, there in (socket.AF_INET, '$base.240.2'), (socket.AF_INET6, '$net6:240::2'):
    udp = socket.socket(family, socket.SOCK_DGRAM)
    for i in range(10):
        tcp = socket.socket(family)
        tcp.setblocking(False)
        try: tcp.connect((there, 80))
        except BlockingIOError: pass
        taken(6)
        tcp.close()
        for size in 30, 45, 60, 100, 150, 400:
            udp.sendto(b'x' * size, (there, 53))
            taken(17)
print('done', flush=True)
sys.stdin.readline()" <"$work/go" >"$work/sender" 2>"$work/sender.err" &
sender=$!
exec {go}>"$work/go"
is_up_or_gone() { has up "$work/sender" || is_gone "$sender"; }
wait_for 'the tun device' is_up_or_gone
if has up "$work/sender"; then
	tp_trace --format json "net $base.240.0/24 or net $net6:240::/64"
	echo >&"$go"
	wait_for 'the packets' has 'done' "$work/sender"
	wait_for_journeys 140 '.packet.proto != "icmp6"'
	tp_end INT
	expect_status 0
	for there in "$base.240.2 60 28" "$net6:240::2 80 48"; do
		read -r there opens header <<<"$there"
		expect_json "each to $there is one" "10 tcp $opens$(for size in 30 45 60 100 150 400; do printf ', 10 udp %s' $((size + header)); done)" \
			'journeys | map(select(.packet.dst == "'"$there"'")) | group_by([.packet.proto, .packet.len]) | map("\(length) \(.[0].packet.proto) \(.[0].packet.len)") | join(", ")'
	done
	expect_json 'and went the same way' 'out tx deliver' \
		'journeys | map(select(.packet.proto != "icmp6") | [.hops[].stage] | join(" ")) | unique | join(", ")'
	check_json
	echo >&"$go"
else
	without "a tun device: $(tail -1 "$work/sender.err")"
fi
exec {go}>&-

# GRO frees what it has merged unseen as well. The receiver answers each of its reads with a datagram, on the CPU where that
# is done.
echo '== the buffer of what GRO merged, used again for UDP'
has_gro=''
if at right ethtool -K eth0 gro on 2>"$work/ethtool" && at left ethtool -K eth0 tso off gso off 2>"$work/ethtool"; then
	has_gro=yes
	at right taskset -c 0 python3 -c "
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener = socket.create_server(('$net4.2', 7000))
print('bound', flush=True)
peer, _ = listener.accept()
sent = 0
while peer.recv(3000):
    if sent < 400:
        sent += 1
        udp.sendto(b'x' * (30 + sent), ('$net4.1', 7001))" >"$work/server" &
	wait_for 'the server' has bound "$work/server"
	tp_trace --format json "net $net4.0/24 and (tcp port 7000 or udp port 7001)"
	send_paced left "$net4.2" 7000 100 "import threading
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(('$net4.1', 7001))
def read():
    while True: udp.recv(2000)
threading.Thread(target=read, daemon=True).start()"
	wait_for_journeys 400 '.packet.proto == "udp"'
	tp_end INT
	expect_status 0
	expect_json 'each datagram is one' '400 58' 'journeys | map(select(.packet.proto == "udp")) | "\(length) \(map(.packet.len) | min - 1)"'
	expect_json 'and went one way' true \
		'journeys | map(select(.packet.proto == "udp") | [.hops[].stage] | join(" ")) | all(startswith("out tx rx in") and (.[12:] | contains("rx") or contains("tx") | not))'
	expect_json 'no segment goes on as another packet' true \
		'journeys | map(select(.packet.proto == "tcp") | [.hops[].stage | select(. == "rx" or . == "tx")]) | all(. == ["rx"] or . == ["tx"] or . == ["tx", "rx"])'
	if kernel_since 5 13; then
		expect_json 'what was merged is said to be' 'consumed false rx' \
			'journeys | map(select(.outcome.merged)) | map("\(.outcome.kind) \(.outcome.seen) \(.hops[-1].stage)") | unique | join(", ")'
	else
		without "segments that are merged: a veth has GRO without XDP since Linux 5.13"
	fi
	expect_json 'sight is lost of none' 0 'summary.lost_sight'
	check_json
else
	without "GRO: $(head -1 "$work/ethtool")"
fi

# What GRO makes of them is another device's next, and what it lets pass comes to its connection there.
below() { # kind command...
	local kind=$1 l=l-$1 r=r-$1
	echo "== GRO below a $kind"
	modprobe -qa "$kind" bonding 2>/dev/null || true
	netns "$l" "$r"
	cable "$l" eth0 "$r" eth0
	if ! "${@:2}" "$r" 2>"$work/ip"; then
		without "a $kind: $(tail -1 "$work/ip")"
		return 0
	fi
	at "$r" ethtool -K eth0 gro on
	at "$l" ethtool -K eth0 tso off gso off
	address "$l" eth0 "$base.246.1/24"
	address "$r" top0 "$base.246.2/24"
	ip -n "$r" link set dev top0 up
	wait_for "IPv4 to the $kind to be open" at "$l" ping -c1 -W2 "$base.246.2"
	serve "$r" tcp 7005 'peer, _ = s.accept()
while peer.recv(30000): pass'
	tp_trace --format json 'tcp dst port 7005'
	send_paced "$l" "$base.246.2" 7005 30
	wait_for_journeys 200 '.outcome.merged'
	tp_end INT
	expect_status 0
	expect_json 'what was merged is said to be' 'consumed r eth0 rx' \
		'journeys | map(select(.outcome.merged)) | map("\(.outcome.kind) \(.hops[-1] | "\(.netns.name[:1]) \(.dev.name) \(.stage)")") | unique | join(", ")'
	# What waits while the server reads, TCP may put together unseen (tcp_add_backlog()): such a one was taken in. And where
	# the answer is late it sends one again.
	expect_json 'the others come to the server' true \
		'journeys | map(select(.packet.len > 100 and .hops[-1].netns.name[:1] == "r" and (.outcome.merged | not)) | .outcome
			| select(.advice.key != "tcp_duplicate").kind) | any(. == "delivered") and all(IN("delivered", "consumed"))'
	expect_json 'sight is lost of none with data' 0 'journeys | map(select(.packet.len > 100 and .outcome.kind == "lost")) | length'
	[ "$kind" != bond ] || expect_json 'they come to the IP layer as the bond'"'"'s' 'eth0 rx, top0 rx, top0 in' \
		'journeys | map(select(.outcome.kind == "delivered") | .hops | map(select(.netns.name[:1] == "r" and (.stage | IN("rx", "in"))) | "\(.dev.name) \(.stage)") | join(", ")) | unique | join(" | ")'
	check_json
	ip netns del "$l"
	ip netns del "$r"
}
bridge_above() { ip -n "$1" link add name top0 type bridge forward_delay 0 && ip -n "$1" link set dev eth0 master top0; } # netns
bond_above() {                                                                                                            # netns
	ip -n "$1" link add name top0 type bond mode active-backup miimon 100 && ip -n "$1" link set dev eth0 down &&
		ip -n "$1" link set dev eth0 master top0 && ip -n "$1" link set dev eth0 up
}
macvlan_above() { # netns
	ip -n "$1" link add link eth0 name top0 type macvlan mode bridge && at "$1" sysctl -qw net.ipv4.conf.eth0.arp_ignore=1
}
if [ -n "$has_gro" ] && kernel_since 5 13; then
	below bridge bridge_above
	below macvlan macvlan_above
	below bond bond_above
fi

# A socket that takes merged datagrams (UDP_GRO) from one that sends many at once (UDP_SEGMENT); both reuse what was merged.
echo '== the buffers of datagrams that GRO merged'
if [ -n "$has_gro" ] && kernel_since 5 13 && at left ethtool -K eth0 tx-udp-segmentation off 2>"$work/ethtool"; then
	address left eth0 "$net6:25::1/64"
	address right eth0 "$net6:25::2/64"
	wait_for 'IPv6 to be open' at left ping -c1 -W2 "$net6:25::2"
	serve right udp6 7003 '
s.setsockopt(socket.SOL_UDP, 104, 1)
while True:
    data, peer = s.recvfrom(65000)
    for i in range(4): s.sendto(b"y" * (40 + i), peer)'
	tp_trace --format json "udp and net $net6:25::/64"
	at left python3 -c "
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_UDP, 103, 100)
s.settimeout(10)
for i in range(50):
    s.sendto(b'x' * 1000, ('$net6:25::2', 7003))
    for answer in range(4): s.recv(2000)"
	wait_for_journeys 700
	tp_end INT
	expect_status 0
	expect_json 'each of those received is one, merged or read' '500 50' \
		'journeys | map(select(.packet.len == 148)) | "\(length) \(map(select(.outcome.kind == "delivered")) | length)"'
	expect_json 'an answer is no request that goes on' 'out tx rx in' \
		'journeys | map(select(.packet.dport != 7003) | [.hops[].stage | select(. != "deliver" and . != "route")] | join(" ")) | unique | join(", ")'
	expect_json 'each answer is one' 200 'journeys | map(select(.packet.dport != 7003)) | length'
	check_json
else
	without "GRO of UDP: a veth has it since Linux 5.13"
fi

echo '== a tunnel with a queue'
modprobe -qa vxlan sch_tbf 2>/dev/null || true
if ! ip -n left link add tun type vxlan id 7 dstport 4789 dev eth0 local "$net4.1" remote "$net4.2" 2>"$work/ip"; then
	without "a tunnel: $(cat "$work/ip")"
elif ! tc -n left qdisc add dev tun root tbf rate 200kbit burst 2kb limit 20kb 2>"$work/ip"; then
	without "a queue: $(cat "$work/ip")"
else
	ip -n right link add tun type vxlan id 7 dstport 4789 dev eth0 local "$net4.2" remote "$net4.1"
	for name in left right; do ip -n $name link set tun up; done
	address left tun "$base.250.1/24"
	address right tun "$base.250.2/24"
	wait_for 'the tunnel to be open' at left ping -c1 -W2 "$base.250.2"
	tp_trace -v --format json "icmp and src host $base.250.1"
	at left ping -q -c6 -i 0.002 -s 1000 "$base.250.2" >/dev/null
	wait_for_journeys 6
	tp_end INT
	expect_status 0
	expect_json 'some waited' true '[journeys[].hops[] | select(.stage == "qdisc") | .queued_ns] | max > 25000000'
	expect_json 'each is one journey, and its tunnel is told' "6 encap $net4.1 decap $net4.1" \
		'journeys | "\(length) \(map([.hops[] | select(.stage == "tunnel") | "\(.action) \(.outer.src)"] | join(" ")) | unique | join(", "))"'
	expect_json 'in order' true 'journeys | map(ordered) | all'
fi

echo '== a tunnel through GRO'
if ip -n left link show dev tun >/dev/null 2>&1 && [ -n "$has_gro" ]; then
	tc -n left qdisc del dev tun root 2>/dev/null || true
	at left ethtool -K tun tso off gso off >/dev/null
	serve right tcp 7002 'peer, _ = s.accept()
while peer.recv(30000): pass'
	tp_trace --format json "udp and host $net4.1 and host $net4.2"
	at left python3 -c "
import socket, time
with socket.create_connection(('$base.250.2', 7002)) as sender:
    for i in range(50):
        sender.send(b'x' * 20000)
        time.sleep(0.002)"
	wait_for_journeys 10 '.hops | any(.stage == "tunnel" and .action == "decap")'
	tp_end INT
	expect_status 0
	expect_json 'each is sent once, and received once outside and once inside' true \
		'journeys | map([.hops[].stage]) | all((map(select(. == "tx")) | length <= 1) and (map(select(. == "rx")) | length <= 2))'
	expect_json 'sight is lost of none' 0 'summary.lost_sight'
else
	without 'a tunnel, or GRO'
fi

# A router makes room for the tunnel's header: the packet goes on in other memory (pskb_expand_head). flannel's shape.
echo '== what comes in by a cable goes on through a tunnel'
if ip -n left link show dev tun >/dev/null 2>&1; then
	netns inner
	cable left side inner eth0
	address left side "$base.245.1/24"
	address inner eth0 "$base.245.2/24"
	forward left
	route inner default via "$base.245.1"
	route right "$base.245.0/24" via "$base.250.1"
	wait_for 'the way to be open' at inner ping -c1 -W2 "$base.250.2"
	serve right udp 7004 'while True: s.recv(2000)'
	tp_trace --format json 'udp port 7004'
	datagrams inner "$base.250.2" 7004 100 20
	wait_for_journeys 20
	tp_end INT
	expect_status 0
	expect_json 'each is one journey' "20 inner left right" \
		'journeys | "\(length) \(map([.hops[].netns.name] | join(" ") | gsub("(?<name>\\w+)( \\k<name>)+"; .name)) | unique | join(", "))"'
	expect_json 'with its tunnel' 'encap decap' 'journeys | map([.hops[] | select(.stage == "tunnel") | .action] | join(" ")) | unique | join(", ")'
	expect_json 'in order' true 'journeys | map(ordered) | all'
	check_json
else
	without 'a tunnel'
fi
