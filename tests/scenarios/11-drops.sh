# shellcheck shell=bash
# Packets that do not arrive: who dropped them, where, and why.
. "$(dirname "$0")/lib.sh"

router_network 4 6

look_for_reasons

# The advice's key, for this kernel: where it gives no reason, the function may be known.
advised() { # what key [key where only the function is known]
	local key=$2
	[ -n "$has_reasons" ] || key=${3:-$2}
	[ -n "$has_reasons$has_symbols" ] || key=unknown
	expect_json "$1: the advice" "$key" 'requests[0].outcome.advice.key'
	expect_json "$1: all of it" 4 '[requests[0].outcome.advice | .key, .cause, .check, .mend | select(length > 3)] | length'
}

dropped() { # what where reason-regex key [key where only the function is known]
	expect_json "$1: where" "dropped in $2" 'requests[0] | outcome_words'
	advised "$1" "${@:4}"
	[ -z "$has_reasons" ] ||
		expect_json "$1: the reason" like "requests[0].outcome.reason | if test(\"$3\") then \"like\" else . end"
	[ -z "$has_symbols" ] || expect_json "$1: the function" like \
		'requests[0].outcome.function | if test("^[a-z_0-9.]+(\\+0x[0-9a-f]+)?$") then "like" else . end'
	expect_json "$1: the last hop is the drop" drop 'requests[0].hops[-1].stage'
	expect_json "$1: nothing lost" 0 'summary.lost | add'
}

ping_right() { tp ping --netns left -c1 -W 1 --format json "$@"; }

if at left nft list ruleset >/dev/null 2>"$work/nft" && firewall left input accept && no_firewall left; then
	for host in "$target" "$net6:1::2"; do
		match=$([[ $host == *:* ]] && echo 'meta l4proto icmpv6 icmpv6 type echo-request' || echo 'icmp type echo-request')

		echo "== input of the target, $host"
		firewall right input "$match drop"
		ping_right "$host"
		expect_status 1
		dropped "input, $host" right '^NETFILTER_DROP$' firewall
		# Where chains can be seen, it is said which.
		expect_json 'how to check it' 'ip netns exec right nft -a list ruleset' \
			'requests[0].outcome.advice.check | sub("list chain inet guard it$"; "list ruleset") | sub("sh -c .(?<list>[^;]*);.*"; .list)'
		expect_json 'it came so far' 'left eth0 tx, router eth0 rx, router eth1 tx, right eth0 rx' 'requests[0] | crossings'
		expect_json 'no reply' 0 'replies | length'
		tp ping --netns left -c1 -W 1 "$host"
		expect_status 1
		expect_line 'the headline says it' 'NOT ANSWERED: .*[Dd][Rr][Oo][Pp][Pp][Ee][Dd] in right' "$out"
		expect_line 'how to check it' '^ +(Check it: )?ip netns exec right [a-z]' "$out"
		expect_line 'what mends it' '^  Mend it: [A-Z]' "$out"
		no_firewall right

		echo "== output of ours, $host"
		firewall left output "$match drop"
		ping_right "$host"
		expect_status 1
		dropped "output, $host" left '^NETFILTER_DROP$' firewall
		expect_json 'it never crossed an interface' '' 'requests[0] | crossings'
		no_firewall left

		echo "== forward in the router, $host"
		firewall router forward "$match drop"
		ping_right "$host"
		expect_status 1
		dropped "forward, $host" router '^NETFILTER_DROP$' firewall
		expect_json 'it came to the router' 'left eth0 tx, router eth0 rx' 'requests[0] | crossings'
		no_firewall router

		echo "== the reply, in the router, $host"
		firewall router forward "${match/request/reply} drop"
		ping_right "$host"
		expect_status 1
		expect_json 'the request was delivered' 'delivered in right' 'requests[0] | outcome_words'
		expect_json 'the reply was not' 'dropped in router' 'replies[0] | outcome_words'
		expect_json 'its way' 'right eth0 tx, router eth1 rx' 'replies[0] | crossings'
		no_firewall router
	done

	echo '== reject'
	firewall right input 'icmp type echo-request reject with icmp type admin-prohibited'
	tp ping --netns left -c1 -W 20 --format json "$target"
	expect_status 1
	expect_json 'the request ends there' 'dropped in right' 'requests[0] | outcome_words'
	expect_json 'the error comes back' 'right eth0 tx, router eth1 rx, router eth0 tx, left eth0 rx' 'replies[0] | crossings'
	expect_json 'the error' '3 13' 'replies[0].packet.icmp | "\(.type) \(.code)"'
	no_firewall right
else
	without "nftables: $(head -1 "$work/nft")"
fi

