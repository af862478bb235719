# shellcheck shell=bash
# A bridge that does not know where an address is sends to all: the journey forks, and who took it is told.
. "$(dirname "$0")/lib.sh"

bridge_network web db cache
# It learns nothing any more, so it floods everything.
ip link set dev br0 type bridge ageing_time 0
ip link set dev br0 type bridge mcast_snooping 0 2>/dev/null || true

crossings='.hops | map(select(.stage | IN("tx", "rx")) | words) | sort | join(", ")'
for target in "$net4.2" "$net6::2"; do
	echo "== $target"
	ping -q -c1 "$target" >/dev/null
	ip link set dev br0 type bridge fdb_flush
	tp ping -c1 --format json "$target"
	expect_status 0
	expect_json 'journeys' 'request reply' 'journeys | map(.direction) | join(" ")'
	expect_json 'the request goes to all of them, once each' \
		'cache eth0 rx, db eth0 rx, outer br0 tx, outer v-cache tx, outer v-db tx, outer v-web tx, web eth0 rx' \
		"requests[0] | $crossings"
	expect_json 'it begins at the bridge' 'outer br0 tx' 'requests[0] | crossings | split(", ")[0]'
	expect_json 'it is delivered to the right one' 'delivered in web' 'requests[0] | outcome_words'
	expect_json 'and to no other' 'web' '[requests[0].hops[] | select(.stage == "deliver") | .netns.name] | join(" ")'
	expect_json 'the reply comes back' 'delivered in outer' 'replies[0] | outcome_words'
	expect_json 'the summary: both delivered, none dropped' '2 0' 'summary | "\(.delivered) \(.dropped)"'

	# From one port to another: the bridge itself gets a copy when it floods.
	tp ping -c1 --netns db --format json "$target"
	expect_status 0
	expect_json 'from db: the request goes to the others, once each' \
		'cache eth0 rx, db eth0 tx, outer v-cache tx, outer v-db rx, outer v-web tx, web eth0 rx' \
		"requests[0] | $crossings"
	expect_json 'from db: delivered' 'delivered in web' 'requests[0] | outcome_words'
	expect_json 'from db: and back' 'delivered in db' 'replies[0] | outcome_words'
done

echo '== a multicast'
ip link set dev br0 type bridge ageing_time 30000
tp_trace --format json "icmp6 and host ff02::1 and src $net6::2"
at web ping -q -c1 -W2 -I "$net6::2" ff02::1%eth0 >/dev/null || true
wait_for_journeys 1
tp_end INT
# To its own namespace as well: multicasts loop.
expect_json 'to all, once each' \
	'cache eth0 rx, db eth0 rx, outer br0 rx, outer v-cache tx, outer v-db tx, outer v-web rx, web eth0 rx, web eth0 tx' \
	"journeys | map(select(.packet.icmp.type == 128)) | .[0] | $crossings"
expect_json 'it is delivered' delivered 'journeys | map(select(.packet.icmp.type == 128)) | .[0].outcome.kind'

echo '== nobody else is there'
at db ip neigh replace "$net4.2" lladdr 02:00:00:00:00:01 dev eth0 nud permanent
ip -n web link set dev eth0 down
ip -n cache link set dev eth0 down
ip link set dev br0 type bridge fdb_flush
tp ping -c1 -W1 --netns db --format json "$net4.2"
expect_status 1
# The bridge itself gets a copy, which says why it is not for the bridge; or nobody does (Linux 6.14 and later say so).
expect_json 'the advice is of bridges' true 'requests[0].outcome | .kind == "dropped"
	and (.advice.key | IN("bridge_no_port", "bridge_refused", "not_for_us", "unknown"))'

echo '== one packet, though its copies come to interfaces of the same number, and to IP layers here and there'
netns hub one two
ip -n hub link add name br0 index 50 type bridge forward_delay 0
ip -n hub link set dev br0 type bridge mcast_snooping 0 2>/dev/null || true
number=60
for port in one two; do
	number=$((number + 1))
	ip -n hub link add name v-$port index $number type veth peer name eth0 index 50 netns $port
	ip -n hub link set dev v-$port master br0 up
	ip -n $port link set dev eth0 up
