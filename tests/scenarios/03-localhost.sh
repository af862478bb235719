# shellcheck shell=bash
# This machine itself: out by lo and in by lo, there and back.
. "$(dirname "$0")/lib.sh"

ip addr add "$net4.1/32" dev lo
for target in 127.0.0.1 ::1 localhost "$net4.1"; do
	echo "== $target"
	tp ping -c1 --format json "$target"
	expect_status 0
	for direction in requests replies; do
		expect_json "$direction" 'outer lo tx, outer lo rx, outer lo in, outer lo deliver' "${direction}[0] | way"
	done
	expect_json 'journeys' 'delivered in outer, delivered in outer' 'journeys | map(outcome_words) | join(", ")'
done

# Over lo a large packet's data is in pages, of the request the ICMP header as well (on newer kernels).
for target in 127.0.0.1 ::1; do
	echo "== large, $target"
	tp ping -c1 --format json -s 20000 "$target"
	expect_status 0
	expect_json 'the answer is followed' 'outer lo tx, outer lo rx, outer lo in, outer lo deliver' 'replies[0] | way'
	expect_json 'the request is, or it is said that it could not be' true \
		'(requests | length) == 1 or summary.lost.unreadable > 0'
done
