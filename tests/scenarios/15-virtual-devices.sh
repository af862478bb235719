# shellcheck shell=bash
# Devices upon devices: macvlan, VLAN, bond, and tunnels. The packet is followed through all of them.
. "$(dirname "$0")/lib.sh"

look_for_reasons
base=${net4%.*}
n=0

# there: the way of the request; back: the reply's. No tracepoint tells that a macvlan or VLAN interface passes a
# packet on to the IP layer, so that is not asked for; its arrival at the interface may be inferred, but is told.
follows() { # what netns target there back
	wait_for "$1: the way to be open" at "$2" ping -c1 -W2 "$3"
	tp ping -c1 --netns "$2" --format json "$3"
	expect_status 0
	expect_json "$1: the way of the request" "$4" 'requests | map(travel) | join(" | ")'
	expect_json "$1: the way of the reply" "$5" 'replies | map(travel) | join(" | ")'
	expect_json "$1: outcomes" delivered 'journeys | map(.outcome.kind) | unique | join(" ")'
}

# Two namespaces with a cable between them, eth0 to eth0, new ones each time.
pair() {
	n=$((n + 1))
	l=l$n r=r$n
	netns $l $r
	cable $l eth0 $r eth0
	address $l eth0 "$base.$n.1/24"
	address $r eth0 "$base.$n.2/24"
}
# A device of this kind in both, with addresses on it.
both() { # device
	address $l "$1" "$base.$((n + 100)).1/24" "$net6:$n::1/64"
	address $r "$1" "$base.$((n + 100)).2/24" "$net6:$n::2/64"
	ip -n $l link set dev "$1" up
	ip -n $r link set dev "$1" up
}
targets() { echo "$base.$((n + 100)).2" "$net6:$n::2"; }

# TCP and UDP take packets in without a word: by which device the IP layer had them is told all the same.
taken_in() { # what target device
	v=''
	case $2 in *:*) v=6 ;; esac
	serve $r "tcp$v" 7015 'peer, _ = s.accept()
while peer.recv(30000): peer.send(b"y" * 100)'
	tp_trace --format json 'tcp port 7015'
	at $l python3 -c "
import socket
with socket.create_connection(('$2', 7015)) as sender:
    sender.send(b'x' * 1000)
    sender.recv(1000)"
	wait_for_journeys 2 '.packet.tcp.flags | contains("FIN")'
	tp_end INT
	expect_json "$1: TCP comes in by it" "$3" '[journeys[] | [.hops[] | select(.stage == "in").dev.name] | join(" ")] | unique | join(", ")'
	expect_json "$1: of TCP none is lost sight of" '' '[journeys[] | select(.outcome.kind == "lost" or .outcome.kind == "dropped").packet.tcp.flags] | join(", ")'
	serve $r "udp$v" 7016 'while s.recv(2000): pass'
	tp_trace --format json 'udp port 7016'
	datagrams $l "$2" 7016 100 1
	wait_for_journeys 1 '.packet.proto == "udp"'
	tp_end INT
	expect_json "$1: a datagram is delivered" "$r $3 in, $r $3 deliver" \
		'journeys[0] | [.hops[] | select(.stage == "in" or .stage == "deliver") | words] | join(", ")'
	kill "$server"
	wait "$server" 2>/dev/null || true
}

missing() { # what
	without "$1: $(head -1 "$work/has_device" | tr -dc '[:print:]')"
}

