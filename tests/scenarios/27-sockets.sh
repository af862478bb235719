# shellcheck shell=bash
# Who sent a packet and who got it, what TCP makes of it, and which ICMP error it is answered with.
. "$(dirname "$0")/lib.sh"

router_network 4 6

# Tells its name and pid, and then runs the rest of a Python program.
python() { # netns file program
	at "$1" python3 -c "
import os, socket, time
told = open('$2', 'w')
print(open('/proc/self/comm').read().strip(), os.getpid(), file=told, flush=True)
def ready(): print('ready', file=told, flush=True)
$3"
}
process() { head -n1 "$1"; }
# A program in `right` that goes on until there is $work/end; its name and pid are in $work/server.
begin_server() { # program
	rm -f "$work/server" "$work/end"
	python right "$work/server" "$1" &
	server_job=$!
	wait_for 'the server' has ready "$work/server"
}
# One that listens there and accepts nobody.
begin_listener() { # port backlog
	begin_server "
s = socket.socket()
s.bind(('$target', $1))
s.listen($2)
ready()
while not os.path.exists('$work/end'): time.sleep(0.01)"
}
end_server() {
	touch "$work/end"
	wait "$server_job"
}
at_stage() { # stage jq
	echo ".hops | map(select(.stage == \"$1\") | $2) | join(\", \")"
}

echo '== UDP: the sender, and a port that nobody listens on'
for there in "$target" "$net6:1::2"; do
	tp_trace --format json "udp port 4444 and host $there"
	python left "$work/sender" "
s = socket.socket(socket.AF_INET6 if ':' in '$there' else socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b'x', ('$there', 4444))"
	wait_for_journeys 1
	tp_end INT
	expect_status 0
	expect_json 'the sender' "$(process "$work/sender")" \
		"journeys[0] | $(at_stage out '"\(.socket.process) \(.socket.pid)"')"
	expect_json 'it comes first' 'out left' 'journeys[0].hops[0] | "\(.stage) \(.netns.name)"'
	expect_json 'the end' 'dropped in right' 'journeys[0] | outcome_words'
	tells=tells_icmp code=3/3
	[[ $there != *:* ]] || tells=tells_icmp6 code=1/4
	if $tells; then
		expect_json 'the error that is sent' "right $code port unreachable" \
			"journeys[0] | $(at_stage icmp '"\(.netns.name) \(.icmp.type)/\(.icmp.code) \(.says)"')"
	else
		without "ICMP errors to $there: this kernel does not tell of them"
	fi
done

echo '== UDP: who takes it, though nothing tells that it was read'
for there in "$target" "$net6:1::2"; do
	begin_server "
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('', 5300))
ready()
data, who = s.recvfrom(10)
s.sendto(b'y' * 10, who)
while not os.path.exists('$work/end'): time.sleep(0.01)"
	tp_trace --format json "udp port 5300 and host $there"
	python left "$work/client" "
