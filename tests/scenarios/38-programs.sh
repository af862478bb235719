# shellcheck shell=bash
# Programs at an interface: XDP's, in the kernel's generic part and in the driver, and tc's. What they drop, by their names; and
# each verdict.
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

# Each program that a packet passes is told where the kernel takes fexit programs.
tells_verdicts=''
if has_hook 'fexit:XDP programs'; then
	tells_verdicts=yes
else
	without 'verdicts: this kernel refuses fexit programs'
fi
verdicts_in='map(.hops[] | select(.program) | "\(.netns.name) \(.stage) \(.direction // "-") \(.program.kind) \(.program.id) \(.program.name) \(.verdict)") | join(", ")'
expect_verdicts() { # what expected
	[ -z "$tells_verdicts" ] || expect_json "$1" "$2" "journeys | $verdicts_in"
}
# The same of one ping.
verdicts_of_ping() { # what status expected
	tp ping -c1 -W10 --netns left --format json "$net4.2"
	expect_status "$2"
	expect_verdicts "$1" "$3"
}

outcome='requests[0].outcome'
one='"\(.kind) \(.id) \(.name)"'

drops_in() { # what netns reason kind id name key
	tp ping -c1 -W1 --netns left --format json "$net4.2"
	expect_status 1
	expect_json "$1: dropped there" "dropped in $2" 'requests[0] | outcome_words'
	[ -z "$has_reasons" ] || expect_json "$1: the reason" true "$outcome.reason | test(\"^($3)\$\")"
	expect_json "$1: by which program" "$4 $5 $6" "$outcome.programs | map($one) | join(\", \")"
	[ -z "$tells_verdicts" ] || expect_json "$1: that told it" "$2 $4 $5 $6" \
		"requests[0].hops | map(select(.program) | \"\\(.netns.name) \\(.program | $one)\") | last"
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
	if [ -n "$tells_verdicts" ]; then
		expect_line 'a verdict to drop is shown' "drop_all \(id $xdp\): XDP_DROP" "$out"
		generic_pass=$(program xdp generic_pass 2 "$pins/generic_pass")
		ip -n right link set dev eth0 xdpgeneric pinned "$pins/generic_pass"
		verdicts_of_ping 'generic, to pass' 0 "right xdp - xdpgeneric $generic_pass generic_pass XDP_PASS"
		expect_json 'one packet, all of its way' 'left eth0 tx, right eth0 rx, right eth0 in, right eth0 deliver' 'requests | map(way) | join("; ")'
		tp ping -c1 -W10 --netns left "$net4.2"
		expect_no_line 'that one lets it pass is shown' XDP_PASS "$out"
		tp ping -c1 -W10 --netns left -v "$net4.2"
		expect_line 'but with -v' "generic_pass \(id $generic_pass\): XDP_PASS" "$out"
		# Others hold the bytes of a segment of TCP's, which sends clones: the program gets a buffer of its own.
		tp_trace --format json 'tcp dst port 6002'
		serve right tcp 6002 's.accept()[0].recv(9)'
		at left python3 -c "
import socket
socket.create_connection(('$net4.2', 6002)).send(b'x')"
		wait "$server"
		wait_for_journeys 3
		tp_end INT
		expect_json 'a segment is one packet before and after it' true \
			'journeys | all(.hops | map(.stage) | index("xdp") and index("tx") and index("in"))'
		ip -n right link set dev eth0 xdpgeneric off

		generic_bounce=$(program xdp generic_bounce 3 "$pins/generic_bounce")
		ip -n right link set dev eth0 xdpgeneric pinned "$pins/generic_bounce"
		tp ping -c1 -W1 --netns left --format json "$net4.2"
		expect_verdicts 'generic, sent back' "right xdp - xdpgeneric $generic_bounce generic_bounce XDP_TX"
		expect_json 'and followed to there' left "$outcome.netns.name"
		ip -n right link set dev eth0 xdpgeneric off
	fi
	# Of one without BTF no verdict is told; the packet comes back, though.
	program xdp silent_bounce 3 "$pins/silent_bounce" none >/dev/null
	ip -n right link set dev eth0 xdpgeneric pinned "$pins/silent_bounce"
	tp ping -c1 -W1 --netns left --format json "$net4.2"
	expect_json 'generic, sent back without a verdict' 'left eth0 tx, right eth0 rx, right eth0 tx, left eth0 rx, left eth0 drop' \
		'requests[0] | way'
	expect_json 'and dropped there' 'dropped left' "$outcome | \"\(.kind) \(.netns.name)\""
	tp ping -c1 -W1 --netns left "$net4.2"
	expect_line 'in words' 'right +eth0 +tx +sent back, as XDP_TX does' "$out"
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
	expect_verdicts 'its verdict' "right xdp - xdpdrv $(cat "$work/id") xdp_pass XDP_PASS"
	tp_trace --format json "udp port 6001 and net $net4.0/24"
	serve right udp 6001 's.recv(9)'
	at left python3 -c "
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('$net4.2', 6001))"
	wait "$server"
	wait_for_journeys 1
	tp_end INT
	expect_json 'nor is a datagram another one there' 'left eth0 tx, right eth0 rx' 'journeys | map(crossings) | join("; ")'
	# TCP's data are not in one piece, but in the copy they are.
	serve right tcp 6004 'peer, _ = s.accept()