echo '== macvlan'
if netns far m1 m2 && cable outer up0 far eth0 &&
	ip link add link up0 name mv1 type macvlan mode bridge 2>"$work/has_device"; then
	ip link set dev mv1 netns m1 name eth0
	ip link add link up0 name mv2 netns m2 type macvlan mode bridge
	ip -n m2 link set dev mv2 name eth0
	number=1
	for one in far m1 m2; do
		address $one eth0 "$base.50.$number/24" "$net6:50::$number/64"
		ip -n $one link set dev eth0 up
		number=$((number + 1))
	done
	for target in "$base.50.1" "$net6:50::1"; do
		follows "macvlan to the wire, $target" m1 "$target" \
			'm1 eth0 tx, outer up0 tx, far eth0 rx, far eth0 deliver' \
			'far eth0 tx, outer up0 rx, m1 eth0 rx, m1 eth0 deliver'
	done
	address outer up0 "$base.50.9/24"
	tp ping -c1 --netns far --format json "$base.50.9"
	expect_json 'what is for the interface below itself comes to the IP layer there' \
		'far eth0 tx, outer up0 rx, outer up0 in, outer up0 deliver' 'requests[0] | way'
	# By the interface below, so that its taps see it: macvlan_queue_xmit.
	for target in "$base.50.3" "$net6:50::3"; do
		follows "macvlan to macvlan, $target" m1 "$target" \
			'm1 eth0 tx, outer up0 rx, m2 eth0 rx, m2 eth0 deliver' \
			'm2 eth0 tx, outer up0 rx, m1 eth0 rx, m1 eth0 deliver'
	done
	l=far r=m1
	taken_in 'macvlan' "$base.50.2" eth0
	l=m1 r=m2
	taken_in 'macvlan to macvlan' "$net6:50::3" eth0
	ip -n m1 link del dev eth0
	ip -n m2 link del dev eth0
	ip link add link up0 name mv1 netns m1 type macvlan mode passthru
	ip -n m1 link set dev mv1 name eth0
	ip -n m1 link set dev eth0 up
	address m1 eth0 "$base.50.2/24"
	l=far r=m1
	taken_in 'macvlan in mode passthru' "$base.50.2" eth0
else
	missing macvlan
fi

echo '== ipvlan'
if modprobe -q ipvlan 2>/dev/null; netns ifar i1 && cable outer up1 ifar eth0 &&
	ip link add link up1 name iv1 netns i1 type ipvlan mode l2 2>"$work/has_device"; then
	ip -n i1 link set dev iv1 name eth0
	ip -n i1 link set dev eth0 up
	address ifar eth0 "$base.60.1/24"
	address i1 eth0 "$base.60.2/24"
	follows ipvlan i1 "$base.60.1" \
		'i1 eth0 tx, outer up1 tx, ifar eth0 rx, ifar eth0 deliver' \
		'ifar eth0 tx, outer up1 rx, i1 eth0 rx, i1 eth0 deliver'
	l=ifar r=i1
	taken_in 'ipvlan' "$base.60.2" eth0
	address ifar eth0 "$net6:60::1/64"
	address i1 eth0 "$net6:60::2/64"
	taken_in 'ipvlan' "$net6:60::2" eth0
	address outer up1 "$base.60.9/24"
	tp ping -c1 --netns ifar --format json "$base.60.9"
	expect_json 'what no ipvlan has the address of comes to the IP layer below' \
		'ifar eth0 tx, outer up1 rx, outer up1 in, outer up1 deliver' 'requests[0] | way'
else
	missing ipvlan
fi

echo '== ifb'
pair
modprobe -qa ifb sch_ingress cls_u32 act_mirred 2>/dev/null || true
if { ip -n $r link add name ifb7 type ifb && ip -n $r link set dev ifb7 up && tc -n $r qdisc add dev eth0 ingress &&
	tc -n $r filter add dev eth0 parent ffff: protocol ip u32 match u32 0 0 action mirred egress redirect dev ifb7; } \
	2>"$work/has_device"; then
	wait_for 'the way through the ifb to be open' at $l ping -c1 -W2 "$base.$n.2"
	tp ping -c1 --netns $l --format json "$base.$n.2"
	expect_json 'it comes to the IP layer once, when it is back' \
		"$l eth0 tx, $r eth0 rx, $r ifb7 tx, $r eth0 rx, $r eth0 in, $r eth0 deliver" 'requests[0] | way'
	expect_json 'and is no duplicate' false 'requests[0].hops | any(.duplicate)'
else
	missing ifb
fi

