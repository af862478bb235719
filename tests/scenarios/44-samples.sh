# shellcheck shell=bash
# One of everything that a capture can hold, in one network. With TRACEPKT_SAMPLES, a folder, the captures are kept there, for
# tests/captures: how its samples are made (tests/captures/README.md).
. "$(dirname "$0")/lib.sh"
also_record='' # it records itself

router_network 4 6
ours="net $base.0.0/16 or net $net6::/48"

samples=()
sample() { # name command args...
	local file=$work/$1.pcapng
	same_again "$1" "$2" -r "$file" --format json "${@:3}"
	samples+=("$file")
}

echo '== what is in the way'
at router nft -f - 2>"$work/nft" <<-END || skip "no nftables here: $(head -1 "$work/nft")"
	table inet translate {
		chain out { type nat hook postrouting priority 100; oifname eth1 masquerade; }
	}
	table inet guard {
		chain mid { udp dport 6002 counter drop comment "no <b>entry</b>"; }
		chain passing { type filter hook forward priority 0; jump mid; }
	}
END
legacy=''
! command -v iptables-legacy >/dev/null || ! at router iptables-legacy -w -A FORWARD -p udp --dport 6003 -j DROP 2>/dev/null || legacy=1
modprobe -qa sch_tbf sch_ingress cls_bpf vxlan 2>/dev/null || true
tc -n right qdisc add dev eth0 root handle 7: tbf rate 1mbit burst 10kb latency 50ms 2>/dev/null || without 'a queue'
tunnel=''
if ip -n left link add tun type vxlan id 7 dstport 4789 dev eth0 local "$base.0.1" remote "$base.0.2" 2>"$work/ip"; then
	ip -n router link add tun type vxlan id 7 dstport 4789 dev eth0 local "$base.0.2" remote "$base.0.1"
	for netns in left router; do ip -n $netns link set tun up; done
	address left tun "$base.250.1/24"
	address router tun "$base.250.2/24"
	wait_for 'the tunnel to be open' at left ping -c1 -W2 "$base.250.2"
	tunnel=1
fi
mkdir "$work/bpf"
mount -t bpf bpf "$work/bpf"
at_exit "umount $work/bpf"
program=''
"$here/bpf-program" tc shot_all 2 "$work/bpf/tc" >/dev/null && tc -n right qdisc add dev eth0 clsact && program=1
at router ip rule add to "$base.1.99" pref 60 prohibit
# Nobody answers there, and soon that is known.
at router sysctl -q net.ipv4.neigh.eth1.retrans_time_ms=20

serve right tcp 7001 '
while True:
    peer, _ = s.accept()
    peer.recv(100)
    peer.sendall(b"an answer")
    peer.close()'
# What comes to a socket that nobody reads is not seen to end there.
serve right udp 7003 'signal.pause()'

client() { # python statements
	at left python3 -c "
import socket
def udp(port, host='$target'):
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b'x', (host, port))
$1"
}
traffic() {
	at left ip neigh flush dev eth0
	at left ping -q -c1 -W2 "$target" >/dev/null
	at left ping -q -c1 -W1 "$base.1.77" >/dev/null || true
	[ -z "$tunnel" ] || at left ping -q -c1 -W2 "$base.250.2" >/dev/null
	client "
udp(6002); udp(6003); udp(6002, '$base.1.99'); udp(6004); udp(6004, '$net6:1::2'); udp(7003)
socket.socket().connect_ex(('$target', 7002))
with socket.create_connection(('$target', 7001)) as s:
    s.sendall(b'a question')
    s.recv(100)"
	[ -z "$program" ] || {
		tc -n right filter add dev eth0 ingress pref 7 bpf direct-action object-pinned "$work/bpf/tc"
		at left ping -q -c1 -W1 "$target" >/dev/null || true
		tc -n right filter del dev eth0 ingress
	}
}

echo '== trace'
options=()
tp trace --rules --duration 0.1
if [ "$status" = 0 ]; then options+=(--rules); else without 'rules'; fi
tp trace -vv --functions '*_rcv' --duration 0.1
if [ "$status" = 0 ]; then options+=(-vv --functions '*_rcv'); else without 'functions' && options+=(-v); fi
tp_trace -w "$work/trace.pcapng" --format json "${options[@]}" "$ours"
traffic
wait_for_journeys 1 '.packet.dport == 7001 and .outcome.kind == "delivered"'
wait_for_journeys 1 '.packet.dport == 7003' # after some seconds of silence
[ -z "$program" ] || wait_for_journeys 1 '.outcome.programs != null'
client 'udp(7003)' # and is under way when tracing ends
tp_end INT
expect_status 0
expect_json 'nothing is lost' 0 'summary.lost | add'
expect_json 'who asked for an address' true '[journeys[].hops[].asked_by] | any'
expect_json 'the sender that the router put in place' true '[journeys[].hops[] | select(.stage == "nat")] | length > 0'
expect_json 'a routing rule that refuses' 1 '[journeys[] | select(.outcome.advice.key == "rule_refuses")] | length'
expect_json 'a reset' true '[journeys[].hops[] | select(.stage == "tcp") ] | tojson | test("reset")'
[ -z "$tunnel" ] || expect_json 'a tunnel' 'encap decap' \
	'[journeys[] | select([.hops[].action] | index("encap"))][0] | [.hops[] | select(.stage == "tunnel") | .action] | join(" ")'
check_json
sample trace trace "${options[@]}"

echo '== ping: one is answered, one is refused'
firewall right input 'icmp sequence 2 reject with icmp type host-prohibited' in
tp ping -c2 -i 0.2 --netns left --format json -w "$work/ping.pcapng" "$target"
expect_json 'the one, and the other' '1 1' 'summary.ping | "\(.received) \(.errors)"'
check_json
sample ping trace

echo '== programs that let it pass'
if "$here/bpf-program" xdp look_on 2 "$work/bpf/xdp" >/dev/null && "$here/bpf-program" tc count_all 0 "$work/bpf/count" >/dev/null; then
	ip -n router link set dev eth0 xdpgeneric pinned "$work/bpf/xdp"
	[ -z "$program" ] || tc -n right filter add dev eth0 ingress pref 7 bpf direct-action object-pinned "$work/bpf/count"
	tp ping -c1 --netns left --format json -w "$work/programs.pcapng" "$target"
	expect_status 0
	check_json
	sample programs trace
	[ -z "$program" ] || tc -n right filter del dev eth0 ingress
	ip -n router link set dev eth0 xdpgeneric off
else
	without 'programs'
fi

echo '== drops, in several files'
tp_watch drops --format json -w "$work/drops.pcapng" --rotate 64K "$ours"
client "udp(6002); udp(6004)"
wait_for 'the drops to be told' has '"type":"drops"' "$out"
tp_end INT
mv "$work"/drops_00001_* "$work/drops.pcapng"
sample drops drops

echo '== what there is of all that there is'
"$here/../captures/items" "${samples[@]}" >"$work/items"
for one in 'item 3' 'item 6' 'name 16' 'name 24' 'name 26' 'step 1' 'step 3' 'step 7'; do
	expect_line "$one" "^$one\$" "$work/items"
done
"$here/../captures/items" --lacking "${samples[@]}" | sed 's/^/without /'
[ -z "$legacy" ] || at router iptables-legacy -w -F FORWARD
if [ -n "${TRACEPKT_SAMPLES:-}" ]; then
	mkdir -p "$TRACEPKT_SAMPLES"
	cp "${samples[@]}" "$TRACEPKT_SAMPLES"
fi
