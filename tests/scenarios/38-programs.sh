# shellcheck shell=bash
# What programs at an interface drop: XDP's, in the kernel's generic part and in the driver, and tc's; by their names.
. "$(dirname "$0")/lib.sh"

look_for_reasons

cable_network 24
# Programs that drop everything drop ARP, too.
ip -n left neigh add "$net4.2" lladdr "$(mac right eth0)" dev eth0
ip -n right neigh add "$net4.1" lladdr "$(mac left eth0)" dev eth0
pins=$work/bpf
mkdir "$pins"
mount -t bpf bpf "$pins"
at_exit "umount $pins"
program() { "$here/bpf-program" "$@"; }
xdp=$(program xdp drop_all 1 "$pins/xdp") || skip 'no BPF programs can be loaded'
tc=$(program tc shot_all 2 "$pins/tc")
pass=$(program tc pass_all -1 "$pins/pass")

outcome='requests[0].outcome'
one='"\(.kind) \(.id) \(.name)"'

drops_in() { # what netns reason kind id name key
	tp ping -c1 -W1 --netns left --format json "$net4.2"
	expect_status 1
	expect_json "$1: dropped there" "dropped in $2" 'requests[0] | outcome_words'
	[ -z "$has_reasons" ] || expect_json "$1: the reason" true "$outcome.reason | test(\"^($3)\$\")"
	expect_json "$1: by which program" "$4 $5 $6" "$outcome.programs | map($one) | join(\", \")"
	expect_json "$1: the advice" "$7" "$outcome.advice.key"
	expect_json "$1: in words" true "$outcome.advice.cause | contains(\"$6 (id $5)\")"
	expect_json "$1: whose it is" true "$outcome.advice.mend | contains(\"bpftool prog show id $5\")"
}

echo '== XDP, in the generic part of the kernel'
if ip -n right link set dev eth0 xdpgeneric pinned "$pins/xdp" 2>"$work/ip"; then
	drops_in 'generic' right 'XDP|NOT_SPECIFIED' xdpgeneric "$xdp" drop_all xdp_program
	expect_json 'how to take it off' true "$outcome.advice.mend | contains(\"ip netns exec right ip link set dev eth0 xdpgeneric off\")"
	tp ping -c1 -W1 --netns left "$net4.2"
	expect_line 'the table says it' "The XDP program drop_all \(id $xdp\) on the interface dropped it." "$out"
	ip -n right link set dev eth0 xdpgeneric off
else
	without "generic XDP: $(cat "$work/ip")"
fi

echo '== XDP, in the driver'
if ip -n right link set dev eth0 xdpdrv pinned "$pins/xdp" 2>"$work/ip"; then
	# A veth copies a packet first that it may not write to; it is the same packet nevertheless.
	drops_in 'driver' right 'XDP|NOT_SPECIFIED' xdpdrv "$xdp" drop_all xdp_program
	expect_json 'one packet' 1 'requests | length'
	tp doctor --format json
	expect_json 'doctor says that there is one' true \
		".[0].features | map(select(.name == \"packets that XDP programs take first\"))[0].why | contains(\"eth0 in right: drop_all (id $xdp)\")"
	ip -n right link set dev eth0 xdpdrv off

	echo '== XDP that lets it pass, and that sends it back'
	program xdp xdp_pass 2 "$pins/xdp_pass" >"$work/id"
	ip -n right link set dev eth0 xdpdrv pinned "$pins/xdp_pass"
	tp ping -c1 -W10 --netns left --format json "$net4.2"
	expect_status 0
	expect_json 'one packet, all of its way' 'left eth0 tx, right eth0 rx, right eth0 in, right eth0 deliver' \
		'requests | map(way) | join("; ")'
	tp_trace --format json "udp port 6001 and net $net4.0/24"
	serve right udp 6001 's.recv(9)'
	at left python3 -c "
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('$net4.2', 6001))"
	wait "$server"
	wait_for_journeys 1
	tp_end INT
	expect_json 'nor is a datagram another one there' 'left eth0 tx, right eth0 rx' 'journeys | map(crossings) | join("; ")'
	ip -n right link set dev eth0 xdpdrv off

	bounce=$(program xdp bounce_all 3 "$pins/bounce")
	ip -n right link set dev eth0 xdpdrv pinned "$pins/bounce"
	tp ping -c1 -W1 --netns left --format json "$net4.2"
	expect_status 1
	expect_json 'it came to that program' "lost xdpdrv $bounce bounce_all" "$outcome | \"\(.kind) \(.programs | map($one) | join(\", \"))\""
	# Of another packet, which that CPU sees there next, the journey says nothing.
	ip -n left addr add "$net6::1/64" dev eth0 nodad
	ip -n right addr add "$net6::2/64" dev eth0 nodad
	ip -n left neigh add "$net6::2" lladdr "$(mac right eth0)" dev eth0
	tp_trace --format json "udp dst port 1000 and host $net6::2"
	python3 -c "
