# shellcheck shell=bash
# What is lost is counted and told; with room and a moderate load nothing is lost.
. "$(dirname "$0")/lib.sh"

bridge_network web

# Small packets from one namespace to another.
flood() { datagrams web "$net4.1" 6002 20 "$1"; } # number

# In poll(fds, 2, 3000): see hand_over(), which does not wait for ever for a reader that reads nothing.
waits_to_write() { grep -qE '^[0-9]+ 0x[0-9a-f]+ 0x2 0xbb8 ' "/proc/$tp_pid/syscall"; }

for format in json table; do
	echo "== a reader that stops, $format"
	mkfifo "$work/pipe"
	busybox cat <"$work/pipe" >"$work/read" &
	reader=$!
	tp_command="tracepkt trace --format $format | stopped"
	: >"$err"
	env --default-signal=INT "$TRACEPKT" trace --format $format "udp and net $net4.0/24" >"$work/pipe" 2>"$err" &
	tp_pid=$!
	wait_until_ready
	kill -STOP "$reader"
	flood 8000
	kill -INT "$tp_pid"
	wait_for 'all to be read, and the rest of the output to be waited for' waits_to_write
	kill -CONT "$reader"
	tp_wait
	wait "$reader"
	mv "$work/read" "$out"
	rm "$work/pipe"
	expect_status 0
	if [ $format = json ]; then
		expect_json 'what was left out is counted' true 'summary.not_shown > 0'
		expect_json 'and none of it is lost' 8000 'summary.journeys'
		expect_json 'no line is cut' true 'length == (journeys | length) + 1'
		expect_json 'journeys as the summary says' true 'summary.journeys - summary.not_shown == (journeys | length)'
	else
		expect_line 'what was left out is told' '^ +[0-9]+ packets were traced but not shown' "$out"
	fi
	check_json
done

# One after the other, each answered before the next one goes: what is not followed is not dropped either.
serve outer udp 6003 'while True: s.sendto(*s.recvfrom(100))'
ask() { # count
	at web python3 - "$net4.1" "$1" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.connect((sys.argv[1], 6003))
		for i in range(int(sys.argv[2])):
		    s.send(b"x" * 20)
		    s.recv(100)
	END
}

without_time() { # format, command of the load...
	tp_trace --buffer 64K --format "$1" "udp and net $net4.0/24"
	kill -STOP "$tp_pid"
	"${@:2}"
	kill -CONT "$tp_pid"
	tp_end INT
	expect_status 0
}

echo '== a tracer that gets no time: what it tells has no holes'
without_time json ask 1500
expect_json 'what is not followed is counted' true 'summary.lost.not_followed > 100'
expect_json 'each packet is told or counted' 3000 'summary | .journeys + .lost.not_followed'
expect_json 'none is told by halves' '0 0' 'summary | "\(.lost_sight) \(.lost.ring_full)"'
expect_json 'none is cut, where the ring begins anew' 0 'summary.lost.undecodable'
# A reader on another CPU than the sender's may free what it has read unseen (6.18, skb_attempt_defer_free()).
expect_json 'the requests that are told have the same way' 1 \
	'[journeys[] | select(.packet.dport == 6003) | [.hops[] | select(.stage != "deliver") | [.stage, .dev.name]]] | unique | length'
without_time table ask 1500
expect_line 'the summary says so' '[0-9]+ (events, )?[0-9]* ?LOST' "$out"
expect_line 'and which, how many' 'lost [0-9]+ packets .*not_followed' "$out"

echo '== the drops of what is not followed'
without_time json flood 80
expect_json 'not all of them are followed' true 'summary.lost.not_followed > 10'
expect_json 'and all of the drops are told' '80 0' 'summary | "\(.dropped) \(.lost.ring_full)"'

echo '== nor room for the drops'
without_time json flood 5000
expect_json 'that is counted too' true 'summary.lost.ring_full > 100'
expect_json 'and what was not lost is told' true 'summary | .events > 0 and .journeys > 0'

echo '== a ring that begins anew a few times: no record is cut there'
tp_trace --buffer 64K --format json "icmp and net $net4.0/24"
at web ping -q -c300 -i 0.005 "$net4.1" >"$work/ping"
tp_end INT
expect_json 'all that is told can be read' '0 true' 'summary | "\(.lost.undecodable) \(.events > 1000)"'

echo '== a moderate load'
tp_trace --format json "icmp and net $net4.0/24"
at web ping -q -c300 -i 0.005 "$net4.1" >"$work/ping"
tp_end INT
expect_status 0
expect_json 'nothing lost' 0 'summary.lost | add'
expect_json 'nothing left out' 0 'summary.not_shown'
answered=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$work/ping")
expect_json 'every one of them, there and back' "$answered $answered" '"\(requests | length) \(replies | length)"'

echo '== many at once, with room'
tp_trace --format json "udp and net $net4.0/24"
flood 2000
tp_end INT
expect_status 0
expect_json 'none lost, none left out' '0 0' '"\(summary.lost | add) \(summary.not_shown)"'
expect_json 'all of them' 2000 'journeys | length'

echo '== more under way than the table has places'
# A queue that nobody reads keeps them: 33 is SO_RCVBUFFORCE.
serve outer udp 6004 's.setsockopt(socket.SOL_SOCKET, 33, 1 << 27); print("large", flush=True); signal.pause()'
wait_for 'a large queue' has large "$work/server"
# Room for all events, should the tracer get no time on a busy machine.
tp_trace --buffer 128M --format json "udp and net $net4.0/24"
datagrams web "$net4.1" 6004 20 33000
tp_end INT
expect_status 0
expect_json 'what was taken in long ago makes room, and each packet is one' '33000 0' 'summary | "\(.journeys) \(.lost.table_full)"'
kill "$server"

echo '== a bad size'
for size in 0 -1 x 1G64 99999999T; do
	tp trace --buffer $size icmp
	expect_status 2
done
