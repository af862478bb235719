# shellcheck shell=bash
# Firewalls on the way: each chain with its verdict, the rule that dropped the packet by its own text, and what NAT
# changed.
. "$(dirname "$0")/lib.sh"

router_network 4

at router nft -f - 2>"$work/nft" <<-END || skip "no nftables here: $(head -1 "$work/nft")"
	table inet guard {
		set strangers {
			type ipv4_addr
			elements = { $base.0.1 }
		}
		chain deep {
			ip saddr @strangers icmp type echo-request drop comment "no <b>entry</b> # handle 99"
		}
		chain mid {
			counter jump deep
		}
		chain through {
			type filter hook forward priority 0; policy accept;
			meta mark 5 accept
			jump mid
		}
	}
END

### Where chains cannot be seen

tp trace --rules --duration 0.1
case $status in
	0) ;;
	3)
		expect_line 'what cannot be had, and why' '^tracepkt: --rules cannot be had here: .' "$err"
		expect_line 'what to do' 'tracepkt doctor' "$err"
		why=$(why_refused)
		tp ping --netns left -c1 -W1 --format json "$target"
		expect_status 1
		expect_json 'the drop is told all the same' 'dropped in router' 'requests[0] | outcome_words'
		expect_json 'what is not seen is said' "firewall chains $why" \
			'summary.probes.unavailable[] | select(.name == "firewall chains") | "\(.name) \(.why)"'
		check_json
		expect_json 'it came to the IP layer' 'rx in route drop' \
			'requests[0] | [.hops[] | select(.netns.name == "router") | .stage] | join(" ")'
		if at router nft "table netdev early { chain x { type filter hook ingress device eth0 priority 0; icmp type echo-request drop; }; }" 2>"$work/nft"; then
			tp ping --netns left -c1 -W1 -v --format json "$target"
			expect_json "what the interface's own chain drops did not" 'rx drop' \
				'requests[0] | [.hops[] | select(.netns.name == "router") | .stage] | join(" ")'
			check_json
		else
			without "chains of an interface: $(head -1 "$work/nft")"
		fi
		without "chains and rules: $why"
		exit $((failures > 0))
		;;
	*) expect_status 0 ;;
esac

### nftables

chain='.hops[] | select(.stage == "netfilter")'

echo '== a rule three jumps deep'
tp ping --netns left -c1 -W1 --rules --format json "$target"
expect_status 1
expect_line 'the table is announced' '^--rules: .* nftables table inet tracepkt_[0-9]+,' "$err"
expect 'and gone' 0 "$(tables_left outer)"
words='"\(.family) \(.hook) \(.table) \(.chain) \(.base_chain) \(.verdict)"'
expect_json 'the chain' 'inet forward guard deep through drop' "requests[0] | $chain | $words"
expect_json 'where' 'router' "requests[0] | $chain | .netns.name"
rule='ip saddr @strangers icmp type echo-request drop comment "no <b>entry</b> # handle 99"'
expect_json 'the rule, by its own text' "$rule" "requests[0] | $chain | .rule.text"
expect_json 'it is in the outcome' "$rule" 'requests[0].outcome.rule.text'
expect_json 'each rule on the way' 'through jump, mid jump, deep drop' \
	"requests[0] | [$chain | .rules[] | \"\\(.chain) \\(.verdict)\"] | join(\", \")"
handle=$(at router nft -a list chain inet guard deep | sed -n 's|.* # handle \([0-9]*\)$|\1|p' | tail -1)
expect_json 'its handle' "$handle" 'requests[0].outcome.rule.handle'
expect_json 'the drop comes after the chain' 'netfilter drop' 'requests[0].hops[-2:] | map(.stage) | join(" ")'
expect_json 'how to see it' 'ip netns exec router nft -a list chain inet guard deep' 'requests[0].outcome.advice.check'
expect_json 'the key' 'firewall' 'requests[0].outcome.advice.key'
expect_json 'nothing lost' 0 'summary.lost | add'