while data := peer.recv(100): peer.send(data)'
	tp_trace --format json "tcp dst port 6004 and net $net4.0/24"
	at left python3 -c "
import socket
with socket.create_connection(('$net4.2', 6004)) as s:
    for i in range(20):
        s.send(b'x' * 50)
        s.recv(100)"
	wait "$server"
	wait_for_journeys 22
	tp_end INT
	expect_json 'nor are data of TCP' 'left eth0 tx, right eth0 rx' \
		'journeys | map(select(.packet.len > 100) | crossings) | unique | join("; ")'
	expect_json 'each of them is told' 20 'journeys | map(select(.packet.len > 100)) | length'
	ip -n right link set dev eth0 xdpdrv off

	bounce=$(program xdp bounce_all 3 "$pins/bounce")
	ip -n right link set dev eth0 xdpdrv pinned "$pins/bounce"
	tp ping -c1 -W1 --netns left --format json "$net4.2"
	expect_status 1
	# Where its verdict is seen, that is the end of it.
	taken=${tells_verdicts:+consumed}
	taken=${taken:-lost}
	expect_json 'it came to that program' "$taken xdpdrv $bounce bounce_all" "$outcome | \"\(.kind) \(.programs | map($one) | join(\", \"))\""
	expect_verdicts 'sent back' "right xdp - xdpdrv $bounce bounce_all XDP_TX"
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
	expect_json 'only what was asked for' "[\"$taken: left eth0 tx, right eth0 rx\"]" \
		'journeys | map("\(.outcome.kind): \(crossings)") | unique | tojson'
	tp ping -c1 -W1 --netns left "$net4.2"
	if [ -n "$tells_verdicts" ]; then
		expect_line 'in words' "The XDP program bounce_all \(id $bounce\) on the interface sent it back \(XDP_TX\)." "$out"
	else
		expect_line 'in words' "It came to that interface's XDP program bounce_all \(id $bounce\)" "$out"
	fi
	ip -n right link set dev eth0 xdpdrv off
else
	without "XDP in the driver: $(cat "$work/ip")"
fi
tp doctor --format json
expect_json 'and nothing where there is none' 0 '.[0].features | map(select(.why | contains("eth0 in right"))) | length'

modprobe -qa sch_ingress cls_bpf cls_matchall act_gact 2>/dev/null || true
tc -n left qdisc add dev eth0 clsact 2>"$work/tc" || skip "no clsact: $(cat "$work/tc")"
tc -n right qdisc add dev eth0 clsact
filter() { tc -n "$1" filter "$2" dev eth0 "$3" "${@:4}"; } # netns add|del ingress|egress [args...]