s = socket.socket(socket.AF_INET6 if ':' in '$there' else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout($patience)
s.sendto(b'x', ('$there', 5300))
s.recv(20)"
	# The kernel may keep what was read for a while, and frees it at the end of that or with others.
	wait_for_journeys 2
	tp_end INT
	end_server
	expect_status 0
	for side in "right server 5300" "left client"; do
		read -r where who port <<<"$side"
		one="journeys[] | select(.outcome.netns.name == \"$where\")"
		expect_json "taken in $where" "$(process "$work/$who")" "$one | .outcome.socket | \"\(.process) \(.pid)\""
		# The client's socket may be gone when the kernel frees what it read, and nobody knows any more.
		kinds='"delivered"'
		[ "$where" = right ] || kinds+=', "consumed"'
		expect_json "or delivered, in $where" true "$one | .outcome.kind | IN($kinds)"
		[ -z "$port" ] || expect_json 'not to somebody else' "$port" "$one | .packet.dport"
	done
done

echo '== UDP: a process that does not read'
begin_server "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 5301))
ready()
while not os.path.exists('$work/end'): time.sleep(0.01)"
tp_trace --format json -w "$work/unread.pcapng" "udp port 5301"
python left "$work/client" "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b'x', ('$target', 5301))"
# shellcheck disable=SC2016 # awk's
at_socket() { [ "$(at right awk '$2 ~ /:14B5$/ { print $5 != "00000000:00000000" }' /proc/thread-self/net/udp)" = 1 ]; }
wait_for 'it to wait in the socket' at_socket
tp_end INT
what="consumed $(process "$work/server") true unread ip netns exec right ss -uanp"
told='journeys[0].outcome | "\(.kind) \(.socket.process) \(.socket.pid) \(.unread > 0) \(.advice.key) \(.advice.check)"'
expect_json 'it waits to be read' "$what" "$told"
check_json
tp trace --format json -r "$work/unread.pcapng"
expect_json 'the same from the file' "$what" "$told"
end_server

echo '== a time to live that ends in the router'
if tells_icmp; then
	tp_trace --format json "icmp[icmptype] == icmp-echo and dst $target"
	at left ping -q -c1 -W1 -t1 "$target" >/dev/null || true
	wait_for_journeys 1
	tp_end INT
	expect_json 'the error' 'router 11/0 time to live exceeded' \
		"journeys[0] | $(at_stage icmp '"\(.netns.name) \(.icmp.type)/\(.icmp.code) \(.says)"')"
	tp ping -c1 -t1 -W1 --netns left "$target"
	expect_line 'in the table' 'icmp +sent: time to live exceeded' "$out"
fi

echo '== a hop limit that ends there'
if tells_icmp6; then
	tp_trace --format json "icmp6 and dst $net6:1::2"
	at left ping -q -6 -c1 -W1 -t1 "$net6:1::2" >/dev/null || true
	wait_for_journeys 1 '.packet.icmp.type == 128'
	tp_end INT
	expect_json 'the error' 'router 3/0 hop limit exceeded' \
		"journeys[] | select(.packet.icmp.type == 128) | $(at_stage icmp '"\(.netns.name) \(.icmp.type)/\(.icmp.code) \(.says)"')"
fi

echo '== TCP: a connection, and its capture'
server='
s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((there, 6005))
s.listen()
ready()
c = s.accept()[0]
c.recv(100)
c.sendall(b"y" * 10)
c.recv(100)
while not os.path.exists(end): time.sleep(0.01)'
client='
s = socket.create_connection((there, 6005))
s.sendall(b"x" * 10)
s.recv(100)
s.close()'
for there in "$target" "$net6:1::2"; do
	begin_server "there, end = '$there', '$work/end'$server"
	tp_trace --format json -w "$work/tcp.pcapng" "tcp port 6005 and host $there"
	python left "$work/client" "there = '$there'$client"
	wait_for_journeys 6
	end_server
	tp_end INT
	expect_status 0
	flags() { echo "(journeys | sort_by(.id) | map(select(.packet.tcp.flags == \"$1\")))"; }
	expect_json 'the first and its sender' "$(process "$work/client")" \
		"$(flags SYN) | .[0] | $(at_stage out '"\(.socket.process) \(.socket.pid)"')"
	expect_json 'the answer, and who listens' "$(process "$work/server")" \
		"$(flags 'SYN ACK') | .[0] | $(at_stage out '"\(.socket.process) \(.socket.pid)"')"
	expect_json 'data: who sent it' "$(process "$work/client") $(process "$work/server")" \
		"$(flags 'PSH ACK') | map($(at_stage out '"\(.socket.process) \(.socket.pid)"')) | join(\" \")"
	expect_json 'data: who got it' "delivered $(process "$work/server"), delivered $(process "$work/client")" \
		"$(flags 'PSH ACK') | map(.outcome | \"\(.kind) \(.socket.process) \(.socket.pid)\") | join(\", \")"
	expect_json 'who sent it comes first' 'out out out out' \
		"$(flags SYN) + $(flags 'SYN ACK') + $(flags 'PSH ACK') | map(.hops[0].stage) | join(\" \")"
	same_again 'the capture' trace --format json -r "$work/tcp.pcapng"
done

echo '== TCP: a port that nobody listens on'
tp_trace --format json "tcp port 6006 and host $target"
python left "$work/client" "
try: socket.create_connection(('$target', 6006))
except ConnectionRefusedError: ready()"
wait_for 'the refusal' has ready "$work/client"
wait_for_journeys 2
tp_end INT
expect_json 'flags' 'SYN, RST ACK' 'journeys | sort_by(.id) | map(.packet.tcp.flags) | join(", ")'
# The tracepoint tells of resets without a socket since 6.10, and of their reason.
if kernel_since 6 10; then
	expect_json 'the reset and its reason' 'right reset_sent NO_SOCKET' \
		"journeys | sort_by(.id) | .[0] | $(at_stage tcp '"\(.netns.name) \(.event) \(.reason)"')"
else
	without 'resets without a socket: this kernel does not tell of them'
fi
expect_json 'who it is for' "left reset_received $(process "$work/client")" \
	"journeys | sort_by(.id) | .[1] | $(at_stage tcp '"\(.netns.name) \(.event) \(.socket.process) \(.socket.pid)"')"

# The kernel tells of these resets since 6.10, and of older ones says that it dropped the data.
echo '== TCP: data for a connection that its process has closed'
if kernel_since 6 10; then
	begin_server "
s = socket.socket()
s.bind(('$target', 6010))
s.listen()
ready()
c, _ = s.accept()
c.close()
while not os.path.exists('$work/end'): time.sleep(0.01)"
	tp_trace --format json -w "$work/closed.pcapng" 'tcp dst port 6010 and tcp[tcpflags] & tcp-push != 0'
	python left "$work/client" "
s = socket.create_connection(('$target', 6010))
s.recv(1)
time.sleep(0.5)  # its delayed ACK of the FIN
s.send(b'late')"
	wait_for_journeys 1
	tp_end INT
	end_server
	what='consumed true tcp_closed ip netns exec right ss -nta'
	told='journeys | map("\(.outcome.kind) \(.outcome.closed) \(.outcome.advice.key) \(.outcome.advice.check)") | join("; ")'
	expect_json 'nobody reads it' "$what" "$told"
	check_json
	tp trace --format json -r "$work/closed.pcapng"
	expect_json 'the same from the file' "$what" "$told"
else
	without 'resets of closed connections: this kernel does not tell of them'
fi

echo '== TCP: what is lost is sent again'
begin_server "there, end = '$target', '$work/end'$server"
rm -f "$work/client"
python left "$work/client" "
s = socket.create_connection(('$target', 6005))
ready()
while not os.path.exists('$work/go'): time.sleep(0.01)
s.sendall(b'x' * 10)
s.recv(100)" &
client_job=$!
wait_for 'the client' has ready "$work/client"
at router ip route add blackhole "$target/32"
tp_trace --format json "tcp port 6005 and src $near"
touch "$work/go"
wait_for_journeys 1 '.hops | map(select(.event == "retransmitted")) | length > 0'
at router ip route del blackhole "$target/32"
wait "$client_job"
end_server
tp_end INT
again='journeys | map(select(.hops | any(.event == "retransmitted")))'
expect_json 'who sent it' "$(process "$work/client")" \
	"$again | .[0] | $(at_stage out '"\(.socket.process) \(.socket.pid)"')"
expect_json 'it is told before it leaves' 'out tcp tx' "$again | .[0].hops | map(.stage | select(IN(\"route\", \"netfilter\") | not)) | .[0:3] | join(\" \")"
expect_json 'why' true "$again | .[0].hops[1].cause | IN(\"timeout\", \"probe\")"

echo '== TCP: a process that does not accept, and no room for another connection'
rm -f "$work/client"
begin_listener 6007 1
# Where the kernel does not tell (no tcp_diag), ss shows what /proc has: no backlog.
if [ "$(at right ss -ltnH 'sport = 6007' | awk '{ print $3 }')" = 1 ]; then
	tp_trace --format json "tcp port 6007 and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"
	python left "$work/client" "
clients = [socket.socket() for _ in range(3)]
for one in clients:
    one.setblocking(False)
    one.connect_ex(('$target', 6007))
while not os.path.exists('$work/end'): time.sleep(0.01)" &
	client_job=$!
	wait_for_journeys 1 '.outcome | select(.full_queue)'
	tp_end INT
	touch "$work/end"
	wait "$client_job"
	expect_json 'those that there was room for' 'delivered delivered' 'journeys | sort_by(.id) | map(.outcome.kind)[0:2] | join(" ")'
	ignored='journeys | sort_by(.id) | .[2].outcome'
	expect_json 'the one that there was none for' 'consumed right 2 1' \
		"$ignored | \"\\(.kind) \\(.netns.name) \\(.full_queue.waiting) \\(.full_queue.backlog)\""
	expect_json 'by whom, and what to do' "$(process "$work/server") listen_queue_full ip netns exec right ss -ltn" \
		"$ignored | \"\\(.socket.process) \\(.socket.pid) \\(.advice.key) \\(.advice.check)\""
else
	without 'a full listen queue: this kernel does not tell of it'
fi
end_server

echo '== a connection that the server has no way to answer'
begin_listener 6008 8
if [ "$(at right ss -ltnH 'sport = 6008' | awk '{ print $3 }')" = 8 ]; then
	tp_trace --format json -w "$work/no-way.pcapng" "tcp port 6008 and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"
	connect() { # socket
		python left "$work/client" "
c = socket.socket()
c.setblocking(False)
c.connect_ex(('$target', 6008))
while not os.path.exists('$work/$1'): time.sleep(0.01)"
	}
	connect first &
	wait_for_journeys 1
	touch "$work/first"
	wait $!
	way_back=$(at right ip route show default)
	at right ip route del default
	connect second &
	wait_for_journeys 1 '.outcome | select(.no_way_back)'
	touch "$work/second"
	wait $!
	tp_end INT
	no_way="journeys | sort_by(.id) | map(\"\(.outcome.kind) \(.outcome.no_way_back) \(.outcome.advice.key) \(.outcome.advice.check)\")[0:2] | join(\"; \")"
	what="delivered null null null; consumed true no_way_back ip netns exec right ip route get $(at left hostname -I | awk '{ print $1 }') from $target"
	expect_json 'with a way back, and without' "$what" "$no_way"
	# shellcheck disable=SC2086 # words
	at right ip route add $way_back
	tp trace --format json -r "$work/no-way.pcapng"
	expect_json 'the same from the file' "$what" "$no_way"
else
	without 'no way back: this kernel does not tell of sockets that listen'
fi
end_server

echo '== no room for another connection that is being made, and no SYN cookies'
begin_listener 6009 8
cookies=$(at right sysctl -n net.ipv4.tcp_syncookies 2>/dev/null || true)
if [ -n "$cookies" ] && [ "$(at right ss -ltnH 'sport = 6009' | awk '{ print $3 }')" = 8 ]; then
	at right sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=4
	tp_trace --format json -w "$work/syns.pcapng" "tcp port 6009 and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"
	# What the first ones are answered, they do not get.
	firewall left input 'tcp sport 6009 drop'
	python left "$work/client" "
def connect():
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(('$target', 6009))
    return c
clients = [connect() for _ in range(12)]
while not os.path.exists('$work/told'): time.sleep(0.01)" &
	client_job=$!
	wait_for_journeys 1 '.outcome | select(.full_syn_queue)'
	touch "$work/told"
	wait "$client_job"
	tp_end INT
	no_firewall left
	ignored='journeys | map(.outcome | select(.full_syn_queue))'
	what="$(process "$work/server") true 4 syn_queue_full ip netns exec right ss -tan state syn-recv"
	told="$ignored | map(\"\\(.socket.process) \\(.socket.pid) \\(.full_syn_queue.waiting >= .full_syn_queue.backlog) \\(.full_syn_queue.backlog) \\(.advice.key) \\(.advice.check)\") | unique | join(\"; \")"
	expect_json 'the ones that there was none for' "$what" "$told"
	expect_json 'those that there was room for' true 'journeys | map(select(.outcome.kind == "delivered")) | length >= 4'
	check_json
	tp trace --format json -r "$work/syns.pcapng"
	expect_json 'the same from the file' "$what" "$told"
	check_json
	if [ -z "$brief" ]; then
		echo '== nor in a flood of them, whose requests the kernel gives up after three seconds'
		at right sysctl -qw net.ipv4.tcp_synack_retries=1
		firewall left input 'tcp sport 6009 drop'
		tp_trace --format json "tcp port 6009 and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"
		python left "$work/client" "
import struct
def with_checksum(segment):
    bytes = socket.inet_aton(here) + socket.inet_aton('$target') + struct.pack('!BBH', 0, 6, 20) + segment
    sum = 0xffff * 2
    for word in struct.unpack('!16H', bytes): sum += word
    while sum >> 16: sum = (sum & 0xffff) + (sum >> 16)
    return segment[:16] + struct.pack('!H', 0xffff - sum) + segment[18:]
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(('$target', 9))
here = probe.getsockname()[0]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
for port in range(10000, 14000):
    time.sleep(0.0003) # no faster than all can be shown
    raw.sendto(with_checksum(struct.pack('!HHIIBBHHH', port, 6009, 1, 0, 0x50, 2, 64240, 0, 0)), ('$target', 0))"
		wait_for_journeys 4000
		tp_end INT
		no_firewall left
		expect_json 'all but those that there was room for' '4000 true' \
			'"\(journeys | length) \(journeys | map(select(.outcome.full_syn_queue | not)) | length < 200)"'
	fi
	at right sysctl -qw "net.ipv4.tcp_syncookies=$cookies"
else
	without 'a full SYN queue: this kernel does not tell of sockets that listen'
fi
end_server
