# shellcheck shell=bash
# The rules of legacy iptables and ip6tables: which matched, by number and text, in each namespace that is passed.
. "$(dirname "$0")/lib.sh"

router_network 4

legacy() { at router iptables-legacy -w "$@"; }
command -v iptables-legacy >/dev/null || skip "no iptables-legacy here"
legacy -A FORWARD -d "$target" -p icmp -j ACCEPT 2>"$work/tables" || skip "no legacy tables here: $(head -1 "$work/tables")"
legacy -F FORWARD

tp trace --rules --duration 0.1
if [ "$status" = 3 ]; then
	without "rules: $(why_refused)"
	exit 0
fi
expect_status 0
if tp doctor --format json && legacy_why=$(query '.[0].features[] | select(.name | test("legacy")) | select(.state == "no").why') && [ -n "$legacy_why" ]; then
	skip "no rules of legacy iptables: $legacy_why"
fi

chain='.hops[] | select(.stage == "netfilter")'
words='"\(.family) \(.hook) \(.table) \(.chain) \(.base_chain) \(.verdict)"'
steps="[$chain | .rules[] | \"\\(.chain) \\(.number) \\(.verdict)\"] | join(\", \")"

legacy -N mid
legacy -N deep
legacy -N other
legacy -A FORWARD -p tcp -j DROP
legacy -A FORWARD -p icmp -j other
legacy -A other -p icmp -m comment --comment 'on its way "-j DROP"' -j RETURN
legacy -A FORWARD -p icmp -m icmp --icmp-type 8 -j mid
legacy -A mid -j deep
legacy -A deep -d "$target/32" -p icmp -m comment --comment 'no <b>entry</b> %s' -j DROP
counters=$(at router iptables-legacy-save -c | grep -c '\[0:0\] -A' || true)

echo '== a rule three jumps deep'
tp ping --netns left -c1 -W1 --rules --format json "$target"
expect_status 1
expect_line 'what is put in place is announced, in one line' \
	'^--rules: .* nftables table inet tracepkt_[0-9]+, .* table inet tracepkt_[0-9]+_marks in .*router.* marks packets' "$err"
expect 'one line' 1 "$(count_lines '^--rules:' "$err")"
expect 'and gone' 0 "$(tables_left router)"
expect_json 'the chain' 'ip forward filter deep FORWARD drop' "requests[0] | $chain | $words"
expect_json 'where' 'router' "requests[0] | $chain | .netns.name"
expect_json 'each rule on the way' \
	'FORWARD 2 jump, FORWARD 3 jump, mid 1 jump, deep 1 drop' "requests[0] | $steps"
rule="-A deep -d $target/32 -p icmp -m comment --comment \"no <b>entry</b> %s\" -j DROP"
expect_json 'the rule, by its own text' "$rule" "requests[0] | $chain | .rule.text"
expect_json 'it is in the outcome' "1 $rule" 'requests[0].outcome.rule | "\(.number) \(.text)"'
expect_json 'how to see it' 'ip netns exec router iptables-legacy -t filter -L deep -v -n --line-numbers' \
	'requests[0].outcome.advice.check'
expect_json 'nothing lost' 0 'summary.lost | add'
check_json
expect 'counters went on counting, and none was set back' 2 "$(at router iptables-legacy-save -c | grep -c '\[1:84\] -A deep\|\[1:84\] -A mid')"
expect_match 'of rules that never matched' '[0-9]+' "$counters"

echo '== in words'
tp ping --netns left -c1 -W1 --rules "$target"
expect_line 'the way through the chains' 'forward: legacy ip filter/FORWARD > mid > deep drop, rule 1' "$out"
expect_line 'who dropped it' 'Dropped by a firewall rule in namespace router' "$out"
expect_line 'the rule' '^      -A deep -d .* -m comment --comment "no <b>entry</b>' "$out"

echo '== without --rules, the chain'
tp ping --netns left -c1 -W1 --format json "$target"
expect_json 'the chain' 'ip forward filter FORWARD FORWARD drop' "requests[0] | $chain | $words"
expect_json 'no rule' null 'requests[0].outcome.rule'
check_json

