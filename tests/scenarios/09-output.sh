# shellcheck shell=bash
# Where the output goes: a reader that has enough, a full disk, a terminal, colour.
. "$(dirname "$0")/lib.sh"

bridge_network web
target=$net4.2

for format in table classic json; do
	echo "== | head -3, $format"
	begin=$SECONDS
	set +e
	timeout -k 5 "$patience" "$TRACEPKT" ping -i 0.05 --format $format "$target" 2>"$err" | head -3 >"$out"
	status=${PIPESTATUS[0]}
	set -e
	tp_command="tracepkt ping -i 0.05 --format $format $target | head -3"
	expect 'three lines' 3 "$(wc -l <"$out")"
	[ $((SECONDS - begin)) -lt 30 ] || fail "it went on for $((SECONDS - begin)) s after its reader's end"
	case $status in
		0 | 141) ;;
		*) fail "exit status $status, expected 0 or 141" ;;
	esac
	expect_no_line 'no complaint' '[Bb]roken pipe|cannot write|[Ee]rror' "$err"
done

echo '== a full disk'
for format in table classic json; do
	status=0
	timeout -k 5 "$patience" "$TRACEPKT" ping -c2 -i 0.05 --format $format "$target" >/dev/full 2>"$err" || status=$?
	tp_command="tracepkt ping -c2 --format $format $target >/dev/full"
	expect "exit status of $tp_command" 2 "$status"
	expect_line "it says why ($format)" '^tracepkt: .*No space left on device' "$err"
done
status=0
timeout -k 5 "$patience" "$TRACEPKT" trace --duration 20 --format json "icmp and net $net4.0/24" >/dev/full 2>"$err" &
tp_pid=$!
tp_command='tracepkt trace >/dev/full'
wait_until_ready
ping -q -c2 -i 0.2 "$target" >/dev/null
tp_wait
expect "exit status of $tp_command" 2 "$status"
expect_line 'trace says why' '^tracepkt: .*No space left on device' "$err"
for args in doctor 'doctor --format json' --help 'ping --help' --version; do
	status=0
	# shellcheck disable=SC2086 # words
	timeout -k 5 "$patience" "$TRACEPKT" $args >/dev/full 2>"$err" || status=$?
	tp_command="tracepkt $args >/dev/full"
	expect "exit status of $tp_command" 2 "$status"
	expect_line "$args says why" '^tracepkt: .*No space left on device' "$err"
done

echo '== closed standard output'
status=0
timeout -k 5 "$patience" "$TRACEPKT" ping -c1 "$target" >&- 2>"$err" || status=$?
expect 'exit status with stdout closed' 2 "$status"
expect 'and why' 'tracepkt: the standard output is closed' "$(head -1 "$err")"
status=0
timeout -k 5 "$patience" "$TRACEPKT" ping -c1 "$target" <&- >&- 2>&- || status=$?
expect 'exit status with all closed' 2 "$status"
status=0
timeout -k 5 "$patience" "$TRACEPKT" ping -c1 "$target" <&- >"$out" 2>&- || status=$?
expect 'exit status with the other two closed' 0 "$status"

echo '== colour'
escape=$'\e'
colours() { # what expected file
	expect "$1: escape sequences" "$2" "$(grep -q "$escape" "$3" && echo yes || echo no)"
}
tp ping -c1 "$target"
colours 'to a file' no "$out"
tp ping -c1 --color always "$target"
colours 'to a file, always' yes "$out"
expect 'without them the same rows' "$(printf 'web eth0 rx\nweb eth0 tx')" \
	"$(sed "s/$escape\[[0-9;]*m//g" "$out" | awk '$1 == "web" && ($3 == "rx" || $3 == "tx") { print $1, $2, $3 }')"
NO_COLOR=1 tp ping -c1 --color always "$target"
colours 'to a file, always, NO_COLOR' yes "$out"
tp ping -c1 --color always --format json "$target"
colours 'json, always' no "$out"
tp ping -c1 --color always --format classic "$target"
colours 'classic, always' no "$out"

on_terminal() { # env... -- args...
	local environment=()
	while [ "$1" != -- ]; do environment+=("$1") && shift; done
	shift
	tp_command="tracepkt $* (on a terminal)"
	script -qec "env ${environment[*]} $TRACEPKT $*" /dev/null </dev/null >"$out"
}
if ! command -v script >/dev/null; then
	without 'colour on a terminal: there is no script(1), package bsdutils'
else
	on_terminal TERM=xterm -- ping -c1 "$target"
	colours 'on a terminal' yes "$out"
	on_terminal TERM=xterm -- ping -c1 --color never "$target"
	colours 'on a terminal, never' no "$out"
	on_terminal TERM=xterm NO_COLOR=1 -- ping -c1 "$target"
	colours 'on a terminal, NO_COLOR' no "$out"
	on_terminal TERM=xterm NO_COLOR= -- ping -c1 "$target"
	colours 'on a terminal, NO_COLOR empty' yes "$out"
	on_terminal TERM=dumb -- ping -c1 "$target"
	colours 'on a dumb terminal' no "$out"
fi