echo '== in words'
tp ping --netns left -c1 -W1 --rules "$target"
expect_line 'the way through the chains' 'forward: inet guard/through > mid > deep drop, handle' "$out"
expect_line 'who dropped it' 'Dropped by a firewall rule in namespace router' "$out"
expect_line 'the rule' '^      ip saddr @strangers icmp type echo-request drop comment' "$out"

echo '== without --rules, the chain'
tp ping --netns left -c1 -W1 --format json "$target"
expect_json 'the chain' 'inet forward guard through through drop' "requests[0] | $chain | $words"
expect_json 'no rule' null 'requests[0].outcome.rule'
expect_json 'how to see it' 'ip netns exec router nft -a list chain inet guard through' 'requests[0].outcome.advice.check'

echo '== a rule between braces'
at router nft insert rule inet guard through ip ttl '<' 200 jump '{ icmp type echo-request drop; }'
handle=$(at router nft -a list chain inet guard through | sed -n 's|^\t\t}.* # handle \([0-9]*\)$|\1|p')
tp ping --netns left -c1 -W1 --rules --format json "$target"
expect_json 'the rule that they belong to' 'ip ttl < 200 jump { icmp type echo-request drop }' \
	"requests[0] | $chain | .rules[0].text"
expect_json 'it is the one' true \
	"requests[0].outcome.advice.cause | contains(\"(nftables, table inet guard, chain through, handle $handle)\")"
expect_json 'how to see it' 'ip netns exec router nft -a list chain inet guard through' 'requests[0].outcome.advice.check'
check_json
at router nft delete rule inet guard through handle "$handle"

echo '== a rule that accepts'
at router nft insert rule inet guard deep counter accept
tp ping --netns left -c1 --rules --format json "$target"
expect_status 0
expect_json 'accepted, there and back' 'accept accept' "journeys | map($chain | .verdict) | join(\" \")"
expect_json 'by that rule' 'counter packets? accept' \
	"requests[0] | $chain | .rule.text | sub(\"counter( packets [0-9]+ bytes [0-9]+)?\"; \"counter packets?\")"

echo '== the policy'
at router nft flush chain inet guard through
at router nft 'chain inet guard through { policy drop; }'
tp ping --netns left -c1 -W1 --rules --format json "$target"
expect_json 'by the policy' 'drop true null' "requests[0] | $chain | \"\\(.verdict) \\(.policy) \\(.rule)\""
no_firewall router

# As nft -f does it: the new table has the old one's name, and its rules their handles.
echo '== rules loaded anew while it runs'
firewall router forward 'ip daddr != 127.0.0.1 drop comment "old"'
tp_trace --rules --format json "icmp and dst host $target"
at left ping -c1 -W1 "$target" >/dev/null || true
wait_for_journeys 1
at router nft -f - <<-END
	flush ruleset
	table inet guard {
		chain it {
			type filter hook forward priority 0;
			ip daddr != 127.0.0.1 drop comment "new"
		}
	}
END
# Listed again after a while: until then a text is not known.
is_told_again() {
	at left ping -c1 -W1 "$target" >/dev/null || true
	has_journeys 2 .outcome.rule.text
}
wait_for 'the text of a rule' is_told_again
tp_end INT
expect_json 'by its handle it is the same' 1 'journeys | map(.outcome.rule.handle) | unique | length'
expect_json 'by its text it is not' '"old", then "new"' \
	'[journeys[].outcome.rule.text // empty | sub(".* comment "; "")] | join(", then ")'
check_json
no_firewall router

echo '== what is made here and does not leave'
firewall left output 'udp dport 9 drop' out
tp_trace --rules --format json "udp and dst host $target and port 9"
at left bash -c "echo -n gone >/dev/udp/$target/9" 2>/dev/null || true
wait_for_journeys 1
tp_end INT
expect_json 'its way' 'out netfilter drop' 'journeys[0].hops | map(.stage) | join(" ")'
expect_json 'the rule' 'udp dport 9 drop' 'journeys[0].outcome.rule.text'
check_json
no_firewall left

