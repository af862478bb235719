# shellcheck shell=bash
# ping's options, statistics and exit status.
. "$(dirname "$0")/lib.sh"

router_network 4 6

ping_from_left() { tp ping --netns left --format json "$@"; }
counts='summary.ping | "\(.transmitted) \(.received) \(.duplicates) \(.errors) \(.loss_percent)"'
journey_count='"\(requests | length) \(replies | length)"'

echo '== answered'
ping_from_left -c3 -i 0.01 "$target"
expect_status 0
expect_json 'statistics' '3 3 0 0 0' "$counts"
expect_json 'journeys' '3 3' "$journey_count"
expect_json 'sequence numbers' '1 1 2 2 3 3' 'journeys | map(.packet.icmp.seq) | join(" ")'
expect_json 'an exchange a ping' 3 'journeys | map(.exchange) | unique | length'
expect_json 'times make sense' true \
	'summary.ping.rtt_ns | .min > 0 and .min <= .avg and .avg <= .max and .max < 60000000000'

# shellcheck disable=SC2016 # jq's variables
expect_json 'an exchange line each, of that number' '1 true true, 2 true true, 3 true true' '
	. as $all | map(select(.type == "exchange")) | map(.exchange as $number
		| "\(.seq) \(.answered) \($all | any(.type == "journey" and .exchange == $number))") | join(", ")'
expect_json 'the kernel answered' true '[requests[0].hops[] | select(.stage == "deliver") | .answered][0]'
ip -n right neigh flush dev eth0
ping_from_left -c1 "$target"
expect_json 'also when the answer had to wait for a neighbour' true \
	'[requests[0].hops[] | select(.stage == "deliver") | .answered][0]'
netns island
tp ping --netns island -c1 --format json 10.9.9.9
expect_status 1
expect_json 'why there is nothing to see' 'sending was refused: Network is unreachable (no route leads there)' \
	'map(select(.type == "exchange"))[0].trouble'

echo '== payloads'
sizes=(0 4 7 8 1400)
[ -z "$brief" ] || sizes=(4 1400)
for size in "${sizes[@]}"; do
	for host in "$target" "$net6:1::2"; do
		ping_from_left -c1 -s "$size" "$host"
		expect_status 0
		header=$([[ $host == *:* ]] && echo 48 || echo 28)
		expect_json "-s $size to $host: lengths, the way" \
			"$((size + header)) $((size + header)), left eth0 tx, router eth0 rx, router eth1 tx, right eth0 rx" \
			'(journeys | map(.packet.len) | join(" ")) + ", " + (requests[0] | crossings)'
	done
done

echo '== fragments'
for host in "$target" "$net6:1::2"; do
	ping_from_left -c1 -s 4000 "$host"
	expect_status 0
	expect_json "-s 4000 to $host is one ping" '1 1 0 0 0' "$counts"
	expect_json "-s 4000 to $host: the first fragment's way" \
		'left eth0 tx, router eth0 rx, router eth1 tx, right eth0 rx' 'requests[0] | crossings'
	expect_json "-s 4000 to $host: and the reply's" \
		'right eth0 tx, router eth1 rx, router eth0 tx, left eth0 rx' 'replies[0] | crossings'
	expect_json "-s 4000 to $host: outcomes" 'delivered in right, delivered in left' \
		'[requests[0], replies[0]] | map(outcome_words) | join(", ")'
done

echo '== hops to live'
for host in "$target" "$net6:1::2"; do
	ping_from_left -c1 -t 1 -W 20 "$host"
	expect_status 1
	expect_json "-t 1 to $host: statistics" '1 0 0 1 100' "$counts"
	expect_json "-t 1 to $host: the request ends in the router" 'dropped in router' 'requests[0] | outcome_words'
	expect_json "-t 1 to $host: the request's way" 'left eth0 tx, router eth0 rx' 'requests[0] | crossings'
	expect_json "-t 1 to $host: the error's way back" 'router eth0 tx, left eth0 rx' 'replies[0] | crossings'
	expect_json "-t 1 to $host: the error is delivered" 'delivered in left' 'replies[0] | outcome_words'
	expect_json "-t 1 to $host: the error is time exceeded" \
		"$([[ $host == *:* ]] && echo '3 0' || echo '11 0')" 'replies[0].packet.icmp | "\(.type) \(.code)"'
	expect_json "-t 1 to $host: what the error is about" "$host" 'replies[0].packet.about.dst'
	expect_json "-t 1 to $host: one exchange" true 'requests[0].exchange == replies[0].exchange'
	ping_from_left -c1 -t 2 "$host"
	expect_status 0
done
tp ping --netns left -c1 -t 1 -W 20 "$target"
expect_line 'the table has who said it and what' "From $base.0.2.*[Tt]ime to live exceeded" "$out"

echo '== not answered'
before=$EPOCHSECONDS
ping_from_left -c1 -W 0.3 "$base.0.77"
expect_status 1
expect_json 'nobody at this address' '1 0 0 100' \
	'summary.ping | "\(.transmitted) \(.received) \(.duplicates) \(.loss_percent)"'
[ $((EPOCHSECONDS - before)) -lt 30 ] || fail "-W 0.3 took $((EPOCHSECONDS - before)) s"
tp ping --netns left -c1 -W 0.3 "$base.0.77"
expect_line 'the table says so' 'NOT ANSWERED' "$out"
tr -s '\n ' ' ' <"$out" >"$work/in-one-line"
expect_line 'and how to see where the requests for it end' "tracepkt trace arp and host $base.0.77" "$work/in-one-line"
# One that is answered is enough.
ping_from_left -c2 -i 0.01 -t 2 "$target"
expect_status 0

echo '== names'
printf '%s\n' '127.0.0.1 localhost' '::1 localhost' "$target right.example" >"$work/hosts"
chmod 644 "$work/hosts"
mount --bind "$work/hosts" /etc/hosts
for family in 4 6; do
	tp ping -$family -c1 --format json localhost
	expect_status 0
	expect_json "localhost with -$family" "$([ $family = 4 ] && echo 127.0.0.1 || echo ::1)" 'requests[0].packet.dst'
done
tp ping --netns left -c1 right.example
expect_status 0
expect_line 'the headline has the name and the address' "^ping right.example \($target\), 56 bytes" "$out"

echo '== --duration'
ping_from_left -i 0.05 --duration 0.5 "$target"
expect_status 0
expect_json '--duration 0.5 sent more than one' true 'summary.ping.transmitted > 1'

echo '== many quickly'
many=200
[ -z "$brief" ] || many=40
ping_from_left -c$many -i 0.001 "$target"
expect_status 0
expect_json 'statistics' "$many $many 0 0 0" "$counts"
expect_json 'journeys' "$many $many" "$journey_count"
expect_json 'each has its whole way' "$((2 * many)) 4" \
	'journeys | "\(length) \(map([.hops[] | select(.stage == "tx" or .stage == "rx")] | length) | unique | join(" "))"'
expect_json 'all delivered' $((2 * many)) 'summary.delivered'
