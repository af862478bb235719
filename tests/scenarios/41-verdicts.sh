# shellcheck shell=bash
# What firewalls and NAT decide, one after the other: who drops, by which rule, and what is told of it. Where chains cannot
# be seen, the drop and its advice all the same.
. "$(dirname "$0")/lib.sh"

router_network 4 6
at router nft list ruleset >/dev/null 2>"$work/nft" || skip "no nftables here: $(head -1 "$work/nft")"

rules=(--rules) chains=yes
tp trace --rules --duration 0.1
if [ "$status" = 3 ]; then
	rules=() chains=''
	without "chains and rules: $(why_refused)"
fi
look_for_reasons

send() { # netns address port: a datagram
	at "$1" bash -c "echo -n x >/dev/udp/$2/$3" 2>/dev/null || true
}
drops='.hops[] | select(.stage == "netfilter" and .verdict == "drop")'

# The first journey was dropped there; by this chain and rule, where they are seen.
dropped_by() { # what netns "family hook table chain base" rule-text|policy [check [key where the rule is known]]
	local key=firewall
	[ -z "$chains" ] || key=${6-$key}
	expect_json "$1: where" "dropped in $2" 'journeys[0] | outcome_words'
	[ -z "$has_reasons" ] || expect_json "$1: the reason" true 'journeys[0].outcome.reason | . == "NETFILTER_DROP" or . == "NOT_SPECIFIED"'
	expect_json "$1: the advice's key" "$key" 'journeys[0].outcome.advice.key'
	[ -n "$chains" ] || return 0
	expect_json "$1: the chain, where it is" "$2 $3" \
		"journeys[0] | $drops | \"\\(.netns.name) \\(.family) \\(.hook) \\(.table) \\(.chain) \\(.base_chain)\""
	expect_json "$1: the outcome says the same" "$3" \
		'journeys[0].outcome.firewall | "\(.family) \(.hook) \(.table) \(.chain) \(.base_chain)"'
	if [ "$4" = policy ]; then
		expect_json "$1: no rule, but the policy" 'true null' 'journeys[0].outcome | "\(.firewall.policy) \(.rule)"'
	else
		expect_json "$1: the rule, by its own text" "$4" 'journeys[0].outcome.rule.text'
	fi
	[ -z "${5-}" ] || expect_json "$1: how to see it" "$5" 'journeys[0].outcome.advice.check'
}

echo '== policy drop'
at router nft 'add table inet guard; add chain inet guard through { type filter hook forward priority 0; policy drop; }'
at router nft add rule inet guard through tcp dport 1 accept
tp_trace "${rules[@]}" --format json "udp port 6001 and dst host $target"
send left "$target" 6001
wait_for_journeys 1
tp_end INT
dropped_by 'policy' router 'inet forward guard through through' policy 'ip netns exec router nft -a list chain inet guard through'
check_json
no_firewall router

echo '== reject, with an ICMP error'
for there in "$target" "$net6:1::2"; do
	firewall router forward 'udp dport 6001 reject with icmpx type admin-prohibited' through
	tp_trace "${rules[@]}" --format json "udp port 6001 and dst host $there"
	send left "$there" 6001
	wait_for_journeys 1
	tp_end INT
	dropped_by "reject, $there" router 'inet forward guard through through' 'udp dport 6001 reject with icmpx admin-prohibited'
	tells=tells_icmp words='3/13 administratively prohibited'
	[[ $there != *:* ]] || tells=tells_icmp6 words='1/1 administratively prohibited'
	if $tells; then
		expect_json "reject, $there: the error" "router $words" \
			'journeys[0].hops[] | select(.stage == "icmp") | "\(.netns.name) \(.icmp.type)/\(.icmp.code) \(.says)"'
	else
		without "ICMP errors to $there: this kernel does not tell of them"
	fi
	check_json
	no_firewall router
done

# Its sender keeps it: the router has changed it in a buffer of its own when it refuses it.
echo '== reject of TCP, with an ICMP error'
if tells_icmp; then
	firewall router forward 'tcp dport 6001 reject' through
	tp_trace "${rules[@]}" --format json "tcp port 6001 and dst host $target"
	at left python3 -c "
import socket
s = socket.socket()
print(s.connect_ex(('$target', 6001)))" >/dev/null
	wait_for_journeys 1
	tp_end INT
	expect_json 'the error is told with what it is about' 'dropped router 3/3 icmp drop' \
		'journeys[0] | [.outcome.kind, (.hops[] | select(.stage == "icmp") | "\(.netns.name) \(.icmp.type)/\(.icmp.code)"), (.hops[].stage | select(IN("icmp", "drop")))] | join(" ")'
	check_json
	no_firewall router
fi