# The reset has neither a socket nor a device there.
echo '== what the kernel makes by itself'
firewall router forward 'tcp dport 6009 reject with tcp reset'
firewall router output 'tcp flags rst drop' answers
tp_trace --rules --format json "tcp port 6009 and net $base.0.0/16"
at left python3 -c "
import socket
refused = socket.socket()
refused.settimeout(0.2)
try: refused.connect(('$target', 6009))
except OSError: pass"
wait_for_journeys 1 '.packet.sport == 6009'
tp_end INT
expect_json 'where it is' 'router out, router netfilter, router drop' \
	'[journeys[] | select(.packet.sport == 6009)][0].hops | map("\(.netns.name) \(.stage)") | join(", ")'
expect_json 'by which rule' 'router tcp flags rst drop' \
	'[journeys[] | select(.packet.sport == 6009)][0].outcome | "\(.netns.name) \(.rule.text)"'
expect_json 'how to see it' 'ip netns exec router nft -a list chain inet guard answers' \
	'[journeys[] | select(.packet.sport == 6009)][0].outcome.advice.check'
check_json
no_firewall router

echo "== an interface's own chains"
if at left nft -f - 2>"$work/nft" <<-END; then
	table netdev own {
		chain departs {
			type filter hook egress device "eth0" priority 0; policy accept;
			ip dscp cs7 drop
		}
		chain arrives {
			type filter hook ingress device "eth0" priority 0; policy accept;
		}
	}
END
	tp_trace --rules --format json "udp and dst host $middle and port 9"
	at left python3 -c "
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.sendto(b'goes', ('$middle', 9))
sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xe0)
sender.sendto(b'stays', ('$middle', 9))
"
	wait_for_journeys 2
	tp_end INT
	expect_json 'what it lets pass' 'netdev egress own departs accept' "journeys[0] | $chain | $words | sub(\" departs departs\"; \" departs\")"
	expect_json 'what it drops' 'netdev egress own departs drop' "journeys[1] | $chain | $words | sub(\" departs departs\"; \" departs\")"
	expect_json 'the way of that' 'out netfilter drop' 'journeys[1].hops | map(.stage) | join(" ")'
	expect_json 'by which rule' 'ip dscp cs7 drop' 'journeys[1].outcome.rule.text'
	expect_json 'how to see it' 'ip netns exec left nft -a list chain netdev own departs' 'journeys[1].outcome.advice.check'
	tp ping --netns left -c1 --rules --format json "$middle"
	expect_json 'one on the way in' 'netdev ingress own arrives accept' "replies[0] | $chain | $words | sub(\" arrives arrives\"; \" arrives\")"
	check_json
	echo '== there, a segment that is sent again'
	at left nft add rule netdev own departs tcp dport 6009 drop
	tp_trace --rules --format json "tcp dst port 6009 and dst host $middle"
	at left python3 -c "
import socket
refused = socket.socket()
refused.settimeout(2.5)
try: refused.connect(('$middle', 6009))
except OSError: pass"
	wait_for_journeys 2
	tp_end INT
	expect_json 'each time dropped by that rule' '["out tcp dport 6009 drop"]' \
		'journeys | map("\(.hops[0].stage) \(.outcome.rule.text)") | unique | tojson'
	check_json
	at left nft delete table netdev own
	echo '== there, what a router copies'
	at router nft 'add table netdev own; add chain netdev own departs { type filter hook egress device "eth1" priority 0; policy accept; }'
	serve right tcp 6010 's.accept()[0].recv(9)'
	tp_trace --rules --format json 'tcp dst port 6010'
	at left python3 -c "
import socket
socket.create_connection(('$target', 6010)).send(b'x')"
	wait "$server"
	wait_for_journeys 3
	tp_end INT
	expect_json 'it stays one journey' '["left"]' 'journeys | map(.hops[0].netns.name) | unique | tojson'
	expect_json 'with the chain' '[1]' \
		"journeys | map([$chain | select(.netns.name == \"router\")] | length) | unique | tojson"
	check_json
	at router nft delete table netdev own
else
	without "an interface's own chains: $(head -1 "$work/nft")"
fi

echo '== conntrack and NAT'
at router nft -f - <<-END
	table ip translate {
		chain post {
			type nat hook postrouting priority 100;
			oifname eth1 masquerade
		}
		chain through {
			type filter hook forward priority 0;
			ct state new ct mark set 7
		}
	}
