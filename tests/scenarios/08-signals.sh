# shellcheck shell=bash
# Ctrl-C at any moment: the summary is printed, the exit status is ping's, nothing stays.
. "$(dirname "$0")/lib.sh"

bridge_network web
target=$net4.2

ended_well() { # what
	expect_json "$1: a summary, as the last line" summary '.[-1].type'
	expect "$1: no error" '' "$(sed '/^tracing /d' "$err")"
}

for signal in INT TERM; do
	echo "== $signal while it pings"
	tp_start ping -i 0.1 --format json "$target"
	wait_for_journeys 4
	tp_end $signal
	expect_status 0
	ended_well "ping, $signal"
	expect_json 'sent as many as came back' true 'summary.ping | .transmitted >= .received and .received >= 2'
	expect_json 'a journey each' true '(requests | length) == summary.ping.transmitted'

	echo "== $signal while it waits for an answer that never comes"
	silent=$net4.$([ $signal = INT ] && echo 98 || echo 99)
	tp_start ping -W 600 -c1 --format json "$silent"
	wait_for 'the neighbour to be looked for' sh -c "ip neigh show dev br0 | grep -q '$silent '"
	begin=$SECONDS
	tp_end $signal
	expect_status 1
	ended_well "waiting, $signal"
	expect_json 'and why nothing came' 'Interrupted before an answer came.' '.[] | select(.type == "exchange").trouble'
	expect_json 'it counts' '1 0' 'summary.ping | "\(.transmitted) \(.received)"'
	[ $((SECONDS - begin)) -lt 20 ] || fail "it took $((SECONDS - begin)) s to end"

	echo "== $signal between two pings, the first one answered"
	tp_start ping -i 600 --format json "$target"
	wait_for_journeys 2
	tp_end $signal
	expect_status 0
	ended_well "between, $signal"

	echo "== $signal while it traces"
	tp_trace --format json "icmp and net $net4.0/24"
	ping -q -c1 "$target" >/dev/null
	wait_for_journeys 2
	tp_end $signal
	expect_status 0
	ended_well "trace, $signal"
done

echo '== while packets are under way'
tp_trace --format json "icmp and net $net4.0/24"
ping -q -f -c 3000 "$target" >/dev/null &
flood=$!
wait_for_journeys 100
tp_end INT
kill "$flood" 2>/dev/null || true
wait "$flood" || true
expect_status 0
ended_well 'under load'
expect_json 'the summary counts what was printed' true '(journeys | length) == summary.journeys - summary.not_shown'

# Before it is ready: it may end by the signal itself, or with a summary, but it ends, and quickly.
echo '== at the start'
moments=(0 1 2 3 4 6 8 12 16 24 32)
[ -z "$brief" ] || moments=(0 4 16 64)
for moment in "${moments[@]}"; do
	tp_start ping -W 1 -i 0.2 --format json "$target"
	wait_for 'the program to begin' is_running "$tp_pid"
	for ((i = 0; i < moment; i++)); do read -rt 0.01 -u "$idle" || true; done
	begin=$SECONDS
	kill -INT "$tp_pid" 2>/dev/null || fail "gone before the signal at moment $moment"
	tp_wait
	[ $((SECONDS - begin)) -lt 20 ] || fail "at moment $moment it took $((SECONDS - begin)) s to end"
	case $status in
		0 | 1 | 130) ;;
		*) fail "exit status at moment $moment: $status, expected 0, 1 or 130" && show "$out" "$err" ;;
	esac
	[ ! -s "$out" ] || [ $status = 130 ] || ended_well "at moment $moment"
	[ ! -s "$err" ] || { fail "an error at moment $moment" && show "$err"; }
done

# Nothing is sent after the signal, and what came before it is heard.
echo '== while it starts'
takes_signals() { is_running "$tp_pid" && [ $((0x$(awk '$1 == "SigBlk:" { print $2 }' "/proc/$tp_pid/status") & 2)) != 0 ]; }
tp_start ping -W 1 -i 0.2 --format json "$target"
wait_for 'it to take signals' takes_signals
tp_end INT
ended_well 'while it starts'
expect_json 'whatever it sent was answered' '[]' '[.[] | select(.type == "exchange" and (.answered | not))]'

# A reader that has the pipe open and reads nothing: what it did not take is left out, and that is said.
echo '== nobody reads the output'
mkfifo "$work/pipe"
for command in ping trace; do
	rm -f "$work/reader"
	python3 -c '
import fcntl, struct, sys, termios, time
pipe = open(sys.argv[1], "rb", 0)
fcntl.fcntl(pipe, 1031, 4096)  # F_SETPIPE_SZ: a page, and with anything in it is full
while not struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]: time.sleep(0.05)
print("full", flush=True)
time.sleep(10000)' "$work/pipe" >"$work/reader" &
	reader=$!
	: >"$err"
	args=(ping -i 0.05 "$target")
	[ $command = ping ] || args=(trace "icmp and net $net4.0/24")
	tp_command="tracepkt ${args[*]} >pipe"
	env --default-signal=INT "$TRACEPKT" "${args[@]}" >"$work/pipe" 2>"$err" &
	tp_pid=$!
	if [ $command = trace ]; then
		wait_until_ready
		ping -q -c1 "$target" >/dev/null
	fi
	wait_for 'the pipe to be full' has full "$work/reader"
	tp_end INT
	expect_status 2
	expect_line 'that it was left out' 'nobody reads the output: its last [0-9]+ bytes, .* are not written' "$err"
	expect_line 'what was traced' '^traced [0-9]+ packets' "$err"
	# While it is there, the next tracepkt may be given its pipe, which then nobody reads.
	kill "$reader"
	wait "$reader" 2>/dev/null || true
done

echo '== SIGQUIT (Ctrl and the backslash)'
tp_start ping -i 0.1 --format json "$target"
wait_for_journeys 2
tp_end QUIT
expect_status 0
ended_well 'ping, QUIT'

echo '== twice'
tp_start ping -i 0.1 --format json "$target"
wait_for_journeys 2
kill -INT "$tp_pid"
kill -INT "$tp_pid" 2>/dev/null || true
tp_wait
case $status in
	0 | 130) ;;
	*) fail "exit status after two Ctrl-C: $status, expected 0 or 130" ;;
esac