echo '== reject, with a reset: what comes back is one, and of the same connection'
firewall router forward 'tcp dport 6002 reject with tcp reset' through
tp_trace "${rules[@]}" --format json "tcp port 6002 and host $target"
at left bash -c "echo >/dev/tcp/$target/6002" 2>/dev/null && fail 'it was refused'
wait_for_journeys 2
tp_end INT
dropped_by 'reset' router 'inet forward guard through through' 'tcp dport 6002 reject with tcp reset'
expect_json 'the reset' "RST ACK $target left" \
	'journeys[1] | "\(.packet.tcp.flags) \(.packet.src) \(.outcome.netns.name)"'
check_json
no_firewall router

echo '== iptables: a user chain three jumps deep, and REJECT'
for tool in iptables-nft iptables-legacy; do
	ip_tables() { at router $tool -w "$@"; }
	if ! command -v $tool >/dev/null || ! ip_tables -N deep 2>"$work/tool"; then
		without "$tool: $(head -1 "$work/tool" 2>/dev/null)"
		continue
	fi
	ip_tables -N mid
	ip_tables -N first
	ip_tables -A FORWARD -p udp -j first
	ip_tables -A first -p udp -j mid
	ip_tables -A mid -p udp -j deep
	ip_tables -A deep -p udp --dport 6003 -m comment --comment 'no <b>entry</b>' -j DROP
	ip_tables -A deep -p udp --dport 6004 -j REJECT --reject-with icmp-host-prohibited
	for port in 6003 6004; do
		tp_trace "${rules[@]}" --format json "udp port $port and dst host $target"
		send left "$target" $port
		wait_for_journeys 1
		tp_end INT
		# nft has words of its own for what iptables-nft made.
		text=$([ -z "$chains" ] || query 'journeys[0].outcome.rule.text')
		dropped_by "$tool, port $port" router 'ip forward filter deep FORWARD' "$text"
		if [ -n "$chains" ]; then
			target_words=DROP nft_words=drop
			[ $port = 6003 ] || target_words=REJECT nft_words=reject
			expect_match "$tool, port $port: its rule" "$port.*($target_words|$nft_words)" "$text"
			expect_json "$tool, port $port: the jumps into it" 'FORWARD first mid deep' \
				"journeys[0] | $drops | [.rules[].chain] | join(\" \")"
		fi
		[ $port = 6003 ] || ! tells_icmp || expect_json "$tool: the error" 'router 3/10' \
			'journeys[0].hops[] | select(.stage == "icmp") | "\(.netns.name) \(.icmp.type)/\(.icmp.code)"'
		check_json
	done
	ip_tables -F
	ip_tables -X
done

echo '== conntrack calls it INVALID'
cat >"$work/odd-segment" <<-'END'
	# A TCP segment with SYN and FIN, which begins no connection.
	import socket, struct, sys
	source, there = sys.argv[1:]
	def checksum(data):
	    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
	    total = (total >> 16) + (total & 0xffff)
	    return ~(total + (total >> 16)) & 0xffff
	def segment(sum):
	    return struct.pack("!HHIIBBHHH", 1234, 6005, 1, 0, 5 << 4, 3, 100, sum, 0)
	pseudo = socket.inet_aton(source) + socket.inet_aton(there) + struct.pack("!BBH", 0, 6, 20)
	s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
	s.sendto(segment(checksum(pseudo + segment(0))), (there, 0))
END
firewall router forward 'ct state invalid counter drop' through
tp_trace "${rules[@]}" --format json "tcp port 6005 and dst host $target"
at left python3 "$work/odd-segment" "$near" "$target"
wait_for_journeys 1
tp_end INT
text=$([ -z "$chains" ] || query 'journeys[0].outcome.rule.text')
dropped_by 'INVALID' router 'inet forward guard through through' "$text" 'ip netns exec router conntrack -S' conntrack_invalid
[ -z "$chains" ] || expect_match 'INVALID: its rule' '^ct state invalid counter( packets [0-9]+ bytes [0-9]+)? drop$' "$text"
[ -z "$chains" ] || expect_json 'it belongs to no connection' '{"state":"invalid"}' "journeys[0] | $drops | .conntrack"
check_json
no_firewall router

echo '== conntrack has no room for another connection'
if [ -n "$brief" ]; then
	firewall router forward 'ct state new counter accept' through
	for port in 6010 6011 6012 6013; do send left "$target" $port; done
	limit() { nsenter --net=/proc/1/ns/net sysctl -qw net.netfilter.nf_conntrack_max="$1"; }
	most=$(nsenter --net=/proc/1/ns/net sysctl -n net.netfilter.nf_conntrack_max)
	limit 2
	tp_trace "${rules[@]}" --format json -w "$work/full.pcapng" "udp port 6014 and dst host $target"
	send left "$target" 6014
	wait_for_journeys 1
	tp_end INT
	limit "$most"
	full='dropped in router conntrack_full ip netns exec router sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max'
	told='journeys[0] | "\(outcome_words) \(.outcome.advice.key) \(.outcome.advice.check)"'
	expect_json 'it is full' "$full" "$told"
	check_json
	tp trace --format json -r "$work/full.pcapng"
	expect_json 'the same from the file' "$full" "$told"
	check_json
	no_firewall router
