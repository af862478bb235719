# shellcheck shell=bash
# What nftables' flowtable forwards comes past routing, conntrack and the forward chain: where, and that no IP layer had it.
. "$(dirname "$0")/lib.sh"

modprobe -qa nf_flow_table nf_flow_table_inet nft_flow_offload nft_ct 2>/dev/null || true
router_network 4 6
mapfile -t ports < <(at router ip -j link show up | jq -r '.[].ifname | values | select(. != "lo")')

at router nft -f - 2>"$work/nft" <<-END || skip "no flowtables here: $(head -1 "$work/nft")"
	table inet fast {
		flowtable way {
			hook ingress priority 0
			devices = { ${ports[0]}, ${ports[1]} }
		}
		chain through {
			type filter hook forward priority 0; policy accept;
			meta l4proto tcp flow add @way
			ct state established counter accept
		}
	}
END

serve right tcp6 6001 '
while True:
    c = s.accept()[0]
    while c.recv(1): c.send(b"y")
    c.close()'

# Says something, and hears the answer, whenever a file is there.
talk() { # address
	nsenter --net=/run/netns/left python3 -c "
import os, socket, time
s = socket.create_connection(('$1', 6001))
while True:
    while not os.path.exists('$work/talk'): time.sleep(0.02)
    os.unlink('$work/talk')
    s.send(b'x')
    s.recv(1)
    open('$work/talked', 'w').close()" &
	talker=$!
	for _ in 1 2 3; do say_one; done
}
say_one() {
	rm -f "$work/talked"
	touch "$work/talk"
	wait_for 'an answer' test -e "$work/talked"
}

for there in "$target" "$net6:1::2"; do
	echo "== $there"
	talk "$there"
	at router nft insert rule inet fast through tcp dport 6001 drop
	tp_trace --format json "tcp dst port 6001 and host $there"
	say_one
	wait_for_journeys 1 '.packet.tcp.flags == "PSH ACK"'
	tp_end INT
	data='journeys[] | select(.packet.tcp.flags == "PSH ACK")'
	expect_json 'the flowtable has it, no table of routes and no other chain' \
		'rx, netfilter inet ingress fast way stolen true, tx' \
		"$data | [.hops[] | select(.netns.name == \"router\" and .stage != \"qdisc\") | .stage + if .stage == \"netfilter\" then \" \(.family) \(.hook) \(.table) \(.chain) \(.verdict) \(.flowtable)\" else \"\" end] | join(\", \")"
	expect_json 'it passes the rule that would drop it' 'delivered in right' "$data | outcome_words"
	check_json
	at router nft flush chain inet fast through
	at router nft add rule inet fast through meta l4proto tcp flow add @way
	at router nft add rule inet fast through ct state established counter accept
	kill "$talker"
done

echo '== what has its way through IP'
tp ping --netns left -c1 -W1 --format json "$target"
expect_status 0
expect_json 'it came in' 1 '[requests[0] | .hops[] | select(.netns.name == "router" and .stage == "in")] | length'
expect_json 'no flowtable had it' 0 '[journeys[].hops[] | select(.flowtable)] | length'
