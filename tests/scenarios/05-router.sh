# shellcheck shell=bash
# Through a router: two interfaces more, one hop to live less.
. "$(dirname "$0")/lib.sh"

router_network 4 6

for there in "$target" "$net6:1::2"; do
	echo "== $there"
	tp ping -c1 --netns left --format json "$there"
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

# Sent segments are clones: the router copies them, and what it sends is another buffer.
echo '== TCP'
tp_trace --format json "tcp port 6005 and net $base.0.0/16"
serve right tcp 6005 '
for i in range(20):
    c = s.accept()[0]
    c.sendall(b"y" * 100)
    c.recv(100)
    c.close()'
at left python3 -c "
import socket
for i in range(20):
    s = socket.create_connection(('$target', 6005))
    s.recv(100)
    s.close()"
wait "$server"
wait_for_journeys 100
tp_end INT
expect_status 0
expect_json 'each segment crosses the router, and is one journey' \
	'left eth0 tx, router eth0 rx, router eth1 tx, right eth0 rx | right eth0 tx, router eth1 rx, router eth0 tx, left eth0 rx' \
	'journeys | map(crossings) | unique | join(" | ")'
expect_json 'none of them is taken in where it is forwarded' 'left right' \
	'journeys | map(.outcome.netns.name) | unique | join(" ")'
# The ends may refuse one: an ACK that comes when its connection is over is answered with a reset.
expect_json 'where the kernel gives reasons, none is dropped on its way' '[]' \
	'if summary.kernel | test("^5[.]([0-9]|1[0-6])[.]") then [] else
		journeys | map(select(.outcome.kind == "dropped" and .outcome.netns.name == "router") | .id) end'