done
ip -n hub link set dev br0 up
address hub br0 "${net4%.*}.77.1/24"
address one eth0 "${net4%.*}.77.2/24"
address two eth0 "${net4%.*}.77.3/24"
ip -n hub route add 224.0.0.0/4 dev br0
ip -n one route add 224.0.0.0/4 dev eth0
ip -n hub addr add 239.77.0.1/32 dev br0 autojoin
ip -n two addr add 239.77.0.1/32 dev eth0 autojoin
wait_for 'the bridge to be open' at one ping -c1 -W2 "${net4%.*}.77.1"
tp_trace --format json 'udp port 6007 and net 239.77.0.0/16'
datagrams one 239.77.0.1 6007 20 1 # for both
datagrams hub 239.77.0.2 6007 20 1 # for nobody
wait_for_journeys 2
tp_end INT
expect_json 'one journey each' 2 'journeys | length'
expect_json 'of what came in' 'hub br0 rx, hub v-one rx, hub v-two tx, one eth0 tx, two eth0 rx' \
	"journeys[0] | $crossings"
expect_json 'both who want it have it' 'hub, two' \
	'journeys[0].hops | map(select(.stage == "in") | .netns.name) | sort | join(", ")'
if kernel_since 5 17; then # before, there are no reasons
	expect_json 'that no process there listens is no fault' multicast_group 'journeys[0].outcome.advice.key // "multicast_group"'
fi
expect_json 'of what was made there' 'hub br0 tx, hub v-one tx, hub v-two tx, one eth0 rx, two eth0 rx' \
	"journeys[1] | $crossings"

echo '== a VLAN that the bridge itself is not in'
if ! ip -n hub link set dev br0 type bridge vlan_filtering 1 2>"$work/vlan"; then
	without "a VLAN: $(head -1 "$work/vlan")"
else
	for port in v-one v-two; do
		at hub bridge vlan add vid 10 pvid untagged dev $port
		at hub bridge vlan del vid 1 dev $port
	done
	ip -n one neigh flush dev eth0
	tp_trace --format json "arp and host ${net4%.*}.77.3"
	at one ping -q -c1 -W2 "${net4%.*}.77.3" >/dev/null
	wait_for_journeys 2
	tp_end INT
	expect_json "who is asked gets it, whatever became of the bridge's own copy" 'consumed in two' \
		'journeys | map(select(.packet.arp.op == 1))[0] | outcome_words'
	tp_watch drops --format json "arp and host ${net4%.*}.77.3"
	ip -n one neigh flush dev eth0
	at one ping -q -c1 -W2 "${net4%.*}.77.3" >/dev/null
	tp_end INT
	expect_json 'that copy is no loss' 0 'map(select(.type == "summary"))[0].drops'
fi

# Before they go out, and on older kernels after (the copy waits for the softirq). With it comes no sender.
echo '== what is sent to all, and of which this machine has its own copy'
netns mine other
cable mine eth0 other eth0
address mine eth0 "${net4%.*}.78.1/24" "$net6:78::1/64"
address other eth0 "${net4%.*}.78.2/24"
wait_for 'IPv4 to be open' at mine ping -c1 -W2 "${net4%.*}.78.2"
to_all() { # port
	at mine python3 -c "
import socket, struct
def opened(family):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.bind(('', $1))
    return s
v4, v6 = opened(socket.AF_INET), None
v4.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
v4.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('239.78.0.1') + socket.inet_aton('${net4%.*}.78.1'))
v4.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('${net4%.*}.78.1'))
eth0 = socket.if_nametoindex('eth0')
group = socket.inet_pton(socket.AF_INET6, 'ff05::78')
for there in '${net4%.*}.78.255', '239.78.0.1':
    for i in range(5):
        v4.sendto(b'x' * 20, (there, $1))
        v4.recv(100)
