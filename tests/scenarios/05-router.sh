# shellcheck shell=bash
# Through a router: two interfaces more, one hop to live less.
. "$(dirname "$0")/lib.sh"

line_network left router right
base=${net4%.*}

for target in "$base.1.2" "$net6:1::2"; do
	echo "== $target"
	wait_for 'the way to be open' at left ping -c1 -W2 "$target"
	tp ping -c1 --netns left --format json "$target"
	expect_status 0
	expect_json 'the way of the request' \
		'left eth0 tx, router eth0 rx, router eth0 in, router eth1 tx, right eth0 rx, right eth0 in, right eth0 deliver' \
		'requests[0] | way'
	expect_json 'the way of the reply' \
		'right eth0 tx, router eth1 rx, router eth1 in, router eth0 tx, left eth0 rx, left eth0 in, left eth0 deliver' \
		'replies[0] | way'
	expect_json 'the time to live at each crossing' '64 64 63 63, 64 64 63 63' \
		'journeys | map([.hops[] | select(.stage == "tx" or .stage == "rx") | .ttl] | join(" ")) | join(", ")'
	expect_json 'outcomes' 'delivered in right, delivered in left' 'journeys | map(outcome_words) | join(", ")'
done
