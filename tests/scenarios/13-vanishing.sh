# shellcheck shell=bash
# Namespaces that come and go while tracepkt traces: each packet is told with the right names, or without, never with
# the names of another namespace that had the same inode before.
. "$(dirname "$0")/lib.sh"

base=${net4%.*}
times=20
[ -z "$brief" ] || times=5

come_and_go() { # number count-and-interval-of-ping...
	local name=v$1
	ip netns add "$name"
	ip link add name "o$1" type veth peer name eth0 netns "$name"
	ip addr add "$base.$1.1/24" dev "o$1"
	ip link set dev "o$1" up
	ip -n "$name" addr add "$base.$1.2/24" dev eth0
	ip -n "$name" link set dev eth0 up
	ping -q "${@:2}" "$base.$1.2" >/dev/null || fail "no ping to $name"
	ip netns del "$name"
	ip link del dev "o$1" 2>/dev/null || true
}

# In the far end's namespace each hop has this name.
# shellcheck disable=SC2016 # jq's variable
far_names='journeys | map(. as $j | .hops[] | select(.stage == "rx" and $j.direction == "request") | .netns.name)'

echo '== a moment after the ping'
tp_trace --format json "icmp and net $base.0.0/16"
for ((i = 1; i <= times; i++)); do come_and_go $i -c2 -i 0.3; done
tp_end INT
expect_status 0
expect_json 'every ping is seen' "$((times * 2)) $((times * 2))" '"\(requests | length) \(replies | length)"'
all_names=$(for ((i = 1; i <= times; i++)); do printf 'v%d v%d ' $i $i; done)
# The time for looking is limited, so on a busy machine a name may be found too late; but it is never another's.
expect_json 'the names' "$all_names" "
	$far_names as \$got | (\"$all_names\" | split(\" \")[:-1]) as \$expected
	| (\$got | map(select(. == null)) | length) as \$unnamed
	| if \$unnamed <= 8 then [range(\$got | length)] | map(\$got[.] // \$expected[.]) else \$got end
	| map(tostring + \" \") | add"
expect_json 'on both sides of the cable' "o1>eth0" 'requests[0].hops | map(select(.stage | IN("tx", "rx")) | .dev.name) | join(">")'
expect_json 'delivered' "$((times * 4))" 'summary.delivered'

echo '== at once'
tp_trace --format json "icmp and net $base.0.0/16"
for ((i = 31; i < 31 + times; i++)); do come_and_go $i -c1; done
tp_end INT
expect_status 0
expect_json 'every ping is seen' "$times" 'requests | length'
# shellcheck disable=SC2016 # jq's variable
expect_json 'no wrong names' '' \
	'requests | map(select((.hops[] | select(.stage == "rx") | .netns.name) as $n
		| $n != null and $n != "v" + (.packet.dst | split(".")[2])) | "\(.packet.dst) in \(.hops[1].netns.name)") | join(", ")'
