# shellcheck shell=bash
# Every kernel function that is given the packet, with what it returns: -vv and --functions.
. "$(dirname "$0")/lib.sh"

cable_network 24
wait_for 'IPv4 to be open' at left ping -c1 -W2 "$net4.2"

echo '== where it cannot be had: one plain line'
tp ping -vv --netns left -c1 "$net4.2"
if [ "$status" = 3 ]; then
	expect_line 'what cannot be had, and why' '^tracepkt: -vv and --functions cannot be had here: .' "$err"
	expect_line 'what to do' 'tracepkt doctor' "$err"
	expect 'and nothing else' 2 "$(wc -l <"$err")"
	why=$(why_refused)
	tp trace --functions 'ip_*' --duration 0.1
	expect_status 3
	expect_line 'the same of trace' "^tracepkt: -vv and --functions cannot be had here: $why" "$err"
	tp doctor --format json
	expect_json 'doctor tells of it' "no $why" \
		'.[0].features[] | select(.name | startswith("every kernel function")) | "\(.state) \(.why)"'
	check_json
	without "kernel functions: $why"
	exit $((failures > 0))
fi

echo '== in the table'
expect_status 0
expect_line 'with what it returned' 'right +eth0 +function +icmp_rcv\(\) = 0 ' "$out"
expect_line 'also on the way out' 'left +.* function +ip_output\(\)' "$out"
expect_line 'under the hops' 'right +eth0 +rx' "$out"
expect_line 'none is lost' 'none lost' "$out"
expect_line 'the functions are counted among the probes' 'functions' <("$TRACEPKT" probes)

# By a kprobe each: of those that end by jumping to another, whose return is theirs, only that one's is seen.
one_by_one='(summary.probes.attached | any(startswith("kprobe:")))'
functions='[.hops[] | select(.stage == "function")]'
echo '== in JSON, in order'
tp ping -vv --netns left -c1 --format json "$net4.2"
expect_status 0
# shellcheck disable=SC2016 # a jq program
order='. as $seen | ["ip_output", "__dev_queue_xmit", "ip_rcv", "icmp_rcv"] | map(. as $name | $seen | index($name))'
expect_json 'on the way there, in order' true \
	"requests[0] | $functions | map(.function) | $order | all(. != null) and . == sort"
expect_json 'where' 'right eth0' "requests[0] | $functions | map(select(.function == \"ip_rcv\"))[0] | \"\\(.netns.name) \\(.dev.name)\""
expect_json 'what it returned' 0 "requests[0] | $functions | map(select(.function == \"icmp_rcv\"))[0].returned"
expect_json 'all that return something have' true \
	"$one_by_one or (requests[0] | $functions | map(select(.function | IN(\"ip_output\", \"ip_rcv\", \"icmp_rcv\")) | has(\"returned\")) | all)"
expect_json 'in the order of time' true 'requests[0] | [.hops[].offset_ns] | . == sort'
expect_json 'between the hops' true \
	'requests[0] | [.hops[] | if .stage == "function" then .function else .stage end] | index("rx") < index("ip_rcv")'
expect_json 'the answer, too' true "replies[0] | $functions | any(.function == \"ip_rcv\")"
expect_json 'delivered all the same' 'delivered in right' 'requests[0] | outcome_words'
expect_json 'nothing is lost' 0 'summary.lost | add'

echo '== narrowed'
tp ping --functions 'ip_r*' --netns left -c1 --format json "$net4.2"
expect_status 0
expect_json 'only those' true "requests[0] | $functions | length > 0 and all(.function | startswith(\"ip_r\"))"
tp trace --functions 'no_such_*' --duration 0.1
expect_status 2
expect_line 'which' '^tracepkt: --functions no_such_\*: no kernel function' "$err"
tp trace --functions '' --duration 0.1
expect_status 2

echo '== a drop'
tp_trace -vv --format json "udp and net $net4.0/24"
datagrams left "$net4.2" 6002 1 1
wait_for_journeys 1 '.outcome.kind == "dropped"'
tp_end INT
expect_status 0
expect_json 'dropped where it is' 'dropped in right' 'journeys[0] | outcome_words'
expect_json 'what it was given to' true "journeys[0] | $functions | any(.function == \"udp_rcv\")"

echo '== from a file, with less'
tp ping -vv --netns left -c1 -w "$work/kept.pcapng" "$net4.2"
expect_status 0
cp "$out" "$work/live"
tp trace -r "$work/kept.pcapng" -vv
expect 'the same' '' "$(diff <(grep function "$work/live") <(grep function "$out"))"
tp trace -r "$work/kept.pcapng" --functions 'icmp_rcv'
expect 'the function of the request and of the reply' 2 "$(count_lines ' function +icmp_rcv\(\)' "$out")"
expect_no_line 'and no other' 'ip_rcv' "$out"
tp trace -r "$work/kept.pcapng"
expect_no_line 'none, where none is asked for' ' function ' "$out"
