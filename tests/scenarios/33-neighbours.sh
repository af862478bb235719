# shellcheck shell=bash
# What waits for the link address of its next hop: found, and not found; here and in a router. And those who ask: ARP and NDP.
. "$(dirname "$0")/lib.sh"

router_network 4 6
# All of them: who is asked learns who asks, too.
forget() {
	local netns
	for netns in left router right; do at "$netns" ip neigh flush all; done
}

# "left eth0 10.0.0.2 resolved aa:bb:cc:dd:ee:ff; ..."
neighbours='[.hops[] | select(.stage == "neigh")
	| "\(.netns.name) \(.dev.name) \(.address) \(.state)" + (if .lladdr then " \(.lladdr)" else "" end)] | join("; ")'

echo '== found, by the sender and by the router'
for family in 4 6; do
	if [ $family = 4 ]; then there=$target first=$base.0.2; else there=$net6:1::2 first=$net6:0::2; fi
	first=$(at left ip "-$family" -j route get "$there" | jq -r '.[0].gateway')
	forget
	tp ping -c1 --netns left --format json "$there"
	expect_status 0
	expect_json 'both' "left eth0 $first resolved $(mac router eth0); router eth1 $there resolved $(mac right eth0)" \
		"requests[0] | $neighbours"
	expect_json 'before it is sent' 'route neigh tx rx in route neigh tx rx in route deliver' \
		'requests[0] | [.hops[].stage | select(IN("out", "netfilter") | not)] | join(" ")'
	expect_json 'how long it waited' true 'requests[0].hops | map(select(.stage == "neigh") | .waited_ns > 0) | all'
	expect_json 'in order' true 'requests[0] | ordered'
	tp ping -c1 --netns left --format json "$there"
	expect_json 'known, the next time' '' "requests[0] | $neighbours"
done
forget
tp ping -c1 --netns left "$target"
expect_line 'in the table' "neigh +$base.0.2 found in [0-9.]+ .s" "$out"

echo '== not found: a packet that no interface sees'
tp ping -c1 -W4 --netns left --format json "$base.0.77"
expect_status 1
expect_json 'who does not answer' "left eth0 $base.0.77 failed" "requests[0] | $neighbours"
expect_json 'how often it was asked' "$(at left sysctl -n net.ipv4.neigh.eth0.mcast_solicit) true" \
	'requests[0].hops[] | select(.stage == "neigh") | "\(.probes) \(.waited_ns > 0)"'
expect_json 'dropped' 'dropped in left' 'requests[0] | outcome_words'

echo '== a SYN that waits for it is not sent again meanwhile, though TCP tries'
at left ip neigh flush all
tp_trace --format json "tcp and dst host $base.0.77"
at left timeout 5 bash -c "exec 3<>/dev/tcp/$base.0.77/80" 2>"$work/client" || true
wait_for_journeys 1 '.outcome.kind == "dropped"'
tp_end INT
expect_json 'once' 'dropped in left, 0' \
	'journeys[0] | "\(outcome_words), \(.hops | map(select(.stage == "tcp")) | length)"'

echo '== found, and dropped before the queue of the interface'
modprobe -qa sch_ingress cls_matchall act_gact nf_tables 2>/dev/null || true
drop_leaving() {
	{ at router tc qdisc add dev eth1 clsact && at router tc filter add dev eth1 egress protocol ip matchall action drop; } 2>/dev/null ||
		at router nft -f - <<-'END' 2>/dev/null
			table netdev guard {
				chain leaving {
					type filter hook egress device eth1 priority 0;
					meta protocol ip drop
				}
			}
		END
}
if drop_leaving; then
	forget
	tp ping -c1 -W1 --netns left --format json "$target"
	expect_json 'found' "router eth1 $target resolved $(mac right eth0)" 'requests[0] | .hops |= map(select(.netns.name == "router")) | '"$neighbours"
	expect_json 'dropped there' 'dropped in router' 'requests[0] | outcome_words'
	check_json
	at router tc qdisc del dev eth1 clsact 2>/dev/null || true
	at router nft delete table netdev guard 2>/dev/null || true
else
	without 'a drop before the queue: neither tc nor nftables looks at what leaves an interface here'
fi

echo '== not found by a router'
tp ping -c1 -W4 --netns left --format json "$base.1.77"
expect_status 1
expect_json 'who does not answer' "router eth1 $base.1.77 failed" "requests[0] | $neighbours"
expect_json 'dropped' 'dropped in router' 'requests[0] | outcome_words'