if command -v iptables-legacy >/dev/null && at right iptables-legacy -A INPUT -p icmp -j DROP 2>"$work/iptables"; then
	echo '== legacy iptables'
	ping_right "$target"
	expect_status 1
	dropped 'legacy iptables' right '^NETFILTER_DROP$' firewall
	check=$(query 'requests[0].outcome.advice.check')
	[ -z "$has_symbols" ] || expect_match 'legacy iptables: the check shows the rule' '.*1[: ]+84.* DROP.*' \
		"$(eval "$check" 2>/dev/null | tr '\n' ' ')"
	at right iptables-legacy -F
else
	without "legacy iptables: $(head -1 "$work/iptables" 2>/dev/null)"
fi

echo '== no route'
at router ip route del "$base.1.0/24"
tp ping --netns left -c1 -W 20 --format json "$target"
expect_status 1
dropped 'no route' router 'IP_INNOROUTES|IP_OUTNOROUTES' no_route input_refused
expect_json 'the error' '3 0' 'replies[0].packet.icmp | "\(.type) \(.code)"'
expect_json 'whose error it is' "$base.0.2" 'replies[0].packet.src'
route router blackhole "$base.1.0/24"
ping_right "$target"
expect_status 1
expect_json 'a blackhole route' 'dropped in router' 'requests[0] | outcome_words'
[ -z "$has_reasons$has_symbols" ] || expect_json 'a blackhole route: the advice' \
	"route_refuses ip netns exec router ip route show table all match $target" \
	'requests[0].outcome.advice | "\(.key) \(.check)"'
at router ip route del blackhole "$base.1.0/24"
route router "$base.1.0/24" dev eth1 src "$base.1.1"

echo '== a neighbour that does not answer'
at router ip neigh flush dev eth1
at right ip link set dev eth0 arp off
tp ping --netns left -c1 -W 20 --format json "$target"
expect_status 1
expect_json 'the request ends in the router' 'dropped in router' 'requests[0] | outcome_words'
[ -z "$has_reasons" ] || expect_match 'why' '^NEIGH_' "$(query 'requests[0].outcome.reason')"
advised 'a neighbour that does not answer' neighbour_failed
expect_json 'the error' '3 1' 'replies[0].packet.icmp | "\(.type) \(.code)"'
at right ip link set dev eth0 arp on

echo '== nobody at that address of our own network'
tp ping --netns left -c1 -W 20 --format json "$base.0.99"
expect_status 1
expect_json 'the request ends here' 'dropped in left' 'requests[0] | outcome_words'

echo '== an interface without carrier, towards a neighbour whose address is known'
at router ip neigh replace "$target" lladdr 02:00:00:00:00:01 dev eth1 nud permanent
ip -n right link set dev eth0 down
ping_right "$target"
expect_status 1
expect_json 'not delivered' 'dropped in router' 'requests[0] | outcome_words'
[ -z "$has_reasons" ] || expect_json 'the advice' 'true' \
	'requests[0].outcome.advice | (.cause + .mend) | test("no carrier|other end up")'
at router ip neigh del "$target" dev eth1

echo '== an interface that is down'
ip -n right link set dev eth0 down
tp ping --netns left -c1 -W 20 --format json "$target"
expect_status 1
expect_json 'not delivered' 'dropped in router' 'requests[0] | outcome_words'
ip -n right link set dev eth0 up
route right default via "$base.1.1"
address right eth0 "$net6:1::2/64"
route right default via "$net6:1::1"
wait_for 'the way to be open again' at left ping -c1 -W2 "$target"

echo '== delivered, and not answered'
at right sysctl -qw net.ipv4.icmp_echo_ignore_all=1
tp ping --netns left -c1 -W 1 "$target"
expect_status 1
expect_line 'where it ended' '^ping .*NOT ANSWERED: delivered in right$' "$out"
expect_line 'how to check it' "^  Check it: ip netns exec right ip route get $base.0.1 from $target\$" "$out"
at right sysctl -qw net.ipv4.icmp_echo_ignore_all=0

echo '== reverse path filter'
at right sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
ip -n left addr add "$base.9.9/32" dev lo
ip -n right link add name stub type veth peer name stub-end
ip -n right link set dev stub up
ip -n right link set dev stub-end up
route right "$base.9.0/24" dev stub
tp ping --netns left -c1 -W 1 -I "$base.9.9" --format json "$target"
expect_status 1
expect_json 'a source that is elsewhere' 'dropped in right' 'requests[0] | outcome_words'
advised 'a source that is elsewhere' rp_filter source_refused
at right sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0

echo '== a TTL that runs out'
tp ping --netns left -c1 -W 20 -t 1 --format json "$target"
expect_status 1
dropped 'TTL' router 'IP_INHDR|IP_TTL_EXCEEDED' ttl_exceeded

echo '== a router that is none'
at router sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
ping_right "$target"
expect_status 1
dropped 'forwarding off' router 'IP_INADDRERRORS' forwarding_off
