# shellcheck shell=bash
# Two containers at a bridge; a ping to one of them and back, every interface once and in order.
. "$(dirname "$0")/lib.sh"

bridge_network web db

for target in "$net4.2" "$net6::2"; do
	echo "== $target"
	tp ping -c1 --format json "$target"
	expect_status 0
	expect_json 'journeys' 'request reply' 'journeys | map(.direction) | join(" ")'
	expect_json 'the way of the request' \
		'outer br0 tx, outer v-web tx, web eth0 rx, web eth0 in, web eth0 deliver' 'requests[0] | way'
	expect_json 'the way of the reply' \
		'web eth0 tx, outer v-web rx, outer br0 rx, outer br0 in, outer br0 deliver' 'replies[0] | way'
	expect_json 'outcomes' 'delivered in web, delivered in outer' 'journeys | map(outcome_words) | join(", ")'
	expect_json 'the request and its reply are one exchange' true 'journeys | .[0].exchange == .[1].exchange'
	expect_json 'times do not go back' 'true true' 'journeys | map(ordered) | join(" ")'
	expect_json 'the namespaces are the right ones' "$(netns_inode web) $(netns_inode outer)" \
		'journeys | map(.outcome.netns.inode) | join(" ")'
	expect_json 'address and length' "$target $([[ $target == *:* ]] && echo 104 || echo 84)" 'requests[0].packet | "\(.dst) \(.len)"'
	expect_json 'who read the reply' "raw 1 socket" \
		'replies[0].outcome.socket | if .type == 3 and .process == "tracepkt" then "raw 1 socket" else tojson end'
	expect_json 'nothing lost' 0 'summary.lost | add'
	expect_json 'the summary counts them' '2 2 0' 'summary | "\(.journeys) \(.delivered) \(.dropped)"'
done

# What has to be resolved first by ARP or a neighbour solicitation takes the same way.
for target in "$net4.2" "$net6::2"; do
	ip neigh flush dev br0
	at web ip neigh flush dev eth0
	tp ping -c1 --format json "$target"
	expect_status 0
	expect_json "the request, neighbours unknown ($target)" \
		'outer br0 tx, outer v-web tx, web eth0 rx, web eth0 in, web eth0 deliver' 'requests[0] | way'
	expect_json "the reply, neighbours unknown ($target)" \
		'web eth0 tx, outer v-web rx, outer br0 rx, outer br0 in, outer br0 deliver' 'replies[0] | way'
done

# As a person reads it: the headline, a row a hop, in 80 columns.
tp ping -c1 "$net4.2"
expect_status 0
expect_line 'the headline says that it was answered' "^ping $net4.2, 56 bytes.* answered in [0-9.]+ [mu]?s" "$out"
expect_line 'a row for the interface of the container' '^  web +eth0 +rx +[0-9.]+$' "$out"
expect_line 'the reply has its heading' '^  <- reply$' "$out"
expect_line 'statistics as of ping' '^1 packets transmitted, 1 received, 0% packet loss' "$out"
expect 'lines longer than 80 columns' '' "$(awk 'length > 80' "$out")"
expect 'nothing on stderr' '' "$(cat "$err")"

# Called as the first tracepkt was.
tp "$net4.2"
expect_status 0
expect_line 'short form: one packet' '^1 packets transmitted, 1 received' "$out"