echo '== mirred'
pair
modprobe -qa sch_ingress cls_matchall act_mirred 2>/dev/null || true
if tc -n $r qdisc add dev lo clsact 2>"$work/has_device" && netns third$n && cable $r side third$n eth0 &&
	mirred() { tc -n $r filter add dev "$1" "$2" protocol ip matchall action mirred egress "$3" dev "$4"; } &&
	mirred lo egress redirect side 2>"$work/has_device"; then
	tc -n $r filter del dev lo egress
	at $r ip addr add 10.99.1.1/24 dev side
	at $r sysctl -qw net.ipv4.ip_forward=1
	at $l ip route add 10.99.0.0/16 via "$base.$n.2"
	netns fourth$n && cable $r out fourth$n eth0
	at $r ip addr add 10.99.2.1/24 dev out
	at fourth$n ip addr add 10.99.2.2/24 dev eth0
	at $r tc qdisc add dev out clsact
	at $r tc qdisc add dev eth0 clsact
	mirred out egress redirect side
	at $r ip neigh add 10.99.2.2 lladdr 02:00:00:00:00:09 dev out
	tp ping -c1 -W1 --netns $l --format json 10.99.2.2
	expect_json 'what is taken from an interface on the way out did not come in by it' \
		"$l eth0 tx, $r eth0 rx, $r eth0 in, $r side tx, third$n eth0 rx, third$n eth0 drop" 'requests[0] | way'
	at $r tc filter del dev out egress
	mirred eth0 ingress redirect side
	tp ping -c1 -W1 --netns $l --format json 10.99.2.2
	expect_json 'what is sent on before IP did not come to it' \
		"$l eth0 tx, $r eth0 rx, $r side tx, third$n eth0 rx, third$n eth0 drop" 'requests[0] | way'
	[ -z "$has_reasons" ] || expect_json 'and the advice says who sent it there' redirected 'requests[0].outcome.advice.key'
	expect_json 'which says so' "$r side tx" \
		'requests[0].hops | map(select(.past_ip) | "\(.netns.name) \(.dev.name) \(.stage)") | join(", ")'
else
	missing mirred
fi

echo '== VLAN'
pair
modprobe -q 8021q 2>/dev/null || true
if ip -n $l link add link eth0 name eth0.5 type vlan id 5 2>"$work/has_device"; then
	ip -n $r link add link eth0 name eth0.5 type vlan id 5
	both eth0.5
	for target in $(targets); do
		follows "VLAN, $target" $l "$target" \
			"$l eth0.5 tx, $l eth0 tx, $r eth0 rx, $r eth0.5 rx, $r eth0.5 deliver" \
			"$r eth0.5 tx, $r eth0 tx, $l eth0 rx, $l eth0.5 rx, $l eth0.5 deliver"
	done
	taken_in VLAN "$base.$((n + 100)).2" eth0.5
	# VLAN upon VLAN
	ip -n $l link add link eth0.5 name qq type vlan id 6
	ip -n $r link add link eth0.5 name qq type vlan id 6
	ip -n $l addr flush dev eth0.5
	ip -n $r addr flush dev eth0.5
	both qq
	for target in $(targets); do
		follows "VLAN in VLAN, $target" $l "$target" \
			"$l qq tx, $l eth0.5 tx, $l eth0 tx, $r eth0 rx, $r qq rx, $r qq deliver" \
			"$r qq tx, $r eth0.5 tx, $r eth0 tx, $l eth0 rx, $l qq rx, $l qq deliver"
	done
	taken_in 'VLAN in VLAN' "$base.$((n + 100)).2" qq
else
	missing VLAN
fi

echo '== bond'
pair
modprobe -q bonding max_bonds=0 2>/dev/null || true
if ip -n $l link add name bond0 type bond mode active-backup miimon 100 2>"$work/has_device"; then
	ip -n $l addr flush dev eth0
	ip -n $l link set dev eth0 down
	ip -n $l link set dev eth0 master bond0
	ip -n $l link set dev eth0 up
	ip -n $l link set dev bond0 up
	address $l bond0 "$base.$n.1/24"
	follows bond $l "$base.$n.2" \
		"$l bond0 tx, $l eth0 tx, $r eth0 rx, $r eth0 deliver" \
		"$r eth0 tx, $l eth0 rx, $l bond0 rx, $l bond0 deliver"
	if modprobe -q 8021q 2>/dev/null; ip -n $l link add link bond0 name v5 type vlan id 5 2>"$work/has_device"; then
		ip -n $r link add link eth0 name v5 type vlan id 5
		both v5
		follows 'VLAN upon a bond' $l "$base.$((n + 100)).2" \
			"$l v5 tx, $l bond0 tx, $l eth0 tx, $r eth0 rx, $r v5 rx, $r v5 deliver" \
			"$r v5 tx, $r eth0 tx, $l eth0 rx, $l v5 rx, $l v5 deliver"
		taken_in 'VLAN upon a bond' "$base.$((n + 100)).2" v5
	fi