echo '== a rule without a condition, and rules replaced while it runs'
legacy -F FORWARD
legacy -A FORWARD -p icmp -j LOG --log-prefix 'passed ' 2>/dev/null || legacy -A FORWARD -p icmp
tp_trace --rules --format json "icmp and dst host $target"
at left ping -c1 -W2 "$target" >/dev/null
wait_for_journeys 1
legacy -A FORWARD -j DROP
at left ping -c1 -W1 "$target" >/dev/null || true
wait_for_journeys 2
legacy -R FORWARD 2 -s "$base.0.0/16" -j DROP
at left ping -c1 -W1 "$target" >/dev/null || true
wait_for_journeys 3
tp_end INT
expect_json 'by the policy' 'accept true null' \
	"journeys[0] | $chain | select(.hook == \"forward\") | \"\\(.verdict) \\(.policy) \\(.rule)\""
expect_json 'then by a rule that the kernel calls the policy' '2 -A FORWARD -j DROP' \
	'journeys[1].outcome.rule | "\(.number) \(.text)"'
expect_json 'then by the one in its place' "2 -A FORWARD -s $base.0.0/16 -j DROP" \
	'journeys[2].outcome.rule | "\(.number) \(.text)"'
check_json
legacy -F FORWARD

# The reset has neither a socket nor a device there.
echo '== what the kernel makes by itself, where no rule is'
if legacy -A FORWARD -p tcp --dport 6009 -j REJECT --reject-with tcp-reset 2>"$work/reject"; then
	tp_trace --rules --format json "tcp port 6009 and net $base.0.0/16"
	at left bash -c "echo >/dev/tcp/$target/6009" 2>/dev/null || true
	wait_for_journeys 1 '.packet.sport == 6009'
	tp_end INT
	expect_json 'where it begins, and by what it leaves' 'router out, router output accept true null' \
		"[journeys[] | select(.packet.sport == 6009)][0] | \"\(.hops[0].netns.name) \(.hops[0].stage), \" + ($chain | select(.table == \"filter\") | \"\(.netns.name) \(.hook) \(.verdict) \(.policy) \(.rule)\")"
	check_json
else
	without "a reset: $(head -1 "$work/reject")"
fi
legacy -F FORWARD

echo '== NAT'
if legacy -t nat -A POSTROUTING -o eth1 -j MASQUERADE 2>"$work/nat"; then
	tp ping --netns left -c1 --rules --format json "$target"
	expect_status 0
	expect_json 'the rule' '1 -A POSTROUTING -o eth1 -j MASQUERADE' \
		"requests[0] | $chain | select(.table == \"nat\" and .rule) | .rule | \"\\(.number) \\(.text)\""
	check_json
	legacy -t nat -F POSTROUTING
else
	without "NAT: $(head -1 "$work/nat")"
fi

echo '== a table that comes later, in another namespace'
tp_trace --rules --format json "icmp and dst host $target"
at right iptables-legacy -w -A INPUT -p icmp -m ttl --ttl-lt 64 -j DROP 2>/dev/null ||
	at right iptables-legacy -w -A INPUT -s "$base.0.0/16" -j DROP
at left ping -c1 -W1 "$target" >/dev/null || true
wait_for_journeys 1
wait_for 'that namespace to be marked' grep -q '^--rules: from now on .* in right' "$err"
at left ping -c1 -W1 "$target" >/dev/null || true
wait_for_journeys 2
tp_end INT
expect_json 'its rule' '1 INPUT right' \
	'journeys[1] | "\(.outcome.rule.number) \(.outcome.rule.chain) \(.outcome.netns.name // .hops[-1].netns.name)"'
check_json
at right iptables-legacy -w -F INPUT

echo '== IPv6'
if at router ip6tables-legacy -w -A FORWARD -p icmpv6 --icmpv6-type 128 -j DROP 2>"$work/six"; then
	tp ping --netns left -6 -c1 -W1 --rules --format json "$net6:1::2"
	expect_json 'the rule' 'ip6 1 -A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP' \
		"requests[0] | $chain | select(.verdict == \"drop\") | \"\\(.family) \\(.rule.number) \\(.rule.text)\""
	check_json
	at router ip6tables-legacy -w -F FORWARD
else
	without "IPv6: $(head -1 "$work/six")"
fi

echo '== without the tool, the number'
legacy -A FORWARD -p icmp -d "$target" -j DROP
mkdir "$work/empty"
mount --bind "$work/empty/." /usr/sbin 2>/dev/null && hidden=1 || hidden=
if [ -n "$hidden" ]; then
	tp ping --netns left -c1 -W1 --rules --format json "$target"
	expect_line 'it is said' 'by number alone without iptables-legacy-save' "$err"
	expect_json 'the number' '1 null drop' 'requests[0].outcome.rule | "\(.number) \(.text) \(.verdict)"'
	check_json
	umount /usr/sbin
fi
legacy -F FORWARD

echo '== killed'
expect_no_table_left router