else
	without 'a full conntrack table: its limit is for the whole machine, and only the guests have one of their own'
fi

if [ -n "$chains" ]; then
	echo '== not to be tracked'
	at router nft -f - <<-END
		table inet guard {
			chain early {
				type filter hook prerouting priority -300;
				udp dport 6007 notrack
			}
			chain through {
				type filter hook forward priority 0;
				ct state untracked udp dport 6007 drop
			}
		}
	END
	tp_trace --rules --format json "udp port 6007 and dst host $target"
	send left "$target" 6007
	wait_for_journeys 1
	tp_end INT
	dropped_by 'notrack' router 'inet forward guard through through' 'ct state untracked udp dport 6007 drop'
	expect_json 'conntrack leaves it alone' untracked "journeys[0] | $drops | .conntrack.state"
	check_json
	no_firewall router
fi

echo '== hairpin: back to where it came from, both addresses changed'
at router nft -f - <<-END
	table ip translate {
		chain pre {
			type nat hook prerouting priority -100;
			ip daddr $middle tcp dport 8080 dnat to $near:6006
		}
		chain post {
			type nat hook postrouting priority 100;
			ip daddr $near masquerade
		}
	}
END
serve left tcp 6006 '
c = s.accept()[0]
c.sendall(b"hi")
c.recv(1)'
tp_trace "${rules[@]}" --format json "tcp and net $base.0.0/24"
at left python3 -c "
import socket
s = socket.create_connection(('$middle', 8080))
s.recv(10)"
wait "$server"
wait_for_journeys 4
tp_end INT
changed='[.hops[] | select(.stage == "nat")] | "\(.[0].from.src) > \(.[-1].to.src), \(.[0].from.dst):\(.[0].from.dport) > \(.[-1].to.dst):\(.[-1].to.dport)"'
first='(journeys | map(select(.packet.tcp.flags == "SYN")) | .[0])'
answer='(journeys | map(select(.packet.tcp.flags == "SYN ACK")) | .[0])'
expect_json 'one journey, there and back' 'left eth0 tx, router eth0 rx, router eth0 tx, left eth0 rx' "$first | crossings"
expect_json 'what was changed' "$near > $middle, $middle:8080 > $near:6006" "$first | $changed"
expect_json 'the answer comes the same way' 'left eth0 tx, router eth0 rx, router eth0 tx, left eth0 rx' "$answer | crossings"
expect_json 'and is changed back' "$near 6006 > $middle 8080, $middle > $near" \
	"$answer | [.hops[] | select(.stage == \"nat\")] | \"\\(.[0].from.src) \\(.[0].from.sport) > \\(.[-1].to.src) \\(.[-1].to.sport), \\(.[0].from.dst) > \\(.[-1].to.dst)\""
expect_json 'no segment is told twice' 1 'journeys | map(select(.packet.tcp.flags == "SYN")) | length'
if [ -n "$chains" ]; then
	expect_json 'by which rules' "dnat to $near:6006, ip daddr $near masquerade" \
		"$first | [.hops[] | select(.stage == \"netfilter\" and .table == \"translate\").rule.text | sub(\"^ip daddr $middle tcp dport 8080 \"; \"\")] | join(\", \")"
fi
check_json
at router nft delete table ip translate

echo '== ebtables, in a bridge'
bridge_network web db
for tool in ebtables-nft ebtables-legacy; do
	if ! command -v $tool >/dev/null; then
		without "$tool: there is none"
		continue
	fi
	if ! $tool -t filter -A FORWARD -i v-db -p IPv4 --ip-proto icmp -j DROP 2>"$work/tool"; then
		without "$tool: $(head -1 "$work/tool")"
		continue
	fi
	at db ip neigh replace "$net4.2" lladdr "$(mac web eth0)" dev eth0
	tp ping -c1 -W1 --netns db "${rules[@]}" --format json "$net4.2"
	expect_status 1
	if [ $tool = ebtables-nft ]; then
		text=$([ -z "$chains" ] || query 'journeys[0].outcome.rule.text')
		dropped_by $tool outer 'bridge forward filter FORWARD FORWARD' "$text"
		[ -z "$chains" ] || expect_match "$tool: its rule" 'v-db.* drop$' "$text"
	else
		expect_json "$tool: where" 'dropped in outer' 'journeys[0] | outcome_words'
		expect_json "$tool: the advice's key" firewall 'journeys[0].outcome.advice.key'
		[ -z "$chains" ] || expect_json "$tool: the chain" 'outer bridge forward filter FORWARD xtables' \
			"journeys[0] | $drops | \"\\(.netns.name) \\(.family) \\(.hook) \\(.table) \\(.chain) \\(.backend)\""
	fi
	check_json
	$tool -t filter -F FORWARD
done
