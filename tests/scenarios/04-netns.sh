# shellcheck shell=bash
# --netns: the ping is sent from inside a container, to another one at the same bridge; every way to name the namespace.
. "$(dirname "$0")/lib.sh"

bridge_network web db
nsenter --net=/run/netns/web busybox sleep 600 &
pid=$!
in_web() { [ "$(netns_inode web)" = "$(stat -L -c %i /proc/$pid/ns/net)" ]; }
wait_for 'a process in web' in_web

for netns in web /run/netns/web "$pid" "$(netns_inode web)" "/proc/$pid/ns/net"; do
	for target in "$net4.3" "$net6::3"; do
		[ -z "$brief" ] || [ "$netns" = web ] || [ "$target" = "$net4.3" ] || continue
		echo "== --netns $netns $target"
		tp ping -c1 --netns "$netns" --format json "$target"
		expect_status 0
		expect_json 'the way of the request' \
			'web eth0 tx, outer v-web rx, outer v-db tx, db eth0 rx, db eth0 in, db eth0 deliver' 'requests[0] | way'
		expect_json 'the way of the reply' \
			'db eth0 tx, outer v-db rx, outer v-web tx, web eth0 rx, web eth0 in, web eth0 deliver' 'replies[0] | way'
		expect_json 'outcomes' 'delivered in db, delivered in web' 'journeys | map(outcome_words) | join(", ")'
	done
done

# The addresses are looked for in there as well.
tp ping -c1 --netns web --format json ::1
expect_status 0
expect_json 'its own localhost' 'web lo tx, web lo rx' 'requests[0] | crossings'

tp ping -c1 --netns no-such-namespace 127.0.0.1
expect_status 2
expect_line 'it says which namespace is unknown' 'no-such-namespace' "$err"
tp ping -c1 --netns /dev/null 127.0.0.1
expect_status 2
expect 'a line says why' 1 "$(count_lines '^tracepkt: ' "$err")"