else
	missing bond
fi

# Tunnels: the packet goes in by the tunnel's device, out by eth0 with a header more, and at the far end the outer
# packet is for that machine's IP layer before the inner one comes out of the tunnel's device.
tunnel() { # what type local-remote-args...
	local what=$1 type=$2 target
	echo "== $what"
	pair
	modprobe -q "$type" 2>/dev/null || true
	if ! ip -n $l link add name tun type "${@:2}" local "$base.$n.1" remote "$base.$n.2" 2>"$work/has_device"; then
		missing "$what"
		return 0
	fi
	ip -n $r link add name tun type "${@:2}" local "$base.$n.2" remote "$base.$n.1"
	both tun
	for target in $(targets); do
		case $type$target in
			ipip*:*) continue ;;
			sit*.*) continue ;;
		esac
		follows "$what, $target" $l "$target" \
			"$l tun tx, $l eth0 tx, $r eth0 rx, $r tun rx, $r tun deliver" \
			"$r tun tx, $r eth0 tx, $l eth0 rx, $l tun rx, $l tun deliver"
		expect_json "$what, $target: what is asked for is the inner packet" "$target" 'requests[0].packet.dst'
	done
}

tunnel VXLAN vxlan id 7 dstport 4789
tunnel IPIP ipip
tunnel GRE gre
tunnel 'GRE, Ethernet in it' gretap
tunnel 'IPv6 in IPv4' sit

# These make room for their headers in another buffer.
through_tunnel() { # what target
	follows "$1, $2" $l "$2" \
		"$l tun tx, $l eth0 tx, $r eth0 rx, $r tun rx, $r tun deliver" \
		"$r tun tx, $r eth0 tx, $l eth0 rx, $l tun rx, $l tun deliver"
}

echo '== GRE over IPv6'
pair
modprobe -q ip6_gre 2>/dev/null || true
address $l eth0 "$net6:200::1/64"
address $r eth0 "$net6:200::2/64"
if ip -n $l link add name tun type ip6gre local "$net6:200::1" remote "$net6:200::2" 2>"$work/has_device"; then
	ip -n $r link add name tun type ip6gre local "$net6:200::2" remote "$net6:200::1"
	both tun
	for target in $(targets); do
		if [[ $target == *.* ]] && ! kernel_since 6 1; then
			without "GRE over IPv6, $target: this kernel copies it into another skb (5.10 does, 6.1 does not)"
			continue
		fi
		through_tunnel 'GRE over IPv6' "$target"
	done
else
	missing 'GRE over IPv6'
fi

echo '== IPIP in UDP'
pair
modprobe -q fou 2>/dev/null || true
if ip -n $l fou add port 5555 ipproto 4 2>"$work/has_device" &&
	ip -n $l link add name tun type ipip local "$base.$n.1" remote "$base.$n.2" encap fou encap-sport auto encap-dport 5555 2>"$work/has_device"; then
	ip -n $r fou add port 5555 ipproto 4
	ip -n $r link add name tun type ipip local "$base.$n.2" remote "$base.$n.1" encap fou encap-sport auto encap-dport 5555
	both tun
	through_tunnel 'IPIP in UDP' "$base.$((n + 100)).2"
	serve $r tcp 7015 'c = s.accept()[0]; c.sendall(b"hello"); c.close()'
	tp_trace --format json 'tcp port 7015'
	at $l python3 -c "
import socket
c = socket.create_connection(('$base.$((n + 100)).2', 7015))
while len(c.recv(5)) == 5: pass"
	wait_for_journeys 1 '.packet.tcp.flags == "SYN"'
	wait "$server"
	tp_end INT
	expect_json 'IPIP in UDP: a SYN is one packet, inside and outside' "$l tun tx, $l eth0 tx, $r eth0 rx, $r tun rx, $r tun deliver" \
		'journeys | map(select(.packet.tcp.flags == "SYN") | travel) | join(" | ")'
else
	missing 'IPIP in UDP'
fi