import ctypes, os, socket
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
def socket_in(netns):
    if ctypes.CDLL(None).setns(os.open('/run/netns/' + netns, 0), 0) != 0: raise OSError(netns)
    return socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
left, right = socket_in('left'), socket_in('right')
for i in range(5):
    left.sendto(b'x' * 9, ('$net6::2', 1000))
    right.sendto(b'x' * 9, ('::1', 2000))"
	wait_for_journeys 5
	tp_end INT
	expect_json 'only what was asked for' '["lost: left eth0 tx, right eth0 rx"]' \
		'journeys | map("\(.outcome.kind): \(crossings)") | unique | tojson'
	tp ping -c1 -W1 --netns left "$net4.2"
	expect_line 'in words' "It came to that interface's XDP program bounce_all \(id $bounce\)" "$out"
	ip -n right link set dev eth0 xdpdrv off
else
	without "XDP in the driver: $(cat "$work/ip")"
fi
tp doctor --format json
expect_json 'and nothing where there is none' 0 '.[0].features | map(select(.why | contains("eth0 in right"))) | length'

[ -n "$has_reasons" ] || exit 0 # of tc, only the reason tells
modprobe -qa sch_ingress cls_bpf cls_matchall act_gact 2>/dev/null || true
tc -n left qdisc add dev eth0 clsact 2>"$work/tc" || skip "no clsact: $(cat "$work/tc")"
tc -n right qdisc add dev eth0 clsact

echo '== tc, on the way out'
tc -n left filter add dev eth0 egress pref 7 bpf direct-action object-pinned "$pins/tc"
drops_in 'egress' left TC_EGRESS bpf "$tc" shot_all tc_egress
expect_json 'which filter' 7 "$outcome.programs[0].pref"
expect_json 'how to take it off' true "$outcome.advice.mend | contains(\"tc filter del dev eth0 egress pref 7\")"
tc -n left filter del dev eth0 egress

echo '== tc, on the way in; of several it is one'
tc -n right filter add dev eth0 ingress pref 7 bpf direct-action object-pinned "$pins/tc"
drops_in 'ingress' right TC_INGRESS bpf "$tc" shot_all tc_ingress
tc -n right filter add dev eth0 ingress pref 3 bpf direct-action object-pinned "$pins/pass"
tp ping -c1 -W1 --netns left --format json "$net4.2"
expect_json 'all of them, in their order' "bpf $pass pass_all, bpf $tc shot_all" "$outcome.programs | map($one) | join(\", \")"
expect_json 'and not more than is known' \
	"One of those that tc asks at the interface's ingress dropped it: pass_all (id $pass), shot_all (id $tc)." "$outcome.advice.cause"
tp_watch drops --format json --count 1 "icmp and net $net4.0/24"
at left ping -q -c1 -W1 "$net4.2" >/dev/null || true
tp_wait
expect_json 'drops says it, too' true \
	"map(select(.type == \"drops\")) | any(.advice.cause | contains(\"shot_all (id $tc)\"))"
tc -n right filter del dev eth0 ingress

echo '== a filter that is no program'
if tc -n right filter add dev eth0 ingress pref 9 matchall action drop 2>"$work/tc"; then
	tp ping -c1 -W1 --netns left --format json "$net4.2"
	expect_json 'which' 'matchall 9 1' "$outcome.programs | map(\"\\(.kind) \\(.pref) \\(.handle)\") | join(\", \")"
	expect_json 'in words' "The tc filter matchall (pref 9, handle 0x1) at the interface's ingress dropped it." "$outcome.advice.cause"
	tc -n right filter del dev eth0 ingress
else
	without "matchall: $(cat "$work/tc")"
fi

echo '== tcx'
index=$(ip -n right -j link show eth0 | jq '.[0].ifindex')
if at right "$here/bpf-program" tcx "$index" ingress "$pins/tc" 2>"$work/tcx"; then
	drops_in 'tcx' right TC_INGRESS tcx "$tc" shot_all tc_ingress
	expect_json 'what lists it' 'ip netns exec right bpftool net show dev eth0' "$outcome.advice.check"
else
	without "tcx: $(cat "$work/tcx")"
fi