if [ -n "$tells_verdicts" ]; then
	echo '== tc, on the way out and in, each of several'
	touch=$(program tc touch_it touch:0 "$pins/touch")
	untyped=$(program tc untyped 3 "$pins/untyped" untyped)
	filter left add egress pref 7 bpf direct-action object-pinned "$pins/touch"
	filter right add ingress pref 3 bpf direct-action object-pinned "$pins/pass"
	filter right add ingress pref 7 bpf direct-action object-pinned "$pins/untyped"
	verdicts_of_ping 'in their order' 0 "left tc egress bpf $touch touch_it TC_ACT_OK, right tc ingress bpf $pass pass_all TC_ACT_UNSPEC, right tc ingress bpf $untyped untyped TC_ACT_PIPE"
	# Whose bytes others hold, the program that writes to it gets with a buffer of its own.
	tp_trace --format json 'tcp dst port 6003'
	serve right tcp 6003 's.accept()[0].recv(9)'
	at left python3 -c "
import socket
socket.create_connection(('$net4.2', 6003)).send(b'x')"
	wait "$server"
	wait_for_journeys 3
	tp_end INT
	expect_json 'a segment that is written to is one packet' true \
		'journeys | all(.hops | map(.stage) | index("tc") and index("tx") and index("in"))'
	filter left del egress
	filter right del ingress

	echo '== a filter that gives no verdict'
	filter right add ingress pref 7 bpf object-pinned "$pins/touch"
	verdicts_of_ping 'a class is none' 0 ''
	filter right del ingress

	echo '== without BTF'
	bare=$(program tc bare 0 "$pins/bare" none)
	filter right add ingress pref 7 bpf direct-action object-pinned "$pins/bare"
	verdicts_of_ping 'of one without BTF, none' 0 ''
	expect_json 'that is said' "XDP and tc programs: bare (id $bare): without BTF" \
		'summary.probes.unavailable[] | select(.name | startswith("XDP and tc")) | "\(.name): \(.why)"'
	tp doctor --format json
	expect_json 'doctor says it, too' true ".[0].features | map(select(.name == \"verdicts of XDP and tc programs\"))[0] | .state == \"less\" and (.why | contains(\"bare (id $bare)\"))"
	filter right del ingress

	echo '== attached while packets are traced'
	tp_trace --format json "icmp and dst host $net4.2"
	late=$(program tc come_late 0 "$pins/late")
	filter right add ingress pref 7 bpf direct-action object-pinned "$pins/late"
	told_late() {
		at left ping -q -c1 -W1 "$net4.2" >/dev/null
		has '"come_late"' "$out"
	}
	wait_for 'the verdict of one that came later' told_late
	tp_end INT
	expect_json 'its verdict' "tc $late TC_ACT_OK" 'journeys | map(.hops[] | select(.program) | "\(.stage) \(.program.id) \(.verdict)") | last'
	filter right del ingress
else
	tc -n right filter add dev eth0 ingress pref 3 bpf direct-action object-pinned "$pins/pass"
	tp ping -c1 -W10 --netns left --format json "$net4.2"
	expect_json 'that verdicts are not told is said, where there are programs' 1 \
		'summary.probes.unavailable | map(select(.name == "XDP and tc programs")) | length'
	tc -n right filter del dev eth0 ingress
fi

[ -n "$has_reasons" ] || exit 0 # what tc drops, only the reason tells

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
if [ -n "$tells_verdicts" ]; then
	expect_json 'which of them' "bpf $tc shot_all" "$outcome.programs | map($one) | join(\", \")"
else
	expect_json 'all of them, in their order' "bpf $pass pass_all, bpf $tc shot_all" "$outcome.programs | map($one) | join(\", \")"
	expect_json 'and not more than is known' \
		"One of those that tc asks at the interface's ingress dropped it: pass_all (id $pass), shot_all (id $tc)." "$outcome.advice.cause"
fi
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
	expect_verdicts 'as tcx calls it' "right tc ingress tcx $tc shot_all TCX_DROP"
	expect_json 'what lists it' 'ip netns exec right bpftool net show dev eth0' "$outcome.advice.check"
else
	without "tcx: $(cat "$work/tcx")"
fi