echo '== a segment that TCP may send again, which the router has to copy'
tp_trace --format json "tcp dst port 6010 and dst host $base.1.77"
at left bash -c "echo x >/dev/tcp/$base.1.77/6010" 2>/dev/null &
client=$!
at_exit "kill $client 2>/dev/null"
wait_for_journeys 1
tp_end INT
kill $client 2>/dev/null || true
expect_json 'is one journey' 'left eth0 tx, router eth0 rx, router eth0 in, router eth1 neigh, router eth1 drop' \
	'journeys[0].hops | map(select((.stage | IN("tx", "rx", "in", "drop")) or (.stage == "neigh" and .netns.name == "router")) | "\(.netns.name) \(.dev.name) \(.stage)") | join(", ")'

echo '== not found yet when the run ends'
at left sysctl -q net.ipv4.neigh.eth0.retrans_time_ms=1000000
tp_trace --format json "icmp and dst host $base.0.78"
at left ping -q -c1 -W1 "$base.0.78" >/dev/null || true
tp_end INT
expect_json 'it is shown' "left eth0 $base.0.78 waiting" "journeys[0] | $neighbours"
expect_json 'as lost sight of' 'lost in left' 'journeys[0] | outcome_words'
expect_json 'whose it is' out 'journeys[0].hops[0].stage'
tp ping -c1 -W1 --netns left "$base.0.79"
expect_status 1
expect_line 'a ping, in words' "waiting for the link address of its next hop $base.0.79" "$out"
at left sysctl -q net.ipv4.neigh.eth0.retrans_time_ms=1000

echo '== lo has no neighbours'
tp_trace --format json 'udp dst port 6009'
at left bash -c 'echo x >/dev/udp/::1/6009'
wait_for_journeys 1
tp_end INT
expect_json 'none is waited for' 'dropped in left: ' "journeys[0] | \"\(outcome_words): \($neighbours)\""

echo '== those who ask'
forget
tp_trace --format json "(arp or icmp6[icmp6type] == icmp6-neighborsolicit) and (host $base.0.2 or net $net6:0::/64 or dst net ff02::/16)"
at left ping -q -c1 -W2 "$base.0.2" >/dev/null
at left ping -q -c1 -W2 "$net6:0::2" >/dev/null
wait_for_journeys 1 ".packet.arp.op == 1 and .packet.arp.target == \"$base.0.2\""
wait_for_journeys 1 '.packet.arp.op == 2'
wait_for_journeys 1 '.packet.target'
tp_end INT
expect_json 'the request' "$base.0.1 $(mac left eth0)" \
	"journeys | map(select(.packet.arp.op == 1 and .packet.arp.target == \"$base.0.2\"))[0].packet.arp | \"\\(.sender) \\(.sender_mac)\""
expect_json 'the reply' "$base.0.2 $(mac router eth0)" \
	"journeys | map(select(.packet.arp.op == 2 and .packet.arp.sender == \"$base.0.2\"))[0].packet.arp | \"\\(.sender) \\(.sender_mac)\""
expect_json 'IPv6' true "journeys | map(.packet.target) | any(. == \"$(at left python3 -c "import ipaddress; print(ipaddress.ip_address('$net6:0::2'))")\")"
forget
tp_trace "arp and host $base.0.2"
at left ping -q -c1 -W2 "$base.0.2" >/dev/null
wait_for 'the reply' grep -q is-at "$out"
tp_end INT
expect_line 'the table has words for the request' "^arp who-has $base.0.2 tell $base.0.1, 28 bytes" "$out"
expect_line 'and for the reply' "^arp $base.0.2 is-at $(mac router eth0), 28 bytes" "$out"

echo '== who asked, who answered, and who waited for it'
forget
tp_trace --format json "(arp or icmp) and host $base.0.2 and host $base.0.1"
at left ping -q -c1 -W2 "$base.0.2" >/dev/null
wait_for_journeys 1 ".packet.arp.op == 2 and .packet.arp.sender == \"$base.0.2\""
wait_for_journeys 1 '.hops | any(.asked_by)'
tp_end INT
asked="journeys | map(select(.packet.arp.op == 1 and .packet.arp.target == \"$base.0.2\"))"
expect_json 'the reply is of its request' true \
	"($asked | .[-1]) as \$asked | journeys | map(select(.packet.arp.op == 2 and .packet.arp.sender == \"$base.0.2\")) | .[0] | .exchange == \$asked.exchange and .direction == \"reply\""
expect_json 'the packet that waited knows the request' true \
	"($asked | map(.id)) as \$ids | journeys | map(select(.packet.proto == \"icmp\") | .hops[] | select(.stage == \"neigh\" and .address == \"$base.0.2\")) | .[0].asked_by | IN(\$ids[])"
forget
tp_trace "(arp or icmp) and host $base.0.2 and host $base.0.1"
at left ping -q -c1 -W2 "$base.0.2" >/dev/null
wait_for 'the packet that waited' has 'asked in journey' "$out"
tp_end INT
expect_line 'the table says which request that was' "found in [0-9.]+ .s, asked in journey [0-9]+" "$out"