v4.close()
v6 = opened(socket.AF_INET6)
v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack('@I', eth0))
v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, eth0)
for i in range(5):
    v6.sendto(b'x' * 20, ('ff05::78', $1))
    v6.recv(100)"
}
tp_trace -v --format json 'udp port 6008'
to_all 6008
wait_for_journeys 15
tp_end INT
expect_status 0
expect_json 'each is one journey' 15 'journeys | length'
expect_json 'with its way, its copy here, and who sent it' 'mine eth0 rx, mine eth0 tx, other eth0 rx; mine eth0; python3' \
	'journeys | map((.hops | map(select(.stage == "tx" or .stage == "rx")) | map("\(.netns.name) \(.dev.name) \(.stage)") | sort | join(", ")) + "; "
	+ (.hops | map(select(.looped) | "\(.netns.name) \(.dev.name)") | join(", ")) + "; " + (.hops[0] | select(.stage == "out") | .socket.process)) | unique | join(" | ")'
expect_json 'that came to the IP layer here' true 'journeys | all([.hops[] | select(.stage == "in") | .netns.name] | any(. == "mine"))'
expect_json 'in order' true 'journeys | map(ordered) | all'
check_json

broadcasts() { # netns address port [device]
	at "$1" python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'${4-}')
for i in range(3): s.sendto(b'x', ('$2', $3))"
}

echo '== a broadcast that no socket takes'
tp_trace --format json 'udp port 6009'
broadcasts other "${net4%.*}.78.255" 6009
wait_for_journeys 3
tp_end INT
expect_json 'is no fault, here and there' '3 broadcast_port mine other' \
	'journeys | "\(length) \(map(.outcome.advice.key) | unique | join(" ")) \(map(.hops[] | select(.stage == "drop") | .netns.name) | unique | join(" "))"'

echo '== of which a firewall drops that copy'
if at mine nft add table ip own 2>/dev/null; then
	at mine nft add chain ip own in '{ type filter hook input priority 0; }'
	at mine nft add rule ip own in udp dport 6010 drop
	tp_trace --format json 'udp port 6010'
	broadcasts mine "${net4%.*}.78.255" 6010
	wait_for_journeys 3
	tp_end INT
	expect_json 'who sent it is told' '3 python3' \
		'journeys | "\(length) \(map(.hops[0] | select(.stage == "out") | .socket.process) | unique | join(" "))"'
	expect_json 'and that it is a copy' '3 true' \
		'journeys | "\(length) \(all([.hops[] | select(.looped)] | length == 1))"'
	check_json
	# Both that and what goes out are dropped, and this is the first that is seen of it.
	at mine nft add chain ip own out '{ type filter hook postrouting priority 0; }'
	at mine nft add rule ip own out udp dport 6012 drop
	tp_trace --format json 'udp port 6012'
	broadcasts mine "${net4%.*}.78.255" 6012 2>/dev/null || true
	wait_for_journeys 1
	tp_end INT
	expect_json 'who sent what does not leave is told once' 'dropped python3' \
		'journeys[0] | "\(.outcome.kind) \([.hops[] | select(.stage == "out") | .socket.process] | join(" "))"'
	check_json
	at mine nft delete table ip own
else
	without 'a firewall: no nftables here'
fi

echo '== from one macvlan to the others, and out'
ip -n mine link add link eth0 name m1 type macvlan mode bridge
ip -n mine link add link eth0 name m2 type macvlan mode bridge
ip -n mine link set m1 up
ip -n mine link set m2 up
address mine m1 "${net4%.*}.79.1/24"
tp_trace --format json 'udp port 6011'
broadcasts mine 255.255.255.255 6011 m1
wait_for_journeys 3
tp_end INT
expect_json 'each is one journey, and nobody lost sight of it' '3 dropped' \
	'journeys | "\(length) \(map(.outcome.kind) | unique | join(" "))"'
expect_json 'there and here' 'mine m1 rx, mine m1 tx, mine m2 rx, mine eth0 tx, other eth0 rx' \
	'journeys[0].hops | map(select(.stage == "tx" or .stage == "rx") | "\(.netns.name) \(.dev.name) \(.stage)") | join(", ")'
check_json
