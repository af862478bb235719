# shellcheck shell=bash
# Other pings at the same time: none of theirs is shown, none of ours is missing.
. "$(dirname "$0")/lib.sh"

bridge_network web
target=$net4.2

# So many of ours, each with its whole way, and nothing else.
only_ours() { # what count file
	local crossings='(.hops | map(select(.stage == "tx" or .stage == "rx")) | length)'
	expect "$1: requests and replies" "$2 $2" "$(query '"\(requests | length) \(replies | length)"' "$3")"
	expect "$1: an id" 1 "$(query 'journeys | map(.packet.icmp.id) | unique | length' "$3")"
	expect "$1: sequence numbers" "$(seq -s ' ' "$2")" "$(query 'requests | map(.packet.icmp.seq) | join(" ")' "$3")"
	# The kernel does not run a program that it has just interrupted: such an event is lost, ours or another ping's, and told.
	local busy missing
	busy=$(query 'summary.lost.program_busy' "$3")
	missing=$(query "journeys | map(3 - $crossings) | add" "$3")
	if [ "$missing" -lt 0 ] || [ "$missing" -gt "$busy" ]; then
		expect "$1: crossings, but for $busy events lost" "$busy missing at most" "$missing missing"
	fi
	expect "$1: outcomes" delivered "$(query 'journeys | map(.outcome.kind) | unique | join(" ")' "$3")"
	expect "$1: exchanges" "$2" "$(query 'journeys | map(.exchange) | unique | length' "$3")"
	expect "$1: received" "$2 $2 0 0" \
		"$(query 'summary.ping | "\(.transmitted) \(.received) \(.duplicates) \(.errors)"' "$3")"
	expect "$1: nothing else lost" 0 "$(query 'summary.lost | del(.program_busy) | add' "$3")"
}

echo '== 200 other pings'
for ((i = 0; i < 10; i++)); do
	ping -q -c10 -i 0.05 "$target" >/dev/null &
	ping -q -c10 -i 0.05 -s 0 "$net6::2" >/dev/null &
done
tp ping -c20 -i 0.02 --format json "$target"
expect_status 0
only_ours 'among 200 others' 20 "$out"
wait

echo '== the other way round'
nsenter --net=/run/netns/web ping -q -i 0.01 "$net4.1" >/dev/null &
other=$!
for size in 0 4 56; do
	tp ping -c5 -i 0.02 -s $size --format json "$target"
	expect_status 0
	only_ours "-s $size, pinged by the target" 5 "$out"
done
kill "$other"
wait "$other" || true

echo '== with our id'
if ping -e 77 -c1 -q 127.0.0.1 >/dev/null 2>&1; then
	tp_start ping -c40 -i 0.05 --format json "$target"
	wait_for_journeys 1
	id=$(head -1 "$out" | jq .packet.icmp.id)
	ping -e "$id" -q -c40 -i 0.02 "$target" >/dev/null &
	ping -e "$id" -q -c40 -i 0.02 "$net6::2" >/dev/null &
	tp_wait
	expect_status 0
	only_ours 'another ping with the same id' 40 "$out"
	wait
else
	without "another ping with the same id: this ping has no -e"
fi

echo '== two tracepkt at once'
tp_command='two of tracepkt ping -c50'
"$TRACEPKT" ping -c50 -i 0.02 --format json "$target" >"$work/one" &
one=$!
"$TRACEPKT" ping -c50 -i 0.02 --format json "$target" >"$work/two" &
wait "$one" || fail "exit status of the first: $?"
wait $! || fail "exit status of the second: $?"
only_ours 'the first of two' 50 "$work/one"
only_ours 'the second of two' 50 "$work/two"
expect 'their ids differ' 2 \
	"$(jq -r 'select(.type == "journey") | .packet.icmp.id' "$work/one" "$work/two" | sort -u | wc -l)"

echo '== and all of them by trace'
tp_trace --format json "icmp and net $net4.0/24"
ping -q -c10 -i 0.02 "$target" >/dev/null &
one=$!
"$TRACEPKT" ping -c10 -i 0.02 "$target" >/dev/null
wait "$one"
wait_for_journeys 40
tp_end INT
expect_json 'all of both' '20 20' '"\(requests | length) \(replies | length)"'
expect_json 'exchanges' 20 'journeys | map(.exchange) | unique | length'