END
tp ping --netns left -c1 --rules --format json "$target"
expect_status 0
expect_json 'source changed' "$base.0.1 $base.1.1" \
	'requests[0].hops[] | select(.stage == "nat") | "\(.from.src) \(.to.src)"'
expect_json 'and changed back' "$base.1.1 $base.0.1" \
	'replies[0].hops[] | select(.stage == "nat") | "\(.from.dst) \(.to.dst)"'
expect_json 'a new connection' new "requests[0] | $chain | select(.hook == \"forward\") | .conntrack.state"
expect_json 'then it is established, and has its mark' 'established 7' \
	"replies[0] | $chain | select(.hook == \"forward\") | \"\\(.conntrack.state) \\(.conntrack.mark)\""
check_json
at router nft delete table ip translate

# What TCP sends, its sender keeps: to change it the router gives it a buffer of its own.
echo '== TCP, which a router copies'
at router nft -f - <<-END
	table ip watch {
		chain through {
			type filter hook forward priority 0;
			tcp dport 6005 counter accept
		}
		chain post {
			type filter hook postrouting priority 0;
			accept
		}
	}
END
serve right tcp 6005 '
c = s.accept()[0]
c.recv(100)
c.close()'
tp_trace -v --format json "tcp dst port 6005 and net $base.0.0/16"
at left python3 -c "
import socket
s = socket.create_connection(('$target', 6005))
s.sendall(b'x' * 50)
s.recv(1)"
wait "$server"
wait_for_journeys 3
tp_end INT
expect_json 'each is seen in both chains, on its way' 'forward postrouting' \
	'journeys | map([.hops[] | select(.stage == "netfilter" and .table == "watch").hook] | join(" ")) | unique | join(" | ")'
expect_json 'and stays one' 'left eth0 tx, router eth0 rx, router eth1 tx, right eth0 rx' \
	'journeys | map(crossings) | unique | join(" | ")'
check_json
at router nft delete table ip watch

### iptables

for tool in iptables-nft iptables-legacy; do
	echo "== $tool"
	if ! command -v $tool >/dev/null || ! at router $tool -w -A FORWARD -d "$target" -p icmp -j DROP 2>"$work/$tool"; then
		without "$tool: $(head -1 "$work/$tool" 2>/dev/null)"
		continue
	fi
	tp ping --netns left -c1 -W1 --rules --format json "$target"
	backend=$([ $tool = iptables-nft ] && echo nftables || echo xtables)
	expect_json 'the table and chain' "$backend ip forward filter FORWARD drop" \
		"requests[0] | $chain | select(.verdict == \"drop\") | \"\\(.backend) \\(.family) \\(.hook) \\(.table) \\(.chain) \\(.verdict)\""
	expect_json 'it dropped it' "$backend filter FORWARD" \
		'requests[0].outcome.firewall | "\(.backend) \(.table) \(.chain)"'
	[ $tool = iptables-legacy ] || expect_json 'the rule' drop 'requests[0].outcome.rule.verdict'
	tp ping --netns left -c1 -W1 --format classic "$target"
	expect_line 'the original said it so' '^\[ *[0-9]+\] .* request .* filter\.FORWARD     :DROP$' "$out"
	at router $tool -w -D FORWARD -d "$target" -p icmp -j DROP
done

echo '== a match that nft(8) has no words for'
modprobe -qa xt_u32 nft_compat 2>/dev/null || true
if command -v iptables-nft-save >/dev/null && at router iptables-nft -w -A FORWARD -p icmp -m u32 --u32 '6&0xff=1' -j DROP 2>"$work/u32"; then
	tp ping --netns left -c1 -W1 --rules --format json "$target"
	expect_json "iptables' own" '-A FORWARD -p icmp -m u32 --u32 "0x6&0xff=0x1" -j DROP' 'requests[0].outcome.rule.text'
	check_json
	at router iptables-nft -w -F FORWARD
else
	without "matches of iptables-nft: $(head -1 "$work/u32" 2>/dev/null)"
fi

### However it ends

echo '== killed'
expect_no_table_left outer
